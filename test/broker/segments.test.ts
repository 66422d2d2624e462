/** What clients see while batches move from the log into segments and from those into larger ones: nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { KafkaClient } from "../../sim/kafka-client.ts";
import { SimRandom } from "../../sim/random.ts";
import { Segment } from "../../src/log/segment.ts";
import { APIS } from "../../src/protocol/apis.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { encodeBatch, type RecordInput } from "../../src/protocol/record.ts";
import { batchBaseOffset, batchOffsetCount } from "../../src/protocol/record-batch.ts";
import {
  BrokerLives,
  type BrokerOptions,
  type BrokerWorld,
  batchesOf,
  createTopic,
  fetch,
  produceBytes,
} from "./broker-simulation.ts";

const SETTINGS = {
  "wal.indexing.interval.ms": "20",
  "snapshot.interval.bytes": "20000",
  "log.retention.check.interval.ms": "100",
  "segment.delete.delay.ms": "0",
  "wal.tail.cache.bytes": "1048576",
  "read.buffer.bytes": "1048576",
  "log.retention.ms": "-1", // timestamps here are of no time
};
const OPTIONS: BrokerOptions = { settings: SETTINGS };

/** Batches as they were sent, with what the broker gave them: what every read must give, at any time. */
class Sent {
  readonly batches: Buffer[] = [];
  end = 0;
  /** Consumers see what is before it. */
  acknowledged = 0;

  /** A batch that holds all that a tier might lose. */
  add(random: SimRandom): Buffer {
    const records = Array.from({ length: random.between(1, 4) }, (): RecordInput => {
      const value = random.pick([null, "", Buffer.alloc(random.pick([10, 10, 500, 5_000, 40_000]), this.end)]);
      const headers = random.pick([[], [{ key: "h", value: null }], [{ key: "", value: "v" }]]);
      return { key: random.pick([null, "", "key"]), value, headers, timestamp: random.between(0, 5_000) };
    });
    const options = {
      compression: random.pick(["none", "gzip", "zstd"] as const),
      ...random.pick([{}, { producerId: this.end + 1, producerEpoch: 3, baseSequence: 0 }]),
    };
    this.batches.push(encodeBatch(records, { ...options, baseOffset: this.end, leaderEpoch: 0 }));
    const batch = encodeBatch(records, options);
    this.end += records.length;
    return batch;
  }

  /** Those from the one that holds `offset` on. */
  from(offset: number): Buffer {
    return Buffer.concat(
      this.batches.filter((batch) => batchBaseOffset(batch, 0) + batchOffsetCount(batch, 0) > offset),
    );
  }
}

const T = { topic: "t" };

/** Produces one more. */
async function produceNext(client: KafkaClient, sent: Sent, random: SimRandom): Promise<void> {
  const { errorCode } = await produceBytes(client, T, sent.add(random));
  assert.equal(errorCode, ErrorCode.NONE);
  sent.acknowledged = sent.end;
}

/** Reads from `offset` to the end that it had at the beginning, and compares. */
async function readAndCompare(client: KafkaClient, sent: Sent, offset: number, maxBytes: number): Promise<void> {
  const end = sent.acknowledged;
  const expected = sent.from(offset);
  const read: Buffer[] = [];
  let next = offset;
  while (next < end) {
    const answer = await fetch(client, T, { offset: next, maxBytes, partitionMaxBytes: maxBytes });
    assert.equal(answer.errorCode, ErrorCode.NONE);
    const batches = batchesOf(answer);
    assert.ok(batches.length > 0, `nothing at ${next} of ${end}`);
    read.push(...batches);
    next = batchBaseOffset(batches.at(-1)!, 0) + batchOffsetCount(batches.at(-1)!, 0);
  }
  const bytes = Buffer.concat(read);
  const common = Math.min(bytes.length, expected.length);
  assert.ok(bytes.subarray(0, common).equals(expected.subarray(0, common)), `other bytes from ${offset} on`);
}

function rangesOf({ broker }: BrokerWorld, topic = "t") {
  return broker.store.state.topic(topic)!.partitions[0]!.ranges;
}

function levels(world: BrokerWorld): number[] {
  return rangesOf(world).map(({ file }) => (file instanceof Segment ? file.level : -1));
}

