/**
 * Memory of 2 MiB pages, for what goes to and from a disk past the system's memory. A read or write is handed to the disk in
 * stretches of memory that lie together, and of pages of 4 KiB hardly any two do: on a virtual disk, 1 MiB is read in 0.8 ms
 * into such, and in 0.5 ms into huge ones; 128 KiB are written and synced in 0.16 and 0.12 ms (docs/decisions/0011-direct-writes.md).
 *
 * Asked for with madvise(2). Where that can't be called (`c-library.ts`), and where the system has no huge pages to give, it is memory as
 * any other.
 */
import { cLibrary } from "./c-library.ts";

const HUGE_PAGE_BYTES = 2 * 1024 * 1024;
/** So much is left with small pages: of its first memory a process that does little touches only the beginning. */
const EARLY_BYTES = 8 * 1024 * 1024;
/** Of Linux. */
const MADV_HUGEPAGE = 14;

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
