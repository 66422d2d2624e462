import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockingWrites } from "./blocking-writes.ts";

/** Writes that take so long, one after the other with this pause between them; how many of them the thread stood still for. */
function blocked(
  writes: BlockingWrites,
  { tookMs, pauseMs, count, fromMs = 0, sizeBytes = 100_000 }: Run,
): { count: number; endedMs: number } {
  let nowMs = fromMs;
  let blockedCount = 0;
  for (let index = 0; index < count; index += 1) {
    const wasBlocking = writes.mayBegin({ nowMs, sizeBytes });
    writes.ended({ sizeBytes, beganMs: nowMs, endedMs: nowMs + tookMs, wasBlocking });
    if (wasBlocking) blockedCount += 1;
    nowMs += tookMs + pauseMs;
  }
  return { count: blockedCount, endedMs: nowMs };
}

interface Run {
  readonly tookMs: number;
  readonly pauseMs: number;
  readonly count: number;
  readonly fromMs?: number;
  readonly sizeBytes?: number;
}

test("quick writes that leave most of the time are stood still for, all but the first", () => {
  assert.equal(blocked(new BlockingWrites(), { tookMs: 0.3, pauseMs: 0.7, count: 1000 }).count, 999);
});

test("no more than half of the time is stood still for", () => {
  const { count, endedMs } = blocked(new BlockingWrites(), { tookMs: 0.3, pauseMs: 0.1, count: 10_000 });
  assert.ok(count * 0.3 < endedMs / 2 + 10 && count * 0.3 > endedMs * 0.4, `${count} in ${endedMs} ms`);
});

test("a large write is left to others, and nothing is concluded from it", () => {
  const writes = new BlockingWrites();
  const { endedMs } = blocked(writes, { tookMs: 0.2, pauseMs: 1, count: 10 });
  const large = { tookMs: 30, pauseMs: 1, count: 10, sizeBytes: 4_000_000 };
  assert.equal(blocked(writes, { ...large, fromMs: endedMs }).count, 0);
  assert.equal(blocked(writes, { tookMs: 0.2, pauseMs: 1, count: 10, fromMs: endedMs + 400 }).count, 10);
});

test("hazard: a slow disk holds up nobody: neither one that always is, nor one that becomes so", () => {
  assert.equal(blocked(new BlockingWrites(), { tookMs: 8, pauseMs: 100, count: 100 }).count, 0);
  const writes = new BlockingWrites();
  const { endedMs } = blocked(writes, { tookMs: 0.2, pauseMs: 1, count: 100 });
  const slow = blocked(writes, { tookMs: 8, pauseMs: 100, count: 100, fromMs: endedMs });
  assert.ok(slow.count <= 2, `${slow.count}`);
  const again = blocked(writes, { tookMs: 0.2, pauseMs: 1, count: 100, fromMs: slow.endedMs });
  assert.ok(again.count > 30, "quick once more");
});
