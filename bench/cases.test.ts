import assert from "node:assert/strict";
import { test } from "node:test";
import { CASES, selectCases } from "./cases.ts";

const namesOf = (choice: Parameters<typeof selectCases>[0]): string[] => selectCases(choice).map(({ name }) => name);

test("each suite holds the one before it, and the full one holds all", () => {
  const [quick, standard, full] = ["quick", "standard", "full"].map((suite) => namesOf({ suite }));
  assert.deepEqual(
    full,
    CASES.map(({ name }) => name),
  );
  assert.ok(quick!.every((name) => standard!.includes(name)));
  assert.ok(quick!.length < standard!.length && standard!.length < full!.length);
  assert.throws(() => selectCases({ suite: "slow" }), /no suite "slow"/);
});

test("cases are chosen by name or beginning, in their own order", () => {
  assert.deepEqual(namesOf({ names: "rdkafka*,start" }), ["start", "rdkafka-1k", "rdkafka-100b", "rdkafka-consume-1k"]);
  assert.throws(() => selectCases({ names: "start,nothing*" }), /no case "nothing\*"/);
});

test("names are unique, and no cold case comes behind a warm one", () => {
  assert.equal(new Set(CASES.map(({ name }) => name)).size, CASES.length);
  const firstWarm = CASES.findIndex(({ cold }) => !cold);
  assert.ok(CASES.slice(firstWarm).every(({ cold }) => !cold));
});