test("hazard: gaps at every tier boundary: while files are converted, merged and removed, every read gives the same bytes", async () => {
  for (const seed of [1, 2]) {
    const lives = new BrokerLives({ ...OPTIONS, seed });
    const random = new SimRandom(seed, "tiers");
    const sent = new Sent();
    await lives.live(
      async (world) => {
        const { connect, pass, broker } = world;
        await createTopic(connect(), "t");
        let producing = true;
        const seen = new Set<number>();
        const reading = [1, 1_000, 60_000, 1_000_000].map(async (maxBytes) => {
          const client = connect();
          for (let turn = 0; producing || turn < 2; turn += 1) {
            await readAndCompare(client, sent, random.between(0, sent.acknowledged), maxBytes);
            await readAndCompare(client, sent, 0, maxBytes);
            for (const level of levels(world)) seen.add(level);
            await pass(5);
          }
        });
        const producer = connect();
        for (let count = 0; count < 100; count += 1) {
          const { errorCode } = await produceBytes(producer, T, sent.add(random));
          assert.equal(errorCode, 0);
          await pass(random.pick([0, 3, 8]));
        }
        producing = false;
        await Promise.all(reading);
        assert.deepEqual(seen, new Set([-1, 0, 1]), "all tiers were read: the log, and segments of two levels");
        assert.ok(broker.store.files.closed.length < 20, "files of the log have gone meanwhile");
      },
      seed === 1 ? "stop" : "kill",
    );
    await lives.live(async ({ connect }) => {
      await readAndCompare(connect(), sent, 0, 1_000_000);
    });
  }
});

async function offsetAt(client: KafkaClient, timestamp: number): Promise<[number, number]> {
  const { topics } = await client.request(APIS.listOffsets, 7, {
    replicaId: -1,
    topics: [{ name: "t", partitions: [{ partitionIndex: 0, timestamp }] }],
  });
  const { errorCode, offset, timestamp: found } = topics[0]!.partitions[0]!;
  assert.equal(errorCode, ErrorCode.NONE);
  return [offset, Number(found)];
}

test("offsets by timestamp are exact in every tier: any order of timestamps, a log start within a block, the largest", async () => {
  const times = fc.array(fc.array(fc.nat(30), { minLength: 1, maxLength: 3 }), { minLength: 12, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      times,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.boolean(),
      async (batches, start, settles) => {
        await new BrokerLives(OPTIONS).live(async (world) => {
          const { connect, pass, until } = world;
          const client = connect();
          await createTopic(client, "t");
          const records: number[] = [];
          for (const timestamps of batches) {
            const bytes = encodeBatch(timestamps.map((timestamp) => ({ value: "v", timestamp: timestamp + 1 })));
            assert.equal((await produceBytes(client, T, bytes)).errorCode, 0);
            records.push(...timestamps.map((timestamp) => timestamp + 1));
            await pass(timestamps[0]! % 8);
          }
          if (settles) await until(() => rangesOf(world).every(({ file }) => file instanceof Segment));
          const logStart = Math.floor(start * records.length);
          await client.request(APIS.deleteRecords, 2, {
            topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset: logStart }] }],
            timeoutMs: 1000,
          });
          const naive = (timestamp: number): [number, number] => {
            const offset = records.findIndex((each, index) => index >= logStart && each >= timestamp);
            return offset === -1 ? [-1, -1] : [offset, records[offset]!];
          };
          for (let timestamp = 0; timestamp <= 32; timestamp += 1) {
            assert.deepEqual(
              await offsetAt(client, timestamp),
              naive(timestamp),
              `from ${timestamp} on, log start ${logStart}`,
            );
          }
          const largest = Math.max(...records.slice(logStart));
          assert.deepEqual(await offsetAt(client, -3), naive(largest), "the first of those with the largest timestamp");
          assert.equal((await offsetAt(client, -2))[0], logStart);
          assert.equal((await offsetAt(client, -1))[0], records.length);
        });
      },
    ),
    { seed: 1, numRuns: 25 },
  );
});

