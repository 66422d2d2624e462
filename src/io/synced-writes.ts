/**
 * Writes that are durable when the call returns, O_DSYNC of Linux: against write and fdatasync at 128 KiB, 0.11 ms instead of
 * 0.15. And writes and reads that go past the system's memory (O_DIRECT), for what nobody will read soon, and for seeing what
 * really is on the disk; positions, lengths and addresses must be aligned for them.
 */
import fs from "node:fs";
import path from "node:path";
import type { SyncedWrites } from "../ports/disk.ts";

/**
 * A page of the system's memory, a block of most file systems, and a multiple of every device's. The system writes whole
 * ones, so what begins at a multiple of this never shares one with what was durable before.
 */
const ALIGNMENT_BYTES = 4096;
const PROBE_NAME = "synced-writes.probe";
const WASM_PAGE_BYTES = 64 * 1024;
/** Each takes gigabytes of address space, though not of memory: a process that is limited in it cannot have so many. */
const PROBE_BUFFERS = 24;

/** The part of it that is used here; Node's types leave it out. */
declare const WebAssembly: {
  readonly Memory: new (limits: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

export interface SyncedWriteFlags extends Pick<SyncedWrites, "alignmentBytes" | "allocate"> {
  /** Creates a file for such writes; fails when it exists. */
  readonly createFlags: number;
  /** The same, past the system's memory. */
  readonly createDirectFlags: number;
  /** Opens a file for reads past the system's memory. */
  readonly openFlags: number;
}

/** How to write and read in `folder` so, or undefined when that is not possible there. Leaves nothing behind. */
export function syncedWriteFlags(folder: string): SyncedWriteFlags | undefined {
  const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_DIRECT, O_DSYNC } = fs.constants;
  // Other systems lack the flag, or do not flush the device's cache for the other.
  if (process.platform !== "linux" || O_DIRECT === undefined || O_DSYNC === undefined) return undefined;
  const probe = path.join(folder, PROBE_NAME);
  const createFlags = O_RDWR | O_CREAT | O_DSYNC | O_EXCL;
  const createDirectFlags = createFlags | O_DIRECT;
  const openFlags = O_RDONLY | O_DIRECT;
  try {
    fs.rmSync(probe, { force: true });
    const works = canWriteAndRead(probe, createDirectFlags, openFlags);
    fs.rmSync(probe, { force: true });
    if (!works) return undefined;
    return { alignmentBytes: ALIGNMENT_BYTES, allocate: alignedBuffer, createFlags, createDirectFlags, openFlags };
  } catch {
    return undefined; // whatever it is: the other way works wherever any file does
  }
}

/**
 * Memory that begins at a multiple of the system's page size. Nothing in Node promises that of a `Buffer`, but memory of
 * WebAssembly is mapped in pages.
 */
function alignedBuffer(sizeBytes: number): Buffer {
  const pages = Math.ceil(sizeBytes / WASM_PAGE_BYTES);
  return Buffer.from(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer, 0, sizeBytes);
}

function canWriteAndRead(probe: string, createFlags: number, openFlags: number): boolean {
  const [buffer] = Array.from({ length: PROBE_BUFFERS }, () => alignedBuffer(WASM_PAGE_BYTES));
  const written = fs.openSync(probe, createFlags, 0o600);
  try {
    if (fs.writeSync(written, buffer!, 0, 2 * ALIGNMENT_BYTES, 0) !== 2 * ALIGNMENT_BYTES) return false;
  } finally {
    fs.closeSync(written);
  }
  const read = fs.openSync(probe, openFlags);
  try {
    return fs.readSync(read, buffer!, ALIGNMENT_BYTES, ALIGNMENT_BYTES, ALIGNMENT_BYTES) === ALIGNMENT_BYTES;
  } finally {
    fs.closeSync(read);
  }
}
