import assert from "node:assert/strict";
import { test } from "node:test";
import { idOf } from "../../test/storage/memory-segments.ts";
import { plainState } from "../../test/storage/plain-state.ts";
import { runAtOnce } from "../../test/storage/run-at-once.ts";
import type { FileRange } from "../log/log-file.ts";
import { Segment } from "../log/segment.ts";
import type { State, Topic } from "../state/state.ts";
import { FAN_IN, MERGED_BYTES, OWN_SEGMENT_BYTES, planMerge } from "./plan.ts";

const KIB = 1024;
const NONE: ReadonlySet<Segment> = new Set();

interface Content {
  readonly topic: Topic;
  readonly partition?: number;
  readonly sizeBytes?: number;
  readonly maxTimestamp?: number;
}

class Builder {
  readonly state: State = plainState();
  #segments = 0;

  topic(name: string, partitions = 1, overrides: Readonly<Record<string, string>> = {}): Topic {
    const id = idOf(100 + this.state.topicCount);
    return this.state.restoreTopic({
      ...{ id, name, createdAtStart: 0, stampedAt: 0, partitions },
      overrides: new Map(Object.entries(overrides)),
    });
  }

  /** A segment with a range of each of these, behind what is there; so many bytes more were in it once. */
  segment(
    contents: readonly Content[],
    { level = 0, lostBytes = 0, walPosition = this.#segments * 1000 } = {},
  ): Segment {
    this.#segments += 1;
    const liveBytes = contents.reduce((sum, { sizeBytes = KIB }) => sum + sizeBytes, 0);
    const file = this.state.restoreSegment({
      ...{ id: idOf(this.#segments), walPosition, level, batchBytes: liveBytes + lostBytes },
      parts: [{ kind: 1, sizeBytes: liveBytes + 500, crc: 0 }],
    });
    for (const { topic, partition = 0, sizeBytes = KIB, maxTimestamp = 0 } of contents) {
      const log = topic.partitions[partition]!;
      const firstOffset = log.ranges.at(-1)?.endOffset ?? 0;
      const range: FileRange = {
        ...{ file, topicId: topic.id, partition, firstOffset, endOffset: firstOffset + 10, sizeBytes, maxTimestamp },
        ...{ index: undefined, stored: { at: 0, rows: 1, crc: 0 } },
      };
      const [from, to] = [firstOffset, firstOffset + 10];
      log.replaceRanges({ from, to, ranges: [range], cleaned: undefined, position: 0 });
    }
    return file;
  }
}

function plan(builder: Builder, busy = NONE) {
  return runAtOnce(planMerge(builder.state, { busy, fanIn: FAN_IN }));
}

test("as many segments of a level as FAN_IN, of one topic or of several, become one of the next; fewer, or of other kinds, do not", () => {
  const builder = new Builder();
  const [a, b] = [builder.topic("a"), builder.topic("b")];
  const own = Array.from({ length: FAN_IN - 1 }, () => builder.segment([{ topic: a }]));
  const shared = Array.from({ length: FAN_IN - 1 }, () => builder.segment([{ topic: a }, { topic: b }]));
  builder.segment([{ topic: a }], { level: 1 });
  builder.segment([{ topic: b }]);
  assert.equal(plan(builder), undefined);
  shared.push(builder.segment([{ topic: b }, { topic: a }]));
  assert.deepEqual(new Set(plan(builder)!.inputs), new Set(shared));
  own.push(builder.segment([{ topic: a }]));
  const kinds: readonly (readonly Segment[])[] = [own, shared];
  assert.ok(
    kinds.some((kind) => plan(builder)!.inputs.every((segment) => kind.includes(segment))),
    "never of both kinds",
  );
  assert.deepEqual(
    plan(builder)!.outputs.map(({ level }) => level),
    [1],
  );
});

test("the oldest come first, and those that are busy, or have nothing that anybody refers to, are left alone", () => {
  const builder = new Builder();
  const topic = builder.topic("a");
  const segments = Array.from({ length: FAN_IN + 2 }, (_, index) =>
    builder.segment([{ topic }], { walPosition: 100_000 - index }),
  );
  builder.segment([]);
  assert.deepEqual(new Set(plan(builder)!.inputs), new Set(segments.slice(2)));
  assert.equal(plan(builder, new Set(segments.slice(0, 3))), undefined);
});

test("large ones stay as they are", () => {
  const builder = new Builder();
  const topic = builder.topic("a");
  for (let count = 0; count < FAN_IN; count += 1) builder.segment([{ topic, sizeBytes: MERGED_BYTES }]);
  assert.equal(plan(builder), undefined);
});

test("one of which less than half is referred to is written anew, alone, at its level", () => {
  const builder = new Builder();
  const topic = builder.topic("a");
  builder.segment([{ topic }], { level: 2, lostBytes: KIB });
  assert.equal(plan(builder), undefined, "half of it is enough");
  const sparse = builder.segment([{ topic }], { level: 2, lostBytes: KIB + 1 });
  const { inputs, outputs } = plan(builder)!;
  assert.deepEqual(inputs, [sparse]);
  assert.deepEqual(
    outputs.map(({ level }) => level),
    [2],
  );
});

test("neighbours become one range, unless it were larger than segment.bytes or longer than segment.ms, or another file lies between", () => {
  const builder = new Builder();
  const limited = builder.topic("limited", 1, { "segment.bytes": `${3 * 1024 * 1024}`, "segment.ms": "1000" });
  const between = builder.topic("between");
  const MIB = 1024 * 1024;
  for (let count = 0; count < FAN_IN; count += 1) {
    builder.segment([
      { topic: limited, sizeBytes: count < 4 ? MIB : 1, maxTimestamp: count < 6 ? 0 : 5_000 },
      { topic: between },
    ]);
    if (count === 3) builder.segment([{ topic: between, sizeBytes: MERGED_BYTES }], { level: 5 });
  }
  const groups = plan(builder)!.outputs.flatMap((output) => output.groups);
  const counts = (topic: Topic): number[] =>
    groups.filter((group) => group.topic === topic).map(({ ranges }) => ranges.length);
  assert.deepEqual(counts(limited), [3, 3, 2]);
  assert.deepEqual(counts(between), [4, 4]);
  for (const { ranges } of groups) {
    for (const [index, range] of ranges.entries()) {
      if (index > 0) assert.equal(ranges[index - 1]!.endOffset, range.firstOffset);
    }
  }
});

test("a topic with much in a merge gets a segment of its own; everything is planned once, and nothing else", () => {
  const builder = new Builder();
  const [large, small, other] = [builder.topic("large", 2), builder.topic("small"), builder.topic("other")];
  const segments = Array.from({ length: FAN_IN }, () =>
    builder.segment([
      { topic: large, sizeBytes: OWN_SEGMENT_BYTES / 8 },
      { topic: large, partition: 1 },
      { topic: small },
      { topic: other },
    ]),
  );
  builder.segment([{ topic: small }], { level: 3 });
  const { inputs, outputs } = plan(builder)!;
  assert.deepEqual(
    outputs.map(({ groups }) => [...new Set(groups.map(({ topic }) => topic.name))]),
    [["large"], ["small", "other"]],
  );
  const planned = outputs.flatMap(({ groups }) => groups.flatMap(({ ranges }) => ranges));
  const wanted = [...builder.state.topics()].flatMap(({ partitions }) =>
    partitions.flatMap(({ ranges }) => ranges.filter(({ file }) => file instanceof Segment && inputs.includes(file))),
  );
  assert.deepEqual(new Set(planned), new Set(wanted));
  assert.equal(planned.length, wanted.length);
  assert.equal(inputs.length, segments.length);
});

test("hazard: works for 100 partitions, not for 200,000", () => {
  const builder = new Builder();
  const topic = builder.topic("wide", 200_000);
  builder.segment(
    topic.partitions.map(({ partition }) => ({ topic, partition, sizeBytes: 1 })),
    { lostBytes: 1_000_000 },
  );
  const [output] = plan(builder)!.outputs;
  assert.equal(output!.groups.length, 200_000);
});
