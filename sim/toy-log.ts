/**
 * A log small enough to be seen to be right, and the mistakes that each break it in one way. Canaries for the fault
 * model: the simulator has to catch every mistake, and to find nothing wrong with the log that makes none.
 *
 * The log is one file of 16-byte entries (number, a value, a CRC over both) and a head file, `current`, that names it;
 * `current` is replaced through a rename whenever the log is moved to a new file.
 */
import { crc32 } from "node:zlib";
import { type Disk, type DiskFile, isMissing } from "../src/ports/disk.ts";

export type Mistake =
  | "acknowledges before it syncs"
  | "syncs while the write is in flight"
  | "checks no checksum"
  | "checks the last entry only"
  | "takes zeroes for an entry"
  | "never syncs the folder"
  | "renames before it syncs the file"
  | "removes the old file before the rename is durable"
  | "trusts the bytes that a killed process left"
  | "syncs what was found without writing it again"
  | "trusts the names that a killed process left"
  | "tries a failed sync again"
  | "overlooks the failed sync of another append"
  | "goes on after a failed write"
  | "changes a buffer in flight";

const ENTRY_BYTES = 16;
const HEAD = "current";

export class ToyLog {
  readonly #disk: Disk;
  readonly #mistake: Mistake | undefined;
  #file: DiskFile;
  #name: string;
  #entries: number[] = [];
  #failure: Error | undefined;

  private constructor(disk: Disk, options: { mistake: Mistake | undefined; file: DiskFile; name: string }) {
    this.#disk = disk;
    this.#mistake = options.mistake;
    this.#file = options.file;
    this.#name = options.name;
  }

  /** Opens the log, or creates it. `entries` then holds what it found. */
  static async open(disk: Disk, mistake: Mistake | undefined): Promise<ToyLog> {
    const name = await readHead(disk);
    if (name === undefined) {
      const log = new ToyLog(disk, { mistake, file: await freshFile(disk, "log-0"), name: "log-0" });
      await log.#publish("log-0");
      await log.#syncFolder();
      return log;
    }
    const log = new ToyLog(disk, { mistake, file: await disk.open(name, "readWrite"), name });
    await log.#recover();
    return log;
  }

  get entries(): readonly number[] {
    return this.#entries;
  }

  /** Appends a value. It is durable when this resolves, unless the mistake says otherwise. */
  async append(value: number): Promise<void> {
    const position = this.#entries.length * ENTRY_BYTES;
    this.#entries.push(value);
    const entry = encode(this.#entries.length, value);
    const written = this.#write(entry, position);
    if (this.#mistake === "acknowledges before it syncs") {
      await written;
      void this.#file.sync();
      return;
    }
    if (this.#mistake === "syncs while the write is in flight") {
      await Promise.all([written, this.#file.sync()]);
      return;
    }
    if (this.#mistake === "changes a buffer in flight") entry.fill(0);
    await written;
    await this.#sync();
  }

  /** Moves everything to a new file. */
  async roll(): Promise<void> {
    const old = { name: this.#name, file: this.#file };
    this.#name = `log-${Number(old.name.slice("log-".length)) + 1}`;
    this.#file = await freshFile(this.#disk, this.#name);
    const copy = this.#entries.map((value, index) => encode(index + 1, value));
    await this.#file.write(copy, 0);
    if (this.#mistake !== "renames before it syncs the file") await this.#file.sync();
    await this.#publish(this.#name);
    if (this.#mistake !== "removes the old file before the rename is durable") await this.#syncFolder();
    await old.file.close();
    // If the old file comes back, nothing names it.
    await this.#disk.remove(old.name);
  }

  /** Makes `current` name the file; durable with the next sync of the folder. */
  async #publish(name: string): Promise<void> {
    const head = await freshFile(this.#disk, "current.tmp");
    await head.write([Buffer.from(name)], 0);
    await head.sync();
    await head.close();
    await this.#syncFolder();
    await this.#disk.rename("current.tmp", HEAD);
  }

  async #syncFolder(): Promise<void> {
    if (this.#mistake !== "never syncs the folder") await this.#disk.syncFolder("");
  }

  async #write(entry: Buffer, position: number): Promise<void> {
    try {
      await this.#file.write([entry.subarray(0, 5), entry.subarray(5)], position);
    } catch (error) {
      if (this.#mistake !== "goes on after a failed write") throw this.#fail(error);
    }
  }

  async #sync(): Promise<void> {
    try {
      await this.#file.sync();
    } catch (error) {
      if (this.#mistake !== "tries a failed sync again") throw this.#fail(error);
      await this.#file.sync();
    }
    // Another append's sync may have failed, and taken this one's bytes with it: success means nothing then.
    if (this.#failure !== undefined && this.#mistake !== "overlooks the failed sync of another append") {
      throw this.#failure;
    }
  }

  #fail(error: unknown): Error {
    this.#failure ??= error as Error;
    return this.#failure;
  }

  /** Keeps the entries up to the first that is not whole, and makes sure of all that was found: it may be unsynced. */
  async #recover(): Promise<void> {
    const bytes = Buffer.alloc(await this.#file.sizeBytes());
    await this.#file.read(bytes, 0);
    const count = Math.floor(bytes.length / ENTRY_BYTES);
    const last = bytes.subarray((count - 1) * ENTRY_BYTES);
    const trusted = this.#mistake === "checks the last entry only" && count > 0 && isWhole(last, count);
    for (let number = 1; number <= count; number++) {
      const entry = bytes.subarray((number - 1) * ENTRY_BYTES, number * ENTRY_BYTES);
      if (!trusted && !this.#accepts(entry, number)) break;
      this.#entries.push(entry.readUInt32LE(4));
    }
    const whole = bytes.subarray(0, this.#entries.length * ENTRY_BYTES);
    await this.#file.truncate(whole.length);
    // A sync that failed before the last process ended has left bytes that can be read, are not on the medium, and
    // that the system takes for written: only writing them again makes the next sync true.
    if (this.#mistake !== "syncs what was found without writing it again") await this.#file.write([whole], 0);
    if (this.#mistake !== "trusts the bytes that a killed process left") await this.#file.sync();
    if (this.#mistake !== "trusts the names that a killed process left") await this.#syncFolder();
  }

  #accepts(entry: Buffer, number: number): boolean {
    if (this.#mistake === "takes zeroes for an entry" && entry.every((byte) => byte === 0)) return true;
    if (this.#mistake === "checks no checksum") return entry.readUInt32LE(0) === number;
    return isWhole(entry, number);
  }
}

async function readHead(disk: Disk): Promise<string | undefined> {
  try {
    const head = await disk.open(HEAD, "read");
    const bytes = Buffer.alloc(await head.sizeBytes());
    await head.read(bytes, 0);
    await head.close();
    return bytes.toString();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** An empty file of this name; what a crash may have left under it goes. */
async function freshFile(disk: Disk, name: string): Promise<DiskFile> {
  if ((await disk.list("")).includes(name)) await disk.remove(name);
  return disk.create(name);
}

function encode(number: number, value: number): Buffer {
  const entry = Buffer.alloc(ENTRY_BYTES);
  entry.writeUInt32LE(number, 0);
  entry.writeUInt32LE(value, 4);
  entry.writeUInt32LE(crc32(entry.subarray(0, 8)), 12);
  return entry;
}

function isWhole(entry: Buffer, number: number): boolean {
  return entry.readUInt32LE(0) === number && entry.readUInt32LE(12) === crc32(entry.subarray(0, 8));
}
