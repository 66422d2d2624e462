import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { Uuid } from "../base/uuid.ts";
import { type Assignment, difference, NOTHING, partitionCount } from "./assignment.ts";
import { ASSIGNORS, type AssignorMember } from "./assignors.ts";

const TOPIC_IDS = Array.from({ length: 5 }, (_, index) => `topic ${index}`.padEnd(16) as Uuid);

interface Case {
  readonly members: readonly AssignorMember[];
  readonly topics: ReadonlyMap<Uuid, number>;
}

/** A group that reads `counts.length` topics, each member those of its bits; partitions were dealt out by `deal` before. */
function caseOf(counts: readonly number[], subscriptions: readonly number[], deal: readonly number[]): Case {
  const reads = (bits: number): Uuid[] => TOPIC_IDS.slice(0, counts.length).filter((_, index) => (bits >> index) & 1);
  const read = new Set(subscriptions.flatMap(reads));
  const topics = new Map(
    counts.flatMap((count, index) => (read.has(TOPIC_IDS[index]!) ? [[TOPIC_IDS[index]!, count]] : [])),
  );
  const before = subscriptions.map(() => new Map<Uuid, number[]>());
  let turn = 0;
  for (const [topicId, count] of topics) {
    // One partition more than there is, and members that do not read the topic: what was before need not fit any more.
    for (let partition = 0; partition <= count; partition += 1) {
      const owner = before[deal[turn++ % deal.length]! % before.length]!;
      owner.set(topicId, [...(owner.get(topicId) ?? []), partition]);
    }
  }
  const members = subscriptions.map((bits, index) => ({
    memberId: `m${index}`,
    instanceId: index % 3 === 1 ? `i${index}` : null,
    topics: new Set(reads(bits)),
    previous: before[index]!,
  }));
  return { members, topics };
}

const cases = fc
  .tuple(
    fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: TOPIC_IDS.length }),
    fc.array(fc.nat(31), { minLength: 1, maxLength: 8 }),
    fc.array(fc.nat(50), { minLength: 1, maxLength: 40 }),
  )
  .map((parts) => caseOf(...parts));

const equalCases = fc
  .tuple(
    fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: TOPIC_IDS.length }),
    fc.integer({ min: 1, max: 8 }),
    fc.array(fc.nat(50), { minLength: 1, maxLength: 40 }),
  )
  .map(([counts, members, deal]) => caseOf(counts, Array<number>(members).fill(31), deal));

function assign(name: string, { members, topics }: Case): ReadonlyMap<string, Assignment> {
  return ASSIGNORS.get(name)!(members, topics);
}

function sizes(assigned: ReadonlyMap<string, Assignment>): number[] {
  return [...assigned.values()].map(partitionCount);
}

for (const name of ASSIGNORS.keys()) {
  test(`${name}: every partition that is read has one owner, which reads it`, () => {
    fc.assert(
      fc.property(cases, (one) => {
        const assigned = assign(name, one);
        assert.deepEqual([...assigned.keys()].toSorted(), one.members.map(({ memberId }) => memberId).toSorted());
        const owners = new Map<string, string>();
        for (const { memberId, topics } of one.members) {
          for (const [topicId, partitions] of assigned.get(memberId)!) {
            assert.ok(topics.has(topicId), `${memberId} reads ${topicId}`);
            for (const partition of partitions) {
              assert.equal(owners.get(`${topicId}${partition}`), undefined, "one owner");
              owners.set(`${topicId}${partition}`, memberId);
            }
          }
        }
        const all = [...one.topics].flatMap(([topicId, count]) =>
          Array.from({ length: count }, (_, at) => topicId + at),
        );
        assert.deepEqual([...owners.keys()].toSorted(), all.toSorted());
      }),
    );
  });
}

suite("uniform", () => {
  test("gives members that read the same an equal number, but for one", () => {
    fc.assert(
      fc.property(equalCases, (one) => {
        const counts = sizes(assign("uniform", one));
        assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join());
      }),
    );
  });

  test("leaves nothing to be moved from one to another who reads it and has two less", () => {
    fc.assert(
      fc.property(cases, (one) => {
        const assigned = assign("uniform", one);
        for (const { memberId } of one.members) {
          const own = assigned.get(memberId)!;
          for (const other of one.members) {
            const gap = partitionCount(own) - partitionCount(assigned.get(other.memberId)!);
            if (gap > 1) for (const topicId of own.keys()) assert.ok(!other.topics.has(topicId));
          }
        }
      }),
    );
  });

  test("changes nothing when nothing has changed", () => {
    fc.assert(
      fc.property(cases, (one) => {
        const assigned = assign("uniform", one);
        const members = one.members.map((member) => ({ ...member, previous: assigned.get(member.memberId)! }));
        assert.deepEqual(assign("uniform", { ...one, members }), assigned);
      }),
    );
  });

  test("takes from members no more than a newcomer gets", () => {
    fc.assert(
      fc.property(equalCases, (one) => {
        const assigned = assign("uniform", one);
        const present = one.members.map((member) => ({ ...member, previous: assigned.get(member.memberId)! }));
        const newcomer = { memberId: "new", instanceId: null, topics: one.members[0]!.topics, previous: NOTHING };
        const after = assign("uniform", { ...one, members: [...present, newcomer] });
        let moved = 0;
        for (const { memberId, previous } of present)
          moved += partitionCount(difference(previous, after.get(memberId)!));
        assert.equal(moved, partitionCount(after.get("new")!));
      }),
    );
  });
});

test("range: runs of neighbours, static members first, and equal topics are divided equally", () => {
  const one = caseOf([5, 5, 2], [31, 31, 31, 31], [0]);
  const [a, b, c] = TOPIC_IDS as [Uuid, Uuid, Uuid];
  assert.deepEqual(
    assign("range", one),
    new Map<string, Assignment>([
      [
        "m1",
        new Map([
          [a, [0, 1]],
          [b, [0, 1]],
          [c, [0]],
        ]),
      ],
      [
        "m0",
        new Map([
          [a, [2]],
          [b, [2]],
          [c, [1]],
        ]),
      ],
      [
        "m2",
        new Map([
          [a, [3]],
          [b, [3]],
        ]),
      ],
      [
        "m3",
        new Map([
          [a, [4]],
          [b, [4]],
        ]),
      ],
    ]),
  );
});
