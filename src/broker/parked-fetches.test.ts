import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../ports/clock.ts";
import type { Connection } from "./connection.ts";
import { MAX_PARKED_OF_CONNECTION, type ParkedFetch, ParkedFetches } from "./parked-fetches.ts";

/** Turns pass when the test says so. */
function parkedFetches(maxPartitions?: number) {
  const deferred: (() => void)[] = [];
  const clock = { defer: (task) => void deferred.push(task) } as Partial<Clock> as Clock;
  const nextTurn = async (): Promise<void> => {
    for (const task of deferred.splice(0)) task();
    await Promise.resolve();
  };
  return { parked: new ParkedFetches(clock, maxPartitions), nextTurn, deferred };
}

function connection(): Connection {
  return { parkedPartitions: 0 } as Partial<Connection> as Connection;
}

function fetchOf(partitionCount: number, from: Connection, recheck: () => void = () => undefined): ParkedFetch {
  return { connection: from, partitionCount, place: undefined, recheck, stopWaiting: () => undefined };
}

test("the waiting fetches of one connection, and of all, have so many partitions; those that end make room", () => {
  const { parked } = parkedFetches(MAX_PARKED_OF_CONNECTION + 10);
  const [one, other] = [connection(), connection()];
  const large = fetchOf(MAX_PARKED_OF_CONNECTION - 1, one);
  assert.equal(parked.add(large), true);
  assert.equal(parked.add(fetchOf(2, one)), false);
  assert.equal(parked.add(fetchOf(1, one)), true);
  assert.equal(parked.add(fetchOf(11, other)), false);
  assert.equal(parked.add(fetchOf(10, other)), true);
  assert.deepEqual([parked.size, parked.partitions], [3, MAX_PARKED_OF_CONNECTION + 10]);
  parked.delete(large);
  parked.delete(large);
  assert.deepEqual([parked.size, parked.partitions], [2, 11]);
  assert.equal(parked.add(fetchOf(2, one)), true);
});

test("what is woken is looked at at the end of the turn: all that is small, in order", async () => {
  const { parked, nextTurn } = parkedFetches();
  const looked: number[] = [];
  const fetches = [0, 1, 2].map((index) => fetchOf(1, connection(), () => looked.push(index)));
  for (const fetch of fetches) parked.add(fetch);
  for (const fetch of fetches.toReversed()) parked.wake(fetch);
  assert.deepEqual(looked, []);
  parked.delete(fetches[1]!);
  await nextTurn();
  assert.deepEqual(looked, [2, 0], "who is gone is left out");
  parked.wake(fetches[2]!);
  await nextTurn();
  assert.deepEqual(looked, [2, 0, 2]);
});

test("hazard: one record that wakes thousands does not hold up everybody else: turns pass between them", async () => {
  const { parked, nextTurn, deferred } = parkedFetches();
  let looked = 0;
  const fetches = Array.from({ length: 200 }, () => fetchOf(1000, connection(), () => (looked += 1)));
  for (const fetch of fetches) assert.equal(parked.add(fetch), true);
  for (const fetch of fetches) parked.wake(fetch);
  let turns = 0;
  for (let before = -1; looked < fetches.length; turns += 1) {
    before = looked;
    await nextTurn();
    assert.ok(looked > before && looked - before <= 5, `${looked - before} fetches of 1000 partitions in one turn`);
  }
  assert.equal(turns, 40);
  await nextTurn();
  assert.equal(deferred.length, 0);
});
