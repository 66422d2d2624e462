import assert from "node:assert/strict";
import { test } from "node:test";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { AdminBroker, recordsIn, versionsOf } from "./admin-broker.ts";

const { NONE, OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_OR_PARTITION, POLICY_VIOLATION, INVALID_TOPIC_EXCEPTION } = ErrorCode;

const RECORDS = ["a", "b", "c", "d", "e"].map((value) => ({ value }));

/** [topic, partition, offset]; the answer is [low watermark, error code] for each. */
async function deleteRecords(
  broker: AdminBroker,
  asked: readonly (readonly [string, number, number | bigint])[],
  version = 2,
) {
  const topics = asked.map(([name, partitionIndex, offset]) => ({ name, partitions: [{ partitionIndex, offset }] }));
  const answer = await broker.ask(APIS.deleteRecords, version, { topics, timeoutMs: 1000 });
  return answer.topics.flatMap(({ partitions }) =>
    partitions.map(({ lowWatermark, errorCode }) => [lowWatermark, errorCode]),
  );
}

test("records are gone up to an offset, in every version, also in the middle of a batch", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t");
  await broker.produce("t", RECORDS);
  for (const version of versionsOf(APIS.deleteRecords)) {
    assert.deepEqual(await deleteRecords(broker, [["t", 0, version + 1]], version), [[version + 1, NONE]]);
  }
  assert.equal((await broker.fetch("t", 2)).errorCode, OFFSET_OUT_OF_RANGE);
  const { logStartOffset, batches } = await broker.fetch("t", 3);
  assert.equal(logStartOffset, 3);
  assert.deepEqual(
    recordsIn(batches)
      .filter(({ offset }) => offset >= 3)
      .map(({ value }) => String(value)),
    ["d", "e"],
  );
});

test("-1 is the high watermark, and the start never goes back", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t");
  await broker.produce("t", RECORDS);
  assert.deepEqual(await deleteRecords(broker, [["t", 0, -1]]), [[5, NONE]]);
  const { position } = broker.state;
  assert.deepEqual(await deleteRecords(broker, [["t", 0, 2]]), [[5, NONE]]);
  assert.deepEqual(await deleteRecords(broker, [["t", 0, -1]]), [[5, NONE]]);
  assert.equal(broker.state.position, position);
  assert.equal((await broker.produce("t", RECORDS)).baseOffset, 5);
});

test("every mistake is refused as Kafka refuses it, each partition for itself", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t", {}, 2);
  await broker.createTopic("compacted", { "cleanup.policy": "compact" });
  await broker.createTopic("both", { "cleanup.policy": "compact,delete" });
  await broker.createTopic("neither", { "cleanup.policy": "" });
  await broker.createTopic("__consumer_offsets");
  await broker.produce("t", RECORDS);
  for (const [topic, partition, offset, code] of [
    ["t", 0, 6, OFFSET_OUT_OF_RANGE],
    ["t", 0, -2, OFFSET_OUT_OF_RANGE],
    ["t", 0, 9_223_372_036_854_775_807n, OFFSET_OUT_OF_RANGE],
    ["t", 2, 0, UNKNOWN_TOPIC_OR_PARTITION],
    ["t", -1, 0, UNKNOWN_TOPIC_OR_PARTITION],
    ["u", 0, 0, UNKNOWN_TOPIC_OR_PARTITION],
    ["compacted", 0, 0, POLICY_VIOLATION],
    ["__consumer_offsets", 0, 0, INVALID_TOPIC_EXCEPTION],
  ] as const) {
    assert.deepEqual(await deleteRecords(broker, [[topic, partition, offset]]), [[-1, code]], `${topic} ${offset}`);
  }
  const mixed = await deleteRecords(broker, [
    ["t", 0, 1],
    ["t", 7, 1],
    ["both", 0, 0],
    ["neither", 0, 0],
  ]);
  assert.deepEqual(mixed, [
    [1, NONE],
    [-1, UNKNOWN_TOPIC_OR_PARTITION],
    [0, NONE],
    [0, NONE],
  ]);
});

test("a partition that comes twice is answered once", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t", {}, 2);
  await broker.produce("t", RECORDS);
  const asked = [
    ["t", 0, 1],
    ["t", 1, 0],
    ["t", 0, 2],
  ] as const;
  assert.deepEqual(await deleteRecords(broker, asked), [
    [2, NONE],
    [0, NONE],
  ]);
});

test("what was deleted stays deleted over restarts, and its files go", async () => {
  const broker = await AdminBroker.start();
  await broker.createTopic("t");
  await broker.produce("t", RECORDS);
  await deleteRecords(broker, [["t", 0, 4]]);
  await broker.restart("power");
  assert.equal((await broker.fetch("t", 3)).errorCode, OFFSET_OUT_OF_RANGE);
  await deleteRecords(broker, [["t", 0, -1]]);
  await broker.restart("stop");
  const { errorCode, logStartOffset } = await broker.fetch("t", 5);
  assert.deepEqual([errorCode, logStartOffset], [NONE, 5]);
  await broker.world.pass(500);
  assert.equal(broker.state.topic("t")!.partitions[0]!.sizeBytes, 0);
});
