/**
 * How long a thread keeps a processor that others want too. Who asks for less at a time gets it sooner when there is something to
 * do, before those that are in the middle of more, and no more of it in all: what a broker does for a request is short, and its
 * clients, who may be on the same machine, are not (docs/decisions/0019-time-slices.md).
 *
 * Linux has that from 6.12 on: the slices of its EEVDF scheduler, sched_setattr(2). An older one does not mind being asked, and where
 * nothing can be asked (`c-library.ts`) slices are as always.
 */
import fs from "node:fs";
import process from "node:process";
import { cLibrary } from "./c-library.ts";

const SHORT_SLICE_NANOSECONDS = 400_000n;
/** Asks for the system's own. */
const USUAL_SLICE_NANOSECONDS = 0n;
/** The C libraries of most systems have no functions for these. */
const SYSTEM_CALLS: Partial<Record<string, { readonly setAttributes: bigint; readonly getAttributes: bigint }>> = {
  x64: { setAttributes: 314n, getAttributes: 315n },
  arm64: { setAttributes: 274n, getAttributes: 275n },
};
const syscall = cLibrary({
  syscall: { return: "int64", arguments: ["int64", "int64", "pointer", "int64", "int64"] },
});
/** `struct sched_attr`, as it was at first. */
const ATTRIBUTES_BYTES = 48;
const POLICY_AT = 4;
const SLICE_AT = 24;
const SCHED_OTHER = 0;
const THIS_THREAD = 0;

/** Short slices for all threads that the process has, and for those that they start. */
export function takeShortSlices(): void {
  for (const thread of threadsHere()) setSlice(thread, SHORT_SLICE_NANOSECONDS);
}

/** The usual ones for this thread, whose work can wait. */
export function takeUsualSlices(): void {
  setSlice(THIS_THREAD, USUAL_SLICE_NANOSECONDS);
}

/** The slice of a thread, in ns; undefined where nobody knows. */
export function sliceOf(thread: number): bigint | undefined {
  return attributesOf(thread)?.readBigUInt64LE(SLICE_AT);
}

/** All of the process, or this one where the system does not tell. */
function threadsHere(): number[] {
  try {
    return fs.readdirSync("/proc/self/task").map(Number);
  } catch {
    return [THIS_THREAD];
  }
}

/** All else stays as it is: the niceness, and what is scheduled in another way (real time). */
function setSlice(thread: number, nanoseconds: bigint): void {
  const attributes = attributesOf(thread);
  if (attributes?.readUInt32LE(POLICY_AT) !== SCHED_OTHER) return;
  attributes.writeBigUInt64LE(nanoseconds, SLICE_AT);
  call("setAttributes", thread, { attributes, last: 0n });
}

function attributesOf(thread: number): Buffer | undefined {
  const attributes = Buffer.alloc(ATTRIBUTES_BYTES);
  attributes.writeUInt32LE(ATTRIBUTES_BYTES, 0);
  const isThere = call("getAttributes", thread, { attributes, last: BigInt(ATTRIBUTES_BYTES) });
  return isThere ? attributes : undefined;
}

/** Whether the system did it. `last`: of setting flags, of getting the size. */
function call(
  name: "setAttributes" | "getAttributes",
  thread: number,
  { attributes, last }: { readonly attributes: Buffer; readonly last: bigint },
): boolean {
  const numbers = SYSTEM_CALLS[process.arch];
  const library = syscall();
  if (numbers === undefined || library === undefined) return false;
  try {
    return library.functions.syscall(numbers[name], BigInt(thread), attributes, last, 0n) === 0n;
  } catch {
    return false; // refused by Node.js: no reason not to start
  }
}
