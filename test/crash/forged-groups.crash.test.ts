/**
 * Bytes in a producer's value that look like the log's own. A torn group is searched for what may follow it, so its
 * values are looked at as if they were log: nothing in them may ever pass for a group. The canary is a scanner that does
 * not compare positions and incarnations: it must be fooled, and that must be found out.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PartitionModel } from "../../sim/log-model.ts";
import { crc32c } from "../../src/base/crc32c.ts";
import { parseWalFileName } from "../../src/log/wal-file.ts";
import {
  batchDataOffset,
  batchRecordBytes,
  GROUP_HEADER_BYTES,
  NO_STATE_POSITION,
  readGroupHeader,
  sealRecord,
  VERSION_GROUP,
  verifiedRecordBytes,
  writeBatchRecordFrame,
  writeGroupHeader,
} from "../../src/log/wal-record.ts";
import type { Disk } from "../../src/ports/disk.ts";
import { wrapped, wrappedFile } from "../../src/ports/wrapped-disk.ts";
import { encodeBatch } from "../../src/protocol/record.ts";
import { batchBaseOffset } from "../../src/protocol/record-batch.ts";
import { Died, ScriptedClient } from "./scripted-client.ts";
import { seeds } from "./seeds.ts";
import { layOut } from "./wal-layout.ts";
import { World } from "./world.ts";

/** A whole group with one batch, as if the broker had written it at `position` and knew all of the log to be durable. */
function forgedGroup(
  place: PartitionModel,
  header: { readonly position: number; readonly incarnation: number },
): Buffer {
  const data = encodeBatch([{ value: "never sent" }], { baseOffset: 1000 });
  const topicName = Buffer.from(place.topic.name);
  const topicId = Buffer.from(place.topic.id, "latin1");
  const bytes = Buffer.alloc(GROUP_HEADER_BYTES + batchRecordBytes(topicName.length, data.length));
  const fields = { topicName, topicId, partition: place.index, dataBytes: data.length };
  writeBatchRecordFrame(bytes, GROUP_HEADER_BYTES, fields);
  data.copy(bytes, GROUP_HEADER_BYTES + batchDataOffset(topicName.length));
  sealRecord(bytes, GROUP_HEADER_BYTES, bytes.length - GROUP_HEADER_BYTES);
  writeGroupHeader(bytes, 0, {
    wasOther: false,
    ...header,
    durablePosition: 1_000_000,
    previousStatePosition: NO_STATE_POSITION,
    lengthBytes: bytes.length - GROUP_HEADER_BYTES,
    crc: crc32c(bytes.subarray(GROUP_HEADER_BYTES)),
  });
  return bytes;
}

/** What a group stands at, and in which file, forgotten: every group header in what is read fits where it is read. */
function withoutPlace(disk: Disk): Disk {
  return wrapped(disk, {
    open: async (name, access) => {
      const file = await disk.open(name, access);
      const place = parseWalFileName(name.replace("wal/", ""));
      if (place === undefined) return file;
      return wrappedFile(file, {
        read: async (into, position) => {
          const size = await file.read(into, position);
          const bytes = Buffer.from(into.buffer, into.byteOffset, size);
          for (let at = 0; at < size; at++) {
            if (bytes[at + 2] !== VERSION_GROUP || verifiedRecordBytes(bytes, at, size) === 0) continue;
            const header = readGroupHeader(bytes, at)!;
            writeGroupHeader(bytes, at, {
              ...header,
              position: place.base + position + at,
              incarnation: place.incarnation,
            });
          }
          return size;
        },
      });
    },
  });
}

/** Where the value of a record that is sent next will stand, relative to the position of the log now. */
function valueOffset(place: PartitionModel, value: Buffer): number {
  const topicBytes = Buffer.byteLength(place.topic.name);
  return GROUP_HEADER_BYTES + batchDataOffset(topicBytes) + encodeBatch([{ value }]).indexOf(value);
}

const ANOTHER_SEED = 1000;

type Place = "torn tail" | "damaged middle";

/**
 * A world whose log has a group with a bad head and, inside of it, a record with a value of `valueOf`: at its end, because
 * the process died before any of it was durable, or in its middle, where the disk has lost it.
 */
