import assert from "node:assert/strict";
import { test } from "node:test";
import { advanceSequence, lastSequenceOf, type ProducerBatch, ProducerState } from "./producer-state.ts";

const LAST_SEQUENCE = 0x7fff_ffff;

function batchOf(firstSequence: number, recordCount = 1, epoch = 0, producerId = 1): ProducerBatch {
  return { producerId, epoch, firstSequence, recordCount };
}

/** Records batches one behind the other, offsets from 0 on. */
function stateWith(...batches: readonly ProducerBatch[]): ProducerState {
  const state = new ProducerState();
  let offset = 0;
  for (const batch of batches) {
    const baseOffset = offset;
    offset += batch.recordCount;
    state.record(batch, { baseOffset, endOffset: offset, timestamp: 1000 + baseOffset, nowMs: 1 });
  }
  return state;
}

test("a producer that nothing is known of may begin with any sequence (KIP-360)", () => {
  assert.equal(new ProducerState().check(batchOf(4711)).kind, "new");
});

test("the next sequence is new, any other out of order", () => {
  const state = stateWith(batchOf(0, 10));
  assert.equal(state.check(batchOf(10)).kind, "new");
  for (const sequence of [1, 9, 11, LAST_SEQUENCE]) {
    assert.equal(state.check(batchOf(sequence)).kind, "outOfOrder", `sequence ${sequence}`);
  }
});

test("a retry of any of the last five batches is a duplicate, with what the first was given", () => {
  const state = stateWith(...Array.from({ length: 7 }, (_, index) => batchOf(index * 10, 10)));
  for (let index = 2; index < 7; index += 1) {
    const baseOffset = index * 10;
    assert.deepEqual(state.check(batchOf(baseOffset, 10)), {
      kind: "duplicate",
      batch: {
        firstSequence: baseOffset,
        lastSequence: baseOffset + 9,
        baseOffset,
        endOffset: baseOffset + 10,
        timestamp: 1000 + baseOffset,
      },
    });
  }
  assert.equal(state.check(batchOf(10, 10)).kind, "outOfOrder", "the sixth is forgotten");
});

test("a batch that only begins, or only ends, like an earlier one is no duplicate", () => {
  const state = stateWith(batchOf(0, 10), batchOf(10, 10));
  assert.equal(state.check(batchOf(0, 9)).kind, "outOfOrder");
  assert.equal(state.check(batchOf(1, 9)).kind, "outOfOrder");
  assert.equal(state.check(batchOf(0, 20)).kind, "outOfOrder");
});

test("hazard: sequences wrap from 2^31-1 to 0", () => {
  assert.equal(advanceSequence(LAST_SEQUENCE, 1), 0);
  assert.equal(advanceSequence(LAST_SEQUENCE - 1, 3), 1);

  const atTheEnd = stateWith(batchOf(LAST_SEQUENCE - 4, 5));
  assert.equal(atTheEnd.check(batchOf(0)).kind, "new");
  assert.equal(atTheEnd.check(batchOf(LAST_SEQUENCE)).kind, "outOfOrder");

  const across = stateWith(batchOf(LAST_SEQUENCE - 4, 10));
  assert.equal(lastSequenceOf(across.get(1)!), 4);
  assert.equal(across.check(batchOf(5)).kind, "new");
  assert.equal(across.check(batchOf(0)).kind, "outOfOrder");
  assert.equal(across.check(batchOf(LAST_SEQUENCE - 4, 10)).kind, "duplicate");
});

test("an older epoch is fenced, also for what would be a retry; a newer one begins at 0", () => {
  const state = stateWith(batchOf(0, 10, 3));
  assert.equal(state.check(batchOf(0, 10, 2)).kind, "fenced");
  assert.equal(state.check(batchOf(10, 1, 2)).kind, "fenced");
  assert.equal(state.check(batchOf(10, 1, 4)).kind, "outOfOrder");
  assert.equal(state.check(batchOf(0, 1, 4)).kind, "new");
});

test("a new epoch forgets the batches of the one before", () => {
  const state = stateWith(batchOf(0, 10, 3), batchOf(0, 5, 4));
  assert.equal(state.get(1)!.batches.length, 1);
  assert.equal(state.check(batchOf(0, 10, 4)).kind, "outOfOrder");
  assert.equal(state.check(batchOf(5, 1, 4)).kind, "new");
});

test("producers do not see each other, also with ids beyond 2^53", () => {
  const state = new ProducerState();
  for (const [index, producerId] of [1, 2, 2n ** 62n, 2n ** 62n + 1n].entries()) {
    const place = { baseOffset: index, endOffset: index + 1, timestamp: 0, nowMs: 0 };
    state.record({ producerId, epoch: 0, firstSequence: index * 10, recordCount: 1 }, place);
  }
  assert.equal(state.count, 4);
  assert.equal(state.check({ ...batchOf(31), producerId: 2n ** 62n + 1n }).kind, "new");
  assert.equal(state.check({ ...batchOf(31), producerId: 2n ** 62n }).kind, "outOfOrder");
});

function heardAt(times: readonly (readonly [producerId: number, nowMs: number])[]): ProducerState {
  const state = new ProducerState();
  for (const [producerId, nowMs] of times) {
    state.record(batchOf(0, 1, 0, producerId), { baseOffset: 0, endOffset: 1, timestamp: 0, nowMs });
  }
  return state;
}

test("producers unheard for long expire, the longest unheard first; being heard again begins anew", () => {
  const state = heardAt([
    [1, 100],
    [2, 200],
    [3, 300],
    [1, 400],
  ]);
  assert.deepEqual(state.expired(200, 100), []);
  assert.deepEqual(state.expired(201, 100), [2]);
  assert.deepEqual(state.expired(1000, 100), [2, 3, 1]);
});

test("more producers than the limit expire however lately they were heard", () => {
  const state = heardAt([
    [1, 100],
    [2, 200],
    [3, 300],
  ]);
  assert.deepEqual(state.expired(0, 2), [1]);
  assert.deepEqual(state.expired(0, 0), [1, 2, 3]);
  for (const producerId of state.expired(0, 2)) state.forget(producerId);
  assert.equal(state.count, 2);
  assert.equal(state.check(batchOf(77)).kind, "new", "a forgotten producer may begin anywhere");
});

test("after a restart every producer gets its full time again", () => {
  const state = heardAt([
    [1, 100],
    [2, 200],
  ]);
  state.restartClocks(5000);
  assert.deepEqual(state.expired(5000, 100), []);
  assert.deepEqual(state.expired(5001, 100), [1, 2]);
});
