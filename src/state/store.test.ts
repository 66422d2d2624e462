import assert from "node:assert/strict";
import { test } from "node:test";
import { CRASHED, Simulation } from "../../sim/simulation.ts";
import { openLog, placeIn } from "../../test/log/open-log.ts";

test("what the broker writes for itself is nothing that a client waits for, alone or beside what one does", async () => {
  const ran = await new Simulation({ seed: 1 }).run(async (process) => {
    const { store, topic, append, flush } = await openLog(process);
    const place = placeIn(topic("t"));
    const topicId = place.topic.id;
    const clean = (): void => {
      store.appendInBackground({ type: 9, value: { topicId, partition: 0, producerIds: [1n] } });
    };
    const pass = async (): Promise<void> => {
      await flush();
      await new Promise<void>((resolve) => process.clock.schedule(10, resolve));
    };
    append(place, [{ value: "one" }]);
    await pass();
    const { servedMs, committedMs } = store;
    assert.equal(servedMs, committedMs);
    clean();
    await pass();
    assert.equal(store.servedMs, servedMs);
    assert.ok(store.committedMs > committedMs);
    append(place, [{ value: "two" }]);
    clean();
    await pass();
    assert.equal(store.servedMs, store.committedMs);
    assert.ok(store.servedMs > servedMs);
  });
  assert.ok(ran !== CRASHED);
});