async function spoiltWorld(
  seed: number,
  valueOf: (world: World, place: PartitionModel) => Buffer,
  options: { readonly where: Place; readonly wrapDisk?: (disk: Disk) => Disk },
): Promise<World> {
  const { where, wrapDisk } = options;
  const wrapDisks = wrapDisk === undefined ? {} : { wrapDisk };
  const world = new World({ seed, ...wrapDisks, settings: { "wal.indexing.interval.ms": "1000000" } });
  const client = new ScriptedClient(world);
  await world.start();
  const place = (await client.createTopic("orders")).partitions[0]!;
  for (let count = 0; count < 3; count++) await client.produce(place, `${count}`);
  const { wal } = world.running.broker.store;
  const [position, name] = [wal.position, wal.file.name];
  const value = valueOf(world, place);
  if (where === "torn tail") {
    world.simulation.crashAt(world.simulation.disk.operations + 1, "kill");
    await assert.rejects(client.send(client.batch(place, [{ value }])), Died);
    world.died("kill");
    // The write was under way: some of it is there, or all or nothing.
    const isThere = world.simulation.files().get(name)!.includes(value, position);
    if (!isThere) return spoiltWorld(seed + ANOTHER_SEED, valueOf, options);
  } else {
    await client.produce(place, value);
    for (const later of ["knows that it was durable", "is the last"]) await client.produce(place, later);
    world.crash("kill");
    world.isDamaged = true;
  }
  assert.ok(world.simulation.files().get(name)!.includes(value), "the value has reached the file");
  world.simulation.disk.zero(name, position, GROUP_HEADER_BYTES);
  return world;
}

/** Starts, and looks at all there is: of the spoilt group nothing, of the others everything. */
async function checkRecovered(world: World, where: Place): Promise<void> {
  await world.start();
  const { damage, cutBytes } = world.running.opened.report;
  assert.deepEqual([damage.length, cutBytes > 0], where === "torn tail" ? [0, true] : [1, false]);
  if (where === "torn tail") {
    await world.verify();
    return;
  }
  const [topic] = (await world.readEverything())!.topics;
  const read = topic!.partitions[0]!.batches.map((bytes) => [batchBaseOffset(bytes, 0), bytes.subarray(16)] as const);
  const known = world.model.knownBatches().map(({ offset, bytes }) => [offset!, bytes.subarray(16)] as const);
  const spoilt = 3;
  assert.deepEqual(read, known.toSpliced(spoilt, 1));
}

const FORGERIES = {
  "a group with the right position, of another incarnation": (world: World, place: PartitionModel): Buffer => {
    const { position } = world.running.broker.store.wal;
    const length = forgedGroup(place, { position, incarnation: 1 }).length;
    const at = position + valueOffset(place, Buffer.alloc(length, "x"));
    return forgedGroup(place, { position: at, incarnation: 1 });
  },
  "a copy of one of the log's own groups": (world: World): Buffer => {
    const { file, at, end } = layOut(world.simulation.files()).at(-1)!;
    return world.simulation.files().get(file)!.subarray(at, end);
  },
  "the magic number, over and over": (): Buffer => Buffer.from("7eca04007eca0300".repeat(50), "hex"),
} as const;

/** What a scanner without places is fooled by, and where. */
const FOOLING = [
  ["a group with the right position, of another incarnation", "torn tail"],
  ["a group with the right position, of another incarnation", "damaged middle"],
  ["a copy of one of the log's own groups", "damaged middle"],
] as const;

describe("hazard: a magic number inside a value", () => {
  for (const where of ["torn tail", "damaged middle"] as const) {
    for (const [forgery, valueOf] of Object.entries(FORGERIES)) {
      it(`${forgery} is a value and nothing else (${where})`, async () => {
        for (const seed of seeds(5)) await checkRecovered(await spoiltWorld(seed, valueOf, { where }), where);
      });
    }
  }

  for (const [forgery, where] of FOOLING) {
    it(`canary: a scanner that knows no places takes ${forgery} for one of the log (${where})`, async () => {
      for (const seed of seeds(3)) {
        const world = await spoiltWorld(seed, FORGERIES[forgery], { where, wrapDisk: withoutPlace });
        await assert.rejects(checkRecovered(world, where));
      }
    });
  }

  it("a value that looks like a group is read back as it was sent", async () => {
    for (const seed of seeds(3)) {
      const world = new World({ seed });
      const client = new ScriptedClient(world);
      await world.start();
      const place = (await client.createTopic("orders")).partitions[0]!;
      await client.produce(place, "first");
      for (const valueOf of Object.values(FORGERIES)) await client.produce(place, valueOf(world, place));
      await world.verify();
      world.crash("power");
      await world.start();
      await world.verify();
    }
  });
});
