import assert from "node:assert/strict";
import fs from "node:fs";
import process from "node:process";
import { test } from "node:test";
import type * as HugePages from "./huge-pages.ts";

const MIB = 1024 * 1024;
const HUGE_PAGE_BYTES = 2n * 1024n * 1024n;

const isAsked = fs.existsSync("/sys/kernel/mm/transparent_hugepage/enabled");
const ffi = process.getBuiltinModule("node:ffi");
const skip = !isAsked || ffi === undefined ? "needs Linux with huge pages and a Node.js with node:ffi" : false;

/** As a process begins with it. */
function fresh(name: string): Promise<typeof HugePages> {
  return import(`./huge-pages.ts?${name}`) as Promise<typeof HugePages>;
}

/** The part of it that is used here; Node's types leave it out. */
declare const WebAssembly: {
  readonly Memory: new (limits: { initial: number }) => { readonly buffer: ArrayBuffer };
};

function allocate(bytes: number): ArrayBuffer {
  return new WebAssembly.Memory({ initial: Math.ceil(bytes / 65_536) }).buffer;
}

/** Whether the system was asked for huge pages at this address: "hg" of the flags of its mapping, see proc_pid_smaps(5). */
function isAdvised(address: bigint): boolean {
  let isThere = false;
  for (const line of fs.readFileSync("/proc/self/smaps", "utf8").split("\n")) {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line) ?? [];
    if (from !== undefined) isThere = BigInt(`0x${from}`) <= address && address < BigInt(`0x${to}`);
    else if (isThere && line.startsWith("VmFlags:")) return line.split(" ").includes("hg");
  }
  return assert.fail("no such mapping");
}

test("large memory begins with a huge page and is of such, to its last whole one", { skip }, async () => {
  const { withHugePages } = await fresh("large");
  const { memory, from } = withHugePages(33 * MIB, allocate);
  const address = ffi!.getRawPointer(memory) + BigInt(from);
  assert.equal(address % HUGE_PAGE_BYTES, 0n);
  assert.ok(memory.byteLength - from >= 33 * MIB);
  assert.ok(isAdvised(address));
  assert.ok(isAdvised(address + BigInt(32 * MIB) - 1n));
  assert.ok(!isAdvised(address + BigInt(32 * MIB)), "half of it may belong to others");
});

test("small memory, and the first of a process, is as any other", { skip }, async () => {
  const { withHugePages } = await fresh("small");
  for (const bytes of [MIB, 4 * MIB, 4 * MIB]) {
    const { memory, from } = withHugePages(bytes, allocate);
    assert.deepEqual([memory.byteLength, from], [bytes, 0]);
    assert.ok(!isAdvised(ffi!.getRawPointer(memory)));
  }
  const { memory, from } = withHugePages(4 * MIB, allocate);
  assert.ok(isAdvised(ffi!.getRawPointer(memory) + BigInt(from)));
});

test("memory that is given back is of zeros, to its last whole huge page; nothing else is", { skip }, async () => {
  const { withHugePages, freePages } = await fresh("free");
  const { memory, from } = withHugePages(33 * MIB, allocate);
  const all = Buffer.from(memory, from, 8 * MIB).fill(1);
  freePages(all.subarray(2 * MIB, 5 * MIB));
  assert.ok(all.subarray(0, 2 * MIB).every((byte) => byte === 1));
  assert.ok(all.subarray(2 * MIB, 4 * MIB).every((byte) => byte === 0));
  assert.ok(all.subarray(4 * MIB).every((byte) => byte === 1));
  freePages(all.subarray(4 * MIB + 1, 6 * MIB + 1)); // begins with no page
  freePages(all.subarray(4 * MIB, 5 * MIB));
  assert.ok(all.subarray(4 * MIB).every((byte) => byte === 1));
});

test("where the system cannot be asked, memory is as any other", async (t) => {
  t.mock.method(process, "getBuiltinModule", () => undefined);
  const { withHugePages } = await fresh("none");
  const { memory, from } = withHugePages(32 * MIB, allocate);
  assert.deepEqual([memory.byteLength, from], [32 * MIB, 0]);
});

test("whatever goes wrong with asking, memory is as any other, and warnings go on", async (t) => {
  const fails = (): never => {
    throw new Error("it fails");
  };
  const madvise = Object.assign(() => -1, { pointer: 0n });
  const emitWarning: unknown = Reflect.get(process, "emitWarning");
  for (const [name, module] of Object.entries<object>({
    library: { dlopen: fails, getRawPointer: fails },
    address: { dlopen: () => ({ functions: { madvise } }), getRawPointer: fails },
    call: { dlopen: () => ({ functions: { madvise: fails } }), getRawPointer: () => 0n },
  })) {
    const mocked = t.mock.method(process, "getBuiltinModule", () => module);
    const { withHugePages } = await fresh(name);
    const { memory, from } = withHugePages(32 * MIB, allocate);
    assert.ok(from === 0 && memory.byteLength >= 32 * MIB, name);
    assert.equal(Reflect.get(process, "emitWarning"), emitWarning);
    mocked.mock.restore();
  }
});

test("what was freed goes back to the system, though what was allocated last is in use", { skip }, async () => {
  const { trimHeap } = await fresh("trim");
  const { functions } = ffi!.dlopen(null, {
    malloc: { return: "pointer", arguments: ["uint64"] },
    memset: { return: "pointer", arguments: ["pointer", "int32", "uint64"] },
    free: { return: "void", arguments: ["pointer"] },
  });
  const pieceBytes = 64n * 1024n; // of the C library's heap; larger ones may be mapped one by one
  const pieces = Array.from({ length: 512 }, () => functions.malloc(pieceBytes));
  for (const piece of pieces) functions.memset(piece, 1, pieceBytes);
  for (const piece of pieces.slice(0, -1)) functions.free(piece);
  const before = process.memoryUsage.rss();
  trimHeap();
  assert.ok(before - process.memoryUsage.rss() > 16 * MIB);
  functions.free(pieces.at(-1)!);
});