test("damage in a segment: what it hits is refused, the operator is told, all else can be read", async () => {
  await new BrokerLives(OPTIONS).live(async (world) => {
    const { connect, until, simulation, lines } = world;
    const client = connect();
    await createTopic(client, "t");
    const sent = new Sent();
    const value = Buffer.alloc(20_000, 1);
    for (let offset = 0; offset < 6; offset += 1) {
      const records = [{ value, timestamp: 1 }];
      assert.equal((await produceBytes(client, T, encodeBatch(records))).errorCode, 0);
      sent.batches.push(encodeBatch(records, { baseOffset: offset, leaderEpoch: 0 }));
    }
    await until(() => rangesOf(world).every(({ file }) => file instanceof Segment));
    const range = rangesOf(world).find(({ firstOffset, endOffset }) => firstOffset <= 3 && endOffset > 3)!;
    const index = await world.broker.reader.index(range);
    const row = index.find(3);
    const hit = [index.baseOffsetAt(row), index.endOffsetAt(row)] as const;
    simulation.disk.flipBit(range.file.name, index.positionAt(row) + 200);
    world.broker.reader.close();
    for (let offset = 0; offset < 6; offset += 1) {
      const answer = await fetch(client, T, { offset, maxBytes: 1, partitionMaxBytes: 1 });
      const isHit = offset >= hit[0] && offset < hit[1];
      assert.equal(answer.errorCode, isHit ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.NONE, `offset ${offset}`);
      if (!isHit) assert.ok(batchesOf(answer)[0]!.equals(sent.batches[offset]!));
    }
    assert.ok(hit[1] - hit[0] <= 1, "a record holds no more than 32 KiB of batches");
    assert.match(lines.join("\n"), new RegExp(`error: ${range.file.name} is damaged`));
  });
});

test("damage in the index of a segment: it is made again from the batches, and nothing is refused", async () => {
  await new BrokerLives(OPTIONS).live(async (world) => {
    const { connect, until, simulation, lines } = world;
    const client = connect();
    await createTopic(client, "t");
    const sent = new Sent();
    const random = new SimRandom(5, "index");
    for (let count = 0; count < 10; count += 1) await produceNext(client, sent, random);
    await until(() => rangesOf(world).every(({ file }) => file instanceof Segment));
    for (const { file, stored } of rangesOf(world)) simulation.disk.flipBit(file.indexName, stored!.at + 2);
    await readAndCompare(client, sent, 0, 1_000_000);
    assert.match(lines.join("\n"), /the rows of all that is in .* are read from it again/);
  });
});

test("hazard: deleted topics' data left behind: a segment stays while one topic needs it, is written anew when little is left, and goes", async () => {
  const lives = new BrokerLives({ settings: { ...SETTINGS, "wal.indexing.interval.ms": "300" } });
  await lives.live(async (world) => {
    const { connect, until, pass, simulation, broker } = world;
    const client = connect();
    for (const name of ["t", "large"]) await createTopic(client, name);
    const sent = new Sent();
    const random = new SimRandom(9, "shared");
    await produceNext(client, sent, random);
    await produceBytes(client, { topic: "large" }, encodeBatch([{ value: Buffer.alloc(400_000) }]));
    await until(() => [...rangesOf(world), ...rangesOf(world, "large")].every(({ file }) => file instanceof Segment));
    const shared = rangesOf(world)[0]!.file;
    assert.equal(rangesOf(world, "large")[0]!.file, shared);
    const bytesOnDisk = (): number => {
      const files = [...simulation.files()].filter(([name]) => !name.startsWith("snapshot/"));
      return files.reduce((sum, [, { length }]) => sum + length, 0);
    };
    await client.request(APIS.deleteTopics, 6, { topics: [{ name: "large" }] });
    await until(() => rangesOf(world)[0]!.file !== shared);
    await readAndCompare(client, sent, 0, 1_000_000);
    // Snapshots that forget what is gone come as something is written.
    for (let round = 0; round < 4; round += 1) {
      await produceNext(client, sent, random);
      await pass(800);
    }
    assert.ok(!simulation.files().has(shared.name), "the old one has gone");
    assert.ok(bytesOnDisk() < 400_000 + sent.from(0).length, "and its bytes with it");
    await readAndCompare(client, sent, 0, 1_000_000);
    await client.request(APIS.deleteTopics, 6, { topics: [{ name: "t" }] });
    for (let round = 0; round < 4; round += 1) {
      await createTopic(client, `round-${round}`);
      await pass(800);
    }
    assert.deepEqual(
      [...simulation.files().keys()].filter((name) => name.startsWith("segments/")),
      [],
    );
    assert.equal(broker.store.state.segments.size, 0);
  }, "power");
  await lives.live(async ({ connect, simulation }) => {
    const { topics } = await connect().request(APIS.metadata, 12, { topics: null });
    assert.ok(
      topics.every(({ name }) => name!.startsWith("round-")),
      "hazard: recreating a topic shows old records",
    );
    assert.deepEqual(
      [...simulation.files().keys()].filter((name) => name.startsWith("segments/")),
      [],
    );
  });
});
