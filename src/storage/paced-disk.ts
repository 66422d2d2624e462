/**
 * The disk as the storage worker uses it: while the log is written, a piece at a time, with pauses. Otherwise a producer's sync
 * would wait behind megabytes that nobody waits for.
 */
import { ByteBudget } from "../log/byte-budget.ts";
import { Pauses } from "../log/pauses.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk, DiskFile, SyncedFile } from "../ports/disk.ts";
import { wrapped, wrappedFile } from "../ports/wrapped-disk.ts";

const PIECE_BYTES = 1024 * 1024;
const COUNTED_MS_PER_MEBIBYTE = 2;

export class Pace {
  /** How much longer than the work the pause is that follows it; 0: no pauses. */
  factor = 0;
  readonly #pauses: Pauses;
  readonly #turn = new ByteBudget(1);

  constructor(clock: Clock) {
    this.#pauses = new Pauses(clock, COUNTED_MS_PER_MEBIBYTE);
  }

  /** Works on `bytes`, in pieces; `work` answers how much there was. Answers the sum. */
  async pieces(
    bytes: Uint8Array,
    at: number,
    work: (piece: Uint8Array, at: number) => Promise<number>,
  ): Promise<number> {
    let done = 0;
    for (;;) {
      if (this.factor === 0) return done + (await work(bytes.subarray(done), at + done));
      const piece = bytes.subarray(done, done + PIECE_BYTES);
      await this.#turn.acquire(1);
      try {
        await this.#pauses.wait();
        const pieceAt = at + done;
        const doneBytes = await this.#pauses.after(piece.length, this.factor, () => work(piece, pieceAt));
        done += doneBytes;
        if (doneBytes < piece.length || done === bytes.length) return done;
      } finally {
        this.#turn.release(1);
      }
    }
  }
}

/** `disk`, whose files are read, and with synced writes written, at this pace. */
export function pacedDisk(disk: Disk, pace: Pace): Disk {
  const paced = (file: DiskFile): DiskFile =>
    wrappedFile(file, {
      read: (into, position) => pace.pieces(into, position, (piece, at) => file.read(piece, at)),
    });
  return wrapped(disk, {
    open: async (name, access) => paced(await disk.open(name, access)),
    syncedWrites: async (folder) => {
      const writes = await disk.syncedWrites(folder);
      return {
        ...writes,
        create: async (name) => pacedWrites(await writes.create(name), pace),
        reuse: async (from, name) => pacedWrites(await writes.reuse(from, name), pace),
        open: async (name) => paced(await writes.open(name)),
      };
    },
  });
}

function pacedWrites(file: SyncedFile, pace: Pace): SyncedFile {
  return {
    write: async (parts, position) => {
      let at = position;
      for (const part of parts) {
        await pace.pieces(part, at, async (piece, pieceAt) => {
          await file.write([piece], pieceAt);
          return piece.length;
        });
        at += part.length;
      }
    },
    close: () => file.close(),
  };
}
