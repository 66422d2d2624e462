/**
 * Advice about memory for the system: which is to be of 2 MiB pages, and which nobody needs.
 *
 * Pages of 2 MiB are for what goes to and from a disk past the system's memory. A read or write is handed to the disk in
 * stretches of memory that lie together, and of pages of 4 KiB hardly any two do: on a virtual disk, 1 MiB is read in 0.8 ms
 * into such, and in 0.5 ms into huge ones; 128 KiB are written and synced in 0.16 and 0.12 ms (docs/decisions/0011-direct-writes.md).
 *
 * Given with madvise(2). Where that can't be called (`c-library.ts`), and where the system has no huge pages to give, it is memory as
 * any other.
 */
import { cLibrary } from "./c-library.ts";

const HUGE_PAGE_BYTES = 2 * 1024 * 1024;
/** So much is left with small pages: of its first memory a process that does little touches only the beginning. */
const EARLY_BYTES = 8 * 1024 * 1024;
/** Of Linux. */
const MADV_DONTNEED = 4;
const MADV_HUGEPAGE = 14;

const trim = cLibrary({ malloc_trim: { return: "int32", arguments: ["uint64"] } });
const madvise = cLibrary({ madvise: { return: "int32", arguments: ["pointer", "uint64", "int32"] } });
let earlyBytes = 0;

/**
 * So much memory, from `from` on, with huge pages if there are any. `allocate`: of memory that nobody has touched, of at least this
 * size.
 */
export function withHugePages<Memory extends ArrayBuffer | SharedArrayBuffer>(
  sizeBytes: number,
  allocate: (bytes: number) => Memory,
): { readonly memory: Memory; readonly from: number } {
  if (sizeBytes < HUGE_PAGE_BYTES) return { memory: allocate(sizeBytes), from: 0 };
  const isEarly = earlyBytes + sizeBytes <= EARLY_BYTES;
  if (isEarly) earlyBytes += sizeBytes;
  const library = isEarly ? undefined : madvise();
  if (library === undefined) return { memory: allocate(sizeBytes), from: 0 };
  const memory = allocate(sizeBytes + HUGE_PAGE_BYTES);
  try {
    const address = library.addressOf(memory as ArrayBuffer);
    const skipped = -address & BigInt(HUGE_PAGE_BYTES - 1);
    const hugeBytes = sizeBytes - (sizeBytes % HUGE_PAGE_BYTES);
    library.functions.madvise(address + skipped, BigInt(hugeBytes), MADV_HUGEPAGE); // when it refuses, pages are small
    return { memory, from: Number(skipped) };
  } catch {
    return { memory, from: 0 };
  }
}

/**
 * Gives memory back to the system that nobody needs what stands in: it is still there, with zeros, and takes up none until it is
 * written to. That is so of what begins with a page, up to its last 2 MiB that are whole; all else stays as it is.
 */
export function freePages(memory: Buffer<ArrayBufferLike>): void {
  // The system frees whole pages, also what of the last one belongs to others; none is larger than this.
  const bytes = memory.length - (memory.length % HUGE_PAGE_BYTES);
  if (bytes === 0) return;
  try {
    const library = madvise();
    const address = library?.addressOf(memory.buffer as ArrayBuffer);
    if (address !== undefined)
      library?.functions.madvise(address + BigInt(memory.byteOffset), BigInt(bytes), MADV_DONTNEED);
  } catch {
    // it stays as it is
  }
}

/** Gives memory back to the system that the C library keeps for the next who asks for some: megabytes behind a start, or a load. It takes 1 ms. */
export function trimHeap(): void {
  try {
    trim()?.functions.malloc_trim(0n);
  } catch {
    // it stays as it is
  }
}
