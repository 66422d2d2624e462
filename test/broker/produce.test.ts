/** Produce: what is acknowledged, what is refused and how that is said, and that bytes stay what they are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode, errorName } from "../../src/protocol/errors.ts";
import { encodeBatch, readRecords } from "../../src/protocol/record.ts";
import {
  batchBaseOffset,
  batchCrcMatches,
  batchLeaderEpoch,
  COMPRESSION_NAMES,
  setBatchBaseOffset,
  setBatchLeaderEpoch,
} from "../../src/protocol/record-batch.ts";
import {
  BrokerLives,
  batchesOf,
  createTopic,
  fetch,
  produce,
  produceBytes,
  readAll,
  recordsOf,
  withBroker,
} from "./broker-simulation.ts";

const T = { topic: "t" };

test("hazard: a batch is served byte for byte as it was sent, but for base offset and leader epoch", async () => {
  const lives = new BrokerLives();
  const sent = COMPRESSION_NAMES.map((compression, index) => {
    const records = [
      {
        key: "key",
        value: "value".repeat(index * 300),
        timestamp: 1_700_000_000_000,
        headers: [{ key: "h", value: null }],
      },
      { key: null, value: null, timestamp: 1_700_000_000_001, headers: [{ key: "", value: "" }] },
      { key: "", value: "", timestamp: -1 },
    ];
    // A base offset and an epoch that the producer made up.
    return encodeBatch(records, {
      compression,
      baseOffset: 4711,
      leaderEpoch: 99,
      producerId: index,
      producerEpoch: 3,
      baseSequence: 5,
    });
  });
  const expected = sent.map((batch, index) => {
    const stored = Buffer.from(batch);
    setBatchBaseOffset(stored, 0, index * 3);
    setBatchLeaderEpoch(stored, 0, 0);
    return stored;
  });
  await lives.live(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    for (const batch of sent) assert.equal((await produceBytes(client, T, batch)).errorCode, ErrorCode.NONE);
    assert.deepEqual(batchesOf(await fetch(client, T)), expected, "from memory");
  }, "power");
  await lives.live(async ({ connect }) => {
    assert.deepEqual(batchesOf(await fetch(connect(), T)), expected, "from files");
  });
});

test("hazard: offsets begin at 0, whatever the producer claims, and go on without gaps", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    for (const [records, baseOffset] of [
      [1, 0],
      [5, 1],
      [2, 6],
    ] as const) {
      const values = Array.from({ length: records }, () => ({ value: "v" }));
      assert.equal((await produce(client, T, values, { baseOffset: 1000 })).baseOffset, baseOffset);
    }
    const refused = await produce(client, T, [{ value: "v" }], { control: true });
    assert.equal(refused.baseOffset, -1);
    assert.equal((await produce(client, T, [{ value: "v" }])).baseOffset, 8, "what is refused takes no offset");
  });
});

test("hazard: several batches of one partition all have their own offsets", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    const batches = [["a", "b"], ["c"], ["d", "e", "f"]].map((values) =>
      encodeBatch(values.map((value) => ({ value }))),
    );
    const answer = await produceBytes(client, T, Buffer.concat(batches));
    assert.equal(answer.baseOffset, 0);
    const stored = batchesOf(await fetch(client, T));
    assert.deepEqual(
      stored.map((batch) => batchBaseOffset(batch, 0)),
      [0, 2, 3],
    );
    assert.deepEqual(
      await readAll(client, T),
      ["a", "b", "c", "d", "e", "f"].map((value, offset) => [offset, value]),
    );
  });
});

test("each partition of a request succeeds or fails for itself", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t", { partitions: 3 });
    const good = [encodeBatch([{ value: "v" }])];
    const damaged = [Buffer.from(good[0]!)];
    damaged[0]!.writeUInt32BE(1, 17);
    const partitionData = [
      { index: 0, records: good },
      { index: 1, records: damaged },
      { index: 2, records: good },
      { index: 3, records: good },
      { index: -1, records: good },
    ];
    const topicData = [
      { name: "t", partitionData },
      { name: "unknown", partitionData: [{ index: 0, records: good }] },
    ];
    const { responses } = await client.request(APIS.produce, 9, { acks: 1, timeoutMs: 100, topicData });
    const said = responses.flatMap(({ name, partitionResponses }) =>
      partitionResponses.map(({ index, errorCode, baseOffset }) => [name, index, errorName(errorCode), baseOffset]),
    );
    assert.deepEqual(said, [
      ["t", 0, "NONE", 0],
      ["t", 1, "CORRUPT_MESSAGE", -1],
      ["t", 2, "NONE", 0],
      ["t", 3, "UNKNOWN_TOPIC_OR_PARTITION", -1],
      ["t", -1, "UNKNOWN_TOPIC_OR_PARTITION", -1],
      ["unknown", 0, "UNKNOWN_TOPIC_OR_PARTITION", -1],
    ]);
    assert.deepEqual(await readAll(client, { topic: "t", partition: 1 }), []);
  });
});

test("by id: an unknown one is UNKNOWN_TOPIC_ID, none at all too", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    const topicId = await createTopic(client, "t");
    const partitionData = [{ index: 0, records: [encodeBatch([{ value: "v" }])] }];
    const ids = [topicId, "0123456789abcdef" as typeof topicId, "\0".repeat(16) as typeof topicId];
    const topicData = ids.map((id) => ({ topicId: id, partitionData }));
    const { responses } = await client.request(APIS.produce, 13, { acks: -1, timeoutMs: 100, topicData });
    assert.deepEqual(
      responses.map((topic) => [topic.topicId, errorName(topic.partitionResponses[0]!.errorCode)]),
      [
        [ids[0], "NONE"],
        [ids[1], "UNKNOWN_TOPIC_ID"],
        [ids[2], "UNKNOWN_TOPIC_ID"],
      ],
    );
  });
});

test("no records, and none of a size that can be a batch, are refused", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    for (const [records, expected] of [
      [null, "INVALID_RECORD"],
      [Buffer.alloc(0), "INVALID_RECORD"],
      [Buffer.alloc(1), "CORRUPT_MESSAGE"],
      [Buffer.alloc(60), "INVALID_RECORD"],
      [encodeBatch([{ value: "v" }]).subarray(0, 60), "CORRUPT_MESSAGE"],
    ] as const) {
      assert.equal(errorName((await produceBytes(client, T, records)).errorCode), expected);
    }
  });
});

test("an error says why, in the versions that can", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t", { configs: { "max.message.bytes": "70" } });
    const partitionData = [{ index: 0, records: [encodeBatch([{ value: "more than 70 bytes" }])] }];
    for (let version = 3; version <= 12; version += 1) {
      const body = { acks: -1, timeoutMs: 100, topicData: [{ name: "t", partitionData }] };
      const { responses } = await client.request(APIS.produce, version, body);
      const { errorCode, errorMessage } = responses[0]!.partitionResponses[0]!;
      assert.equal(errorName(errorCode), "MESSAGE_TOO_LARGE");
      if (version >= 8) assert.match(errorMessage!, /exceeds max\.message\.bytes \(70\)/);
      else assert.equal(errorMessage, null);
    }
  });
});

test("acks is -1, 0 or 1", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    const partitionData = [{ index: 0, records: [encodeBatch([{ value: "v" }])] }];
    for (const [acks, expected] of [
      [-1, "NONE"],
      [1, "NONE"],
      [2, "INVALID_REQUIRED_ACKS"],
      [-2, "INVALID_REQUIRED_ACKS"],
      [32_767, "INVALID_REQUIRED_ACKS"],
    ] as const) {
      const body = { acks, timeoutMs: 100, topicData: [{ name: "t", partitionData }] };
      const { responses } = await client.request(APIS.produce, 9, body);
      assert.equal(errorName(responses[0]!.partitionResponses[0]!.errorCode), expected, `acks ${acks}`);
    }
  });
});

test("hazard: an acknowledged record is durable, whatever acks says", async () => {
  for (const acks of [-1, 1]) {
    const lives = new BrokerLives({ seed: acks + 5 });
    await lives.live(async ({ connect, broker }) => {
      const client = connect();
      await createTopic(client, "t");
      for (let record = 0; record < 20; record += 1) {
        const partitionData = [{ index: 0, records: [encodeBatch([{ value: `${record}` }])] }];
        await client.request(APIS.produce, 9, { acks, timeoutMs: 100, topicData: [{ name: "t", partitionData }] });
        assert.equal(broker.store.state.topic("t")!.partitions[0]!.highWatermark, record + 1);
      }
    }, "power");
    await lives.live(async ({ connect }) => {
      assert.equal((await readAll(connect(), T)).length, 20);
    });
  }
});

test("with message.timestamp.type=LogAppendTime the broker's time is in the batch, and in the answer", async () => {
  await withBroker(async ({ connect, process }) => {
    const client = connect();
    await createTopic(client, "t", { configs: { "message.timestamp.type": "LogAppendTime" } });
    for (const compression of COMPRESSION_NAMES) {
      const before = process.clock.wallMs();
      const { logAppendTimeMs } = await produce(client, T, [{ value: "v", timestamp: 5 }], { compression });
      assert.ok(logAppendTimeMs >= before && logAppendTimeMs <= process.clock.wallMs());
      const [batch] = batchesOf(await fetch(client, T, { offset: COMPRESSION_NAMES.indexOf(compression) }));
      assert.equal(batchCrcMatches(batch!, 0, batch!.length), true);
      assert.deepEqual(
        [...readRecords(batch!)].map(({ timestamp }) => timestamp),
        [logAppendTimeMs],
      );
    }
    await createTopic(client, "u");
    assert.equal((await produce(client, { topic: "u" }, [{ value: "v", timestamp: 5 }])).logAppendTimeMs, -1);
  });
});

test("zstd is refused before version 7", async () => {
  await withBroker(async ({ connect }) => {
    const client = connect();
    await createTopic(client, "t");
    const partitionData = [{ index: 0, records: [encodeBatch([{ value: "v" }], { compression: "zstd" })] }];
    for (const version of [3, 6, 7]) {
      const body = { acks: -1, timeoutMs: 100, topicData: [{ name: "t", partitionData }] };
      const { responses } = await client.request(APIS.produce, version, body);
      const expected = version < 7 ? "UNSUPPORTED_COMPRESSION_TYPE" : "NONE";
      assert.equal(errorName(responses[0]!.partitionResponses[0]!.errorCode), expected, `version ${version}`);
    }
  });
});

test("a full disk refuses records before it is full, while reads and deletions go on, until there is room", async () => {
  const settings = { "wal.min.free.bytes": "1000000" };
  await withBroker(
    async ({ connect, process, pass, lines }) => {
      const client = connect();
      await createTopic(client, "t");
      await createTopic(client, "u");
      assert.equal((await produce(client, T, [{ value: "before" }])).errorCode, ErrorCode.NONE);
      const { capacityBytes } = process.disk.faults;
      process.disk.faults = {
        ...process.disk.faults,
        capacityBytes: capacityBytes - process.disk.spareBytes() + 999_999,
      };
      await pass(2500);
      const refused = await produce(client, T, [{ value: "refused" }]);
      assert.equal(errorName(refused.errorCode), "KAFKA_STORAGE_ERROR");
      assert.deepEqual(recordsOf(await fetch(client, T)), [[0, "before"]]);
      const { responses } = await client.request(APIS.deleteTopics, 6, { topics: [{ name: "u" }] });
      assert.equal(responses[0]!.errorCode, ErrorCode.NONE);
      process.disk.faults = { ...process.disk.faults, capacityBytes };
      await pass(2500);
      assert.equal((await produce(client, T, [{ value: "after" }])).baseOffset, 1);
      assert.equal(lines.length, 2, lines.join("\n"));
    },
    { settings },
  );
});

test("after a restart records go on behind the old ones, with a higher leader epoch", async () => {
  const lives = new BrokerLives();
  for (let life = 0; life < 4; life += 1) {
    await lives.live(
      async ({ connect }) => {
        const client = connect();
        if (life === 0) await createTopic(client, "t");
        assert.equal((await produce(client, T, [{ value: `${life}` }])).baseOffset, life);
        assert.deepEqual(
          await readAll(client, T),
          Array.from({ length: life + 1 }, (_, offset) => [offset, `${offset}`]),
        );
        const [batch] = batchesOf(await fetch(client, T, { offset: life }));
        assert.equal(batchLeaderEpoch(batch!, 0), life);
      },
      life % 2 === 0 ? "power" : "stop",
    );
  }
});
