/** The harness is checked: what it has to find, it finds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Listed, type Mismatch, mismatches } from "./compare.ts";
import type { Difference } from "./differences.ts";
import { Normalizer } from "./normalize.ts";

const WHERE = { api: "Fetch", version: 4 };
const ANSWER = { errorCode: 0, topics: [{ name: "a", errorCode: 3, errorMessage: null }] };
const LISTED: Difference = { apis: ["Fetch"], reason: "why", covers: ({ path }) => path === "errorCode" };

function compared(kafka: unknown, chronik: unknown): Mismatch[] {
  return mismatches(new Normalizer().normalized(kafka), new Normalizer().normalized(chronik), WHERE);
}

function paths(kafka: unknown, chronik: unknown): string[] {
  return compared(kafka, chronik).map(({ path }) => path);
}

test("equal answers are equal", () => {
  assert.deepEqual(paths(ANSWER, structuredClone(ANSWER)), []);
});

test("a wrong code, a missing field, another value, a missing element and a text too many are found", () => {
  const [topic] = ANSWER.topics;
  assert.deepEqual(paths(ANSWER, { ...ANSWER, errorCode: 1 }), ["errorCode"]);
  assert.deepEqual(paths(ANSWER, { topics: ANSWER.topics }), ["errorCode"]);
  assert.deepEqual(paths(ANSWER, { ...ANSWER, topics: [{ ...topic, name: "b" }] }), ["topics[].name"]);
  assert.deepEqual(paths(ANSWER, { ...ANSWER, topics: [] }), ["topics"]);
  assert.deepEqual(paths(ANSWER, { ...ANSWER, topics: [{ ...topic, errorMessage: "x" }] }), ["topics[].errorMessage"]);
});

test("a closed connection is no answer", () => {
  assert.deepEqual(paths(ANSWER, "connection closed"), [""]);
});

test("ids may differ, but not which of them it is", () => {
  const [kafka, chronik] = [new Normalizer(), new Normalizer()];
  const first = mismatches(kafka.normalized({ memberId: "k1" }), chronik.normalized({ memberId: "c1" }), WHERE);
  assert.deepEqual(first, []);
  const same = mismatches(kafka.normalized({ leader: "k1" }), chronik.normalized({ leader: "c1" }), WHERE);
  assert.deepEqual(same, []);
  const other = mismatches(kafka.normalized({ leader: "k1" }), chronik.normalized({ leader: "c2" }), WHERE);
  assert.deepEqual(other, [{ ...WHERE, path: "leader", kafka: "member#1", chronik: "member#2" }]);
});

test("only what is listed is accepted, and only for its API", () => {
  const listed = new Listed([LISTED]);
  const [code] = compared(ANSWER, { ...ANSWER, errorCode: 1 });
  const [name] = compared({ name: "a" }, { name: "b" });
  assert.equal(listed.isListed(code!), true);
  assert.equal(listed.isListed(name!), false);
  assert.equal(listed.isListed({ ...code!, api: "Produce" }), false);
});

test("a listed difference that does not come up is reported", () => {
  const listed = new Listed([LISTED]);
  assert.deepEqual(listed.unused(), [LISTED]);
  listed.isListed(compared(ANSWER, { ...ANSWER, errorCode: 1 })[0]!);
  assert.deepEqual(listed.unused(), []);
});

test("elements that are listed as left out count as come up only when there are some", () => {
  const leavesOut: Difference = { apis: ["Fetch"], reason: "why", leftOut: (element) => element === "inner" };
  const listed = new Listed([leavesOut]);
  assert.deepEqual(listed.without({ topics: ["a"] }, "Fetch"), { topics: ["a"] });
  assert.deepEqual(listed.unused(), [leavesOut]);
  assert.deepEqual(listed.without({ topics: ["a", "inner"] }, "Fetch"), { topics: ["a"] });
  assert.deepEqual(listed.unused(), []);
});
