import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Position, toPosition } from "../base/brands.ts";
import type { Uuid } from "../base/uuid.ts";
import { Writer } from "../protocol/codec/writer.ts";
import { decodeSlice, encodeSlice, type Slice, type StateRecord } from "../state/state-record.ts";
import { GroupFold } from "./group-fold.ts";

const groupId = fc.constantFrom("a", "b", "c");
/** What has happened to topics so far decides which ids there are: a deleted one never returns. */
const topic = fc.nat(2);
const partition = fc.nat(2);

type Step =
  | { readonly kind: "commit"; readonly groupId: string; readonly topic: number; readonly partition: number }
  | { readonly kind: "deleteOffset"; readonly groupId: string; readonly topic: number; readonly partition: number }
  | { readonly kind: "store" | "begin" | "deleteGroup"; readonly groupId: string }
  | { readonly kind: "deleteTopic"; readonly topic: number }
  | { readonly kind: "slice" };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("commit" as const), groupId, topic, partition }) },
  fc.record({ kind: fc.constant("deleteOffset" as const), groupId, topic, partition }),
  fc.record({ kind: fc.constantFrom("store" as const, "begin" as const, "deleteGroup" as const), groupId }),
  fc.record({ kind: fc.constant("deleteTopic" as const), topic }),
  { weight: 3, arbitrary: fc.constant({ kind: "slice" as const }) },
);

/** Makes records of steps: what a live broker would append. */
class Records {
  readonly #topicGenerations = [0, 0, 0];
  #counter = 0;

  of(each: Exclude<Step, { kind: "slice" }>): StateRecord {
    this.#counter += 1;
    switch (each.kind) {
      case "commit": {
        const committed = { partition: each.partition, offset: this.#counter, leaderEpoch: 0, metadata: "" };
        const topics = [{ topicId: this.#id(each.topic), partitions: [committed] }];
        return { type: 20, value: { groupId: each.groupId, commitTimestamp: 1, expireTimestamp: -1, topics } };
      }
      case "deleteOffset": {
        const topics = [{ topicId: this.#id(each.topic), partitions: [each.partition] }];
        return { type: 21, value: { groupId: each.groupId, topics } };
      }
      case "deleteGroup":
        return { type: 22, value: { groupId: each.groupId } };
      case "store": {
        const group = { protocolType: "t", protocolName: null, leader: null, stateTimestamp: 1, members: [] };
        return { type: 23, value: { groupId: each.groupId, generation: this.#counter, ...group } };
      }
      case "begin":
        return { type: 24, value: { groupId: each.groupId, generation: this.#counter } };
      case "deleteTopic": {
        const topicId = this.#id(each.topic);
        this.#topicGenerations[each.topic]! += 1;
        return { type: 4, value: { topicId } };
      }
    }
  }

  #id(index: number): Uuid {
    return `${index}:${this.#topicGenerations[index]!}`.padEnd(16) as Uuid;
  }
}

/** Equal for folds that know the same. */
function image(fold: GroupFold): unknown {
  const groups = [...fold.groups()].map(({ groupId: id, classic, lastGeneration, offsets }) => {
    const committed = [...offsets].flatMap(([topicId, byPartition]) =>
      [...byPartition].map(([index, { offset }]) => `${topicId}/${index}=${Number(offset)}`),
    );
    return { id, generation: classic?.generation, lastGeneration, committed: committed.toSorted() };
  });
  return groups.toSorted((one, other) => (one.id < other.id ? -1 : 1));
}

test("a snapshot, taken slice by slice while the log goes on, and the replay behind it give the fold that was", () => {
  const runs = fc.property(fc.array(step, { maxLength: 60 }), fc.nat(60), (steps, from) => {
    const live = new GroupFold();
    const records = new Records();
    const log: StateRecord[] = [];
    const now = (): Position => toPosition(log.length);
    const slices: Buffer[] = [];
    let taking: Iterator<Slice> | undefined;
    let replayFrom = 0;
    for (const each of steps) {
      if (each.kind !== "slice") {
        const record = records.of(each);
        live.apply(record, log.length);
        log.push(record);
      } else if (log.length >= from) {
        if (taking === undefined) replayFrom = log.length;
        taking ??= live.slices(now)[Symbol.iterator]();
        const slice = taking.next();
        if (slice.done !== true) slices.push(encodeSlice(slice.value, new Writer()));
      }
    }
    if (taking === undefined) return;
    for (let next = taking.next(); next.done !== true; next = taking.next()) {
      slices.push(encodeSlice(next.value, new Writer()));
    }
    const restored = new GroupFold();
    for (const slice of slices) restored.restore(decodeSlice(slice));
    for (let position = replayFrom; position < log.length; position++) restored.apply(log[position]!, position);
    assert.deepEqual(image(restored), image(live));
  });
  fc.assert(runs, { numRuns: 2_000 });
});
