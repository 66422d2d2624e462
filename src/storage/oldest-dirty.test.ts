/** `max.compaction.lag.ms` counts from the oldest record that compaction has not gone over. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { placeIn } from "../../test/log/open-log.ts";
import { type OpenStorage, withStorage } from "../../test/storage/open-storage.ts";
import { RESOURCE_TOPIC, type Topic } from "../state/state.ts";

const LAG_MS = 60_000;
const SETTINGS = { "log.cleaner.backoff.ms": "1000" };

/** Compacted because of the lag only. */
function topicIn(open: OpenStorage): Topic {
  const configs = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "1",
    "max.compaction.lag.ms": `${LAG_MS}`,
  };
  const topic = open.topic("keyed");
  const entries = Object.entries(configs).map(([key, value]) => ({ key, value }));
  open.store.append({ type: 6, value: { type: RESOURCE_TOPIC, name: "keyed", entries } });
  return topic;
}

/** Stores a record of each of these ages in one file. */
async function store(open: OpenStorage, topic: Topic, ...agesMs: readonly number[]): Promise<void> {
  for (const ageMs of agesMs) {
    open.append(placeIn(topic), [{ key: "k", value: `${ageMs}`, timestamp: open.process.clock.wallMs() - ageMs }]);
  }
  await open.settle();
}

test("the oldest of a range counts, not the newest", async () => {
  await withStorage(
    async (open) => {
      const topic = topicIn(open);
      await store(open, topic, LAG_MS - 20_000, 0);
      await open.pass(10_000);
      assert.equal(placeIn(topic).partition.cleanedTo, 0, "it is not late yet");
      await open.pass(15_000);
      assert.equal(placeIn(topic).partition.cleanedTo, 2);
    },
    { settings: SETTINGS },
  );
});

test("what was compacted before does not make younger records late", async () => {
  await withStorage(
    async (open) => {
      const topic = topicIn(open);
      await store(open, topic, 2 * LAG_MS);
      await open.pass(3_000);
      const { partition } = placeIn(topic);
      assert.equal(partition.cleanedTo, 1);
      await open.pass(5 * LAG_MS);
      await store(open, topic, 0);
      await open.pass(LAG_MS - 10_000);
      assert.equal(partition.cleanedTo, 1, "the new one is not late yet");
      await open.pass(20_000);
      assert.equal(partition.cleanedTo, 2);
    },
    { settings: SETTINGS },
  );
});
