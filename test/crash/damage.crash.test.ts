/**
 * Disks that forget: flipped bits, zeroed blocks and missing files, of the log, of snapshots and of indexes. Whatever is
 * hit, all else stays readable, nothing wrong is ever served, no offset is given out twice, the operator is told, and
 * where the broker's own decisions may be lost it does not start before the operator has said so.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SentBatch } from "../../sim/log-model.ts";
import { SimRandom } from "../../sim/random.ts";
import { crc32c } from "../../src/base/crc32c.ts";
import { parseWalFileName } from "../../src/log/wal-file.ts";
import { GROUP_HEADER_BYTES, readGroupHeader, VERSION_GROUP, verifiedRecordBytes } from "../../src/log/wal-record.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { batchBaseOffset, batchOffsetCount } from "../../src/protocol/record-batch.ts";
import { StateLostError } from "../../src/state/open.ts";
import { ScriptedClient } from "./scripted-client.ts";
import { isSoak, seeds } from "./seeds.ts";
import { type LaidOutGroup, layOut } from "./wal-layout.ts";
import { Workload } from "./workload.ts";
import { World, type WorldOptions } from "./world.ts";

const ACCEPT_LOSS = { "wal.recovery.accept.loss": "true" };
const NO_SNAPSHOTS = { "snapshot.interval.bytes": "1000000000", "log.retention.check.interval.ms": "1000000000" };

/** A broker that was killed behind a busy life. */
async function killedWorld(options: WorldOptions, before?: (world: World) => Promise<void>): Promise<World> {
  const world = new World({ withoutSegments: true, ...options, settings: { ...NO_SNAPSHOTS, ...options.settings } });
  const workload = new Workload(world, { adminSteps: 0, requests: 12 });
  await world.start();
  await before?.(world);
  workload.start();
  await world.letIn(() => workload.isDone);
  await world.verify();
  world.crash("kill");
  world.isDamaged = true;
  return world;
}

/** The batches that stand in `groups`. */
function batchesIn(world: World, groups: readonly LaidOutGroup[]): Set<SentBatch> {
  const contents = new Set(groups.flatMap(({ batches }) => batches.map(({ content }) => content)));
  const all = world.model.knownBatches();
  return new Set(
    all.filter((batch) => [...batch.place.sent].some(([key, sent]) => sent === batch && contents.has(key))),
  );
}

/** Reads every batch by itself: all are as they were, but for those in `lost`, of which nothing is shown. */
async function checkAllBut(world: World, lost: ReadonlySet<SentBatch>): Promise<void> {
  const client = new ScriptedClient(world);
  for (const batch of world.model.knownBatches()) {
    const { place } = batch;
    const offset = batch.offset!;
    const what = `${place.topic.name}-${place.index} at ${offset}`;
    const { errorCode, batches } = await client.fetch(place, offset, 1);
    const first = batches[0];
    if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE && place.topic.settings.has("retention.bytes")) continue;
    if (!lost.has(batch)) {
      assert.equal(errorCode, ErrorCode.NONE, `${what}: error`);
      assert.ok(first !== undefined, `${what}: nothing is read`);
      assert.equal(batchBaseOffset(first, 0), offset, what);
      assert.ok(first.subarray(16).equals(batch.bytes.subarray(16)), `${what}: bytes`);
    } else if (first !== undefined) {
      assert.ok(batchBaseOffset(first, 0) >= offset + batch.records, `${what}: something else is read`);
    }
  }
}

/** What clients were told of topics, epochs and producer ids holds; topics may be gone where the operator accepted that. */
async function checkPromises(world: World): Promise<void> {
  const { topics } = (await world.readEverything())!;
  for (const topic of world.model.livingTopics()) {
    const read = topics.find(({ id }) => id === topic.id);
    if (read === undefined) topic.fate = "deleted";
    else world.model.leaderEpochShown(topic, read.leaderEpoch);
  }
  await new ScriptedClient(world).producerId();
}

/** Writes to every partition: what is given out lies beyond all that ever was. */
async function checkNewOffsets(world: World): Promise<void> {
  const client = new ScriptedClient(world);
  for (const { partitions } of world.model.livingTopics()) {
    for (const place of partitions) {
      const end = Math.max(0, ...[...place.taken.keys()].map((offset) => offset + 1));
      const batch = await client.produce(place, `after the damage ${place.index}`);
      assert.ok(
        batch.offset! >= end,
        `${place.topic.name}-${place.index}: offset ${batch.offset} again, the end was ${end}`,
      );
      const { batches } = await client.fetch(place, batch.offset!);
      assert.equal(batchBaseOffset(batches[0]!, 0), batch.offset);
    }
  }
}

/** Starts, and when the start is refused starts again with the operator's leave. Answers whether it was refused. */
async function startOrAccept(world: World): Promise<boolean> {
  try {
    await world.start();
    return false;
  } catch (error) {
    if (!(error instanceof StateLostError)) throw error;
    world.ended();
    await assert.rejects(() => world.start(), StateLostError, "refused once, refused always");
    world.ended();
    await world.start(ACCEPT_LOSS);
    return true;
  }
}

/** What holds after any damage, and after the next restart too. */
async function checkAfterDamage(world: World, lost: ReadonlySet<SentBatch>): Promise<void> {
  await checkPromises(world);
  await checkAllBut(world, lost);
  await checkNewOffsets(world);
  world.crash("power");
  await world.start();
  await checkPromises(world);
  await checkAllBut(world, lost);
  await world.stop();
  await world.start();
  await checkAllBut(world, lost);
  await checkNewOffsets(world);
}

/** A consumer with large fetches gets on up to what is spoilt, and from behind it to the end. */
async function checkReadingOn(world: World, lost: ReadonlySet<SentBatch>): Promise<void> {
  const client = new ScriptedClient(world);
  const places = world.model.livingTopics().flatMap(({ partitions }) => partitions);
  for (const place of places) {
    const batches = world.model.knownBatches().filter((batch) => batch.place === place);
    batches.sort((a, b) => a.offset! - b.offset!);
    let next = batches[0]?.offset ?? 0;
    const end = Math.max(0, ...batches.map(({ offset, records }) => offset! + records));
    while (next < end) {
      const { errorCode, batches: read } = await client.fetch(place, next);
      const at = batches.find(({ offset }) => offset === next)!;
      assert.equal(errorCode === ErrorCode.NONE, !lost.has(at), `${place.topic.name}-${place.index} at ${next}`);
      const last = read.at(-1);
      next = last === undefined ? next + at.records : batchBaseOffset(last, 0) + batchOffsetCount(last, 0);
    }
  }
}

function walFiles(groups: readonly LaidOutGroup[]): string[] {
  return [...new Set(groups.map(({ file }) => file))];
}

/** Newest first. */
function snapshotPositions(world: World): number[] {
  const names = [...world.simulation.files().keys()].filter((name) => name.endsWith(".snapshot"));
  return names.map((name) => Number(/\d+/.exec(name)![0])).reverse();
}

type Damage = "flipped bit" | "zeroed block";
const BLOCK_BYTES = 512;

function damage(world: World, kind: Damage, place: { readonly file: string; readonly at: number }): void {
  const { file, at } = place;
  if (kind === "flipped bit") world.simulation.disk.flipBit(file, at);
  else world.simulation.disk.zero(file, at, BLOCK_BYTES);
}

/** The groups that it makes different: zeroes for zeroes, in filler, are no damage. */
function hitBy(world: World, kind: Damage, place: { readonly file: string; readonly at: number }): LaidOutGroup[] {
  const files = world.simulation.files();
  const { file, at } = place;
  const bytes = files.get(file)!;
  const end = at + (kind === "flipped bit" ? 1 : BLOCK_BYTES);
  return layOut(files).filter((group) => {
    const part = bytes.subarray(Math.max(at, group.at), Math.min(end, group.end));
    return group.file === file && (kind === "flipped bit" ? part.length > 0 : part.some((byte) => byte !== 0));
  });
}

/** Operations of a recovery that finds damage. */
const MENDING_OPERATIONS = 80;

describe("damage in the log", () => {
  for (const kind of ["flipped bit", "zeroed block"] as const) {
    it(`hazard: one torn record hides all behind it (${kind} in a sealed file)`, async () => {
      for (const seed of seeds(8)) {
        const world = await killedWorld({ seed });
        const files = world.simulation.files();
        const groups = layOut(files);
        const random = new SimRandom(seed, "damage");
        const file = random.pick(walFiles(groups).slice(0, -1));
        const { at: from, contentEnd } = random.pick(groups.filter((group) => group.file === file));
        const at = random.between(from, contentEnd - 1);
        const hit = hitBy(world, kind, { file, at });
        const lost = batchesIn(world, hit);
        damage(world, kind, { file, at });
        const refused = await startOrAccept(world);
        assert.equal(
          refused,
          hit.some(({ hasState }) => hasState),
          `seed ${seed}: refused`,
        );
        assert.ok(
          world.lines.some((line) => line.includes("damage") && line.includes(file)),
          `seed ${seed}: silent`,
        );
        await checkAfterDamage(world, lost);
      }
    });

    it(`is told from a torn tail by what later groups say was durable (${kind} in the last file)`, async () => {
      let [damaged, torn] = [0, 0];
      for (const seed of seeds(8)) {
        // One file only, and groups enough that most of them have one behind them that saw them durable.
        const world = await killedWorld({ seed, settings: { "wal.indexing.interval.ms": "1000000" } });
        const groups = layOut(world.simulation.files());
        const [file] = walFiles(groups);
        const random = new SimRandom(seed, "damage");
        const from = random.chance(0.5) ? random.pick(groups) : random.pick(groups.slice(-5));
        const at = random.between(from.at, from.contentEnd - 1);
        const hit = hitBy(world, kind, { file: file!, at });
        const behind = groups.filter((group) => group.at > hit.at(-1)!.at);
        const durable = Math.max(0, ...behind.map(({ durablePosition }) => durablePosition));
        const isDamage = hit[0]!.position < durable;
        const lost = batchesIn(world, isDamage ? hit : [...hit, ...behind]);
        damage(world, kind, { file: file!, at });
        await startOrAccept(world);
        const { report } = world.running.opened;
        assert.equal(report.damage.length, isDamage ? 1 : 0, `seed ${seed}: damage`);
        assert.equal(report.cutBytes > 0, !isDamage, `seed ${seed}: cut`);
        await checkAllBut(world, lost);
        if (isDamage) await checkAfterDamage(world, lost);
        if (isDamage) damaged += 1;
        else torn += 1;
      }
      assert.ok(damaged > 0 && torn > 0, "both were met");
    });

    it(`is told from a torn tail by the index of a file that was sealed (${kind} in the last group of all)`, async () => {
      for (const seed of seeds(8)) {
        const world = new World({ withoutSegments: true, seed, settings: NO_SNAPSHOTS });
        const client = new ScriptedClient(world);
        await world.start();
        const [place] = (await client.createTopic("orders")).partitions;
        for (let count = 0; count < 3; count++) await client.produce(place!, Buffer.alloc(600, `${count}`));
        await world.pass(100);
        world.crash("kill");
        world.isDamaged = true;
        const hit = layOut(world.simulation.files()).slice(-1);
        const [{ file, at, contentEnd }] = hit as [LaidOutGroup];
        damage(world, kind, { file, at: new SimRandom(seed, "damage").between(at, contentEnd - 1) });
        assert.ok(await startOrAccept(world), "nothing tells that no state was lost");
        assert.equal(world.running.opened.report.cutBytes, 0);
        await checkAfterDamage(world, batchesIn(world, hit));
        assert.ok(
          [...place!.taken.keys()].every((offset) => offset < 1000),
          "the index tells where to go on",
        );
      }
    });

    it(`spoils only what it hits in files that are not read again at start (${kind})`, async () => {
      let spoilt = 0;
      for (const seed of seeds(8)) {
        const world = await killedWorld({ seed, settings: { "snapshot.interval.bytes": "1" } });
        const [newest] = snapshotPositions(world);
        const groups = layOut(world.simulation.files()).filter(({ position }) => position < newest!);
        const random = new SimRandom(seed, "damage");
        const { file, at: from, contentEnd } = random.pick(groups.filter(({ batches }) => batches.length > 0));
        const at = random.between(from, contentEnd - 1);
        const length = kind === "flipped bit" ? 1 : BLOCK_BYTES;
        const lost = batchesIn(
          world,
          groups.map((group) => ({
            ...group,
            batches: group.batches.filter((batch) => group.file === file && batch.at < at + length && at < batch.end),
          })),
        );
        damage(world, kind, { file, at });
        assert.equal(await startOrAccept(world), false);
        spoilt += lost.size;
        await checkAllBut(world, lost);
        await checkReadingOn(world, lost);
        if (lost.size > 0)
          assert.ok(
            world.lines.some((line) => line.includes(file)),
            `seed ${seed}: silent`,
          );
        await checkNewOffsets(world);
      }
      assert.ok(spoilt > 0);
    });
  }
});

/** Harms a snapshot somewhere. */
function damageSnapshot(world: World, position: number, random: SimRandom): void {
  const name = `snapshot/${String(position).padStart(20, "0")}.snapshot`;
  const size = world.simulation.files().get(name)!.length;
  world.simulation.disk.flipBit(name, random.between(0, size - 1));
}

describe("a death while damage is mended", () => {
  it("hazard: offsets are given out twice, because what told of them was already replaced", async () => {
    for (const seed of seeds(1)) {
      for (let operation = 1; operation <= MENDING_OPERATIONS; operation += isSoak ? 1 : 3) {
        const world = new World({ withoutSegments: true, seed, settings: NO_SNAPSHOTS });
        const client = new ScriptedClient(world);
        await world.start();
        const [quiet, busy] = [await client.createTopic("quiet"), await client.createTopic("busy")];
        for (let count = 0; count < 5; count++) await client.produce(quiet.partitions[0]!, `${count}`);
        for (let file = 0; file < 3; file++) {
          await world.pass(100);
          await client.produce(busy.partitions[0]!, `${file}`);
        }
        await world.verify();
        world.crash("kill");
        world.isDamaged = true;
        // The newest batches of a partition, in a sealed file: only its index tells where the partition ended.
        const hit = layOut(world.simulation.files())
          .filter(({ batches }) => batches.length > 0)
          .slice(3, 5);
        const lost = batchesIn(world, hit);
        for (const { file, at } of hit) world.simulation.disk.zero(file, at, 20);
        world.simulation.crashAt(operation, operation % 2 === 1 ? "power" : "kill");
        if (await world.start()) world.crash("power");
        else world.died("kill");
        assert.equal(await startOrAccept(world), false);
        await checkAfterDamage(world, lost);
      }
    }
  });
});

describe("damaged snapshots", () => {
  const MANY = { "snapshot.interval.bytes": "1" };

  it("the newest: the one before it and a longer replay give the same state", async () => {
    for (const seed of seeds(8)) {
      const world = await killedWorld({ seed, settings: MANY });
      const random = new SimRandom(seed, "damage");
      damageSnapshot(world, snapshotPositions(world)[0]!, random);
      await world.start(); // which compares the folds
      assert.ok(
        world.lines.some((line) => line.includes("snapshot")),
        "silent",
      );
      await world.verify();
    }
  });

  it("do not count as one of the two that files are freed below", async () => {
    for (const seed of seeds(8)) {
      const world = await killedWorld({ seed, settings: { ...MANY, "log.retention.check.interval.ms": "25" } });
      const random = new SimRandom(seed, "damage");
      damageSnapshot(world, snapshotPositions(world)[0]!, random);
      await world.start();
      await world.verify();
      const [newest] = snapshotPositions(world);
      const { partitions } = world.model.livingTopics().find(({ name }) => name === "metrics")!;
      await new ScriptedClient(world).produce(partitions[0]!, Buffer.alloc(2000));
      await world.simulation.runUntil(() => snapshotPositions(world)[0] !== newest);
      await world.pass(10); // files may go now
      world.crash("power");
      damageSnapshot(world, snapshotPositions(world)[0]!, random);
      await world.start();
      await world.verify();
    }
  });

  it("both, with all of the log there: it is read from its beginning", async () => {
    for (const seed of seeds(8)) {
      const world = await killedWorld({ seed, settings: MANY });
      const random = new SimRandom(seed, "damage");
      for (const position of snapshotPositions(world)) damageSnapshot(world, position, random);
      await world.start();
      await world.verify();
    }
  });

  it("both, with a part of the log freed: refused, and accepted with the topics that still have records", async () => {
    let refused = 0;
    for (const seed of seeds(8)) {
      const settings = { ...MANY, "log.retention.check.interval.ms": "25" };
      const world = await killedWorld({ seed, settings }, async (alive) => {
        // A topic whose creation stands in a file without records, which goes as soon as it may.
        const client = new ScriptedClient(alive);
        const early = await client.createTopic("early", { partitions: 2 });
        await alive.pass(100);
        for (const place of early.partitions) await client.produce(place, "early");
      });
      const random = new SimRandom(seed, "damage");
      const isFreed = layOut(world.simulation.files())[0]!.position > 0;
      for (const position of snapshotPositions(world)) damageSnapshot(world, position, random);
      assert.equal(await startOrAccept(world), isFreed);
      await checkAfterDamage(world, new Set());
      if (isFreed) refused += 1;
    }
    assert.ok(refused > 0);
  });
});

describe("missing files", () => {
  it("a file of the log that is read again at start", async () => {
    for (const seed of seeds(8)) {
      const world = await killedWorld({ seed });
      const groups = layOut(world.simulation.files());
      const file = new SimRandom(seed, "damage").pick(walFiles(groups).slice(0, -1));
      const gone = groups.filter((group) => group.file === file);
      const lost = batchesIn(world, gone);
      await world.offline((disk) => disk.remove(file));
      const refused = await startOrAccept(world);
      assert.equal(
        refused,
        gone.some(({ hasState }) => hasState),
      );
      assert.ok(world.lines.some((line) => line.includes("damage")));
      await checkAfterDamage(world, lost);
      // The index that is left tells where each partition went on: no offset is passed over without need.
      for (const { place, offset } of world.model.knownBatches()) {
        if (place.topic.fate === "there") assert.ok(offset! < 1000, `${place.topic.name} goes on at ${offset}`);
      }
    }
  });

  it("a file of the log that only consumers need", async () => {
    for (const seed of seeds(8)) {
      const world = await killedWorld({ seed, settings: { "snapshot.interval.bytes": "1" } });
      const [newest] = snapshotPositions(world);
      const groups = layOut(world.simulation.files()).filter(({ position }) => position < newest!);
      const file = new SimRandom(seed, "damage").pick(walFiles(groups));
      const lost = batchesIn(
        world,
        groups.filter((group) => group.file === file),
      );
      await world.offline((disk) => disk.remove(file));
      assert.equal(await startOrAccept(world), false);
      if (lost.size > 0)
        assert.ok(
          world.lines.some((line) => line.includes(file)),
          "silent",
        );
      await checkAfterDamage(world, lost);
    }
  });

  it("indexes: their rows are found again in the log", async () => {
    for (const seed of seeds(5)) {
      const world = await killedWorld({ seed, settings: { "snapshot.interval.bytes": "1" } });
      await world.start();
      await world.stop();
      const random = new SimRandom(seed, "damage");
      const files = world.simulation.files();
      for (const [name, { length }] of files) {
        if (!name.endsWith(".index") || length === 0) continue;
        if (random.chance(0.5)) world.simulation.disk.flipBit(name, random.between(0, length - 1));
        else await world.offline((disk) => disk.remove(name));
      }
      await world.start();
      await world.verify();
    }
  });
});

describe("lost state records", () => {
  it("hazard: recreating a topic shows old records, also when its deletion and creation are lost", async () => {
    for (const seed of seeds(3)) {
      for (const isCreationKept of [true, false]) {
        const world = new World({ withoutSegments: true, seed, settings: NO_SNAPSHOTS });
        const client = new ScriptedClient(world);
        await world.start();
        const older = await client.createTopic("sessions", { partitions: 2 });
        for (const place of older.partitions) await client.produce(place, "of the older one");
        await world.pass(100);
        await client.deleteTopic(older);
        if (isCreationKept) await world.pass(100);
        const newer = await client.createTopic("sessions");
        await world.pass(100);
        await client.produce(newer.partitions[0]!, "of the newer one");
        await world.verify();
        world.crash("power");
        world.isDamaged = true;
        const [, lost] = walFiles(layOut(world.simulation.files()));
        await world.offline((disk) => disk.remove(lost!));
        assert.ok(await startOrAccept(world));
        assert.ok(
          world.lines.some((line) => line.includes("given up")),
          "silent",
        );
        await checkAfterDamage(world, new Set());
      }
    }
  });
});

/** Whether a whole group stands behind the one that begins at `at`, or is missing there. */
function hasGroupBehind(bytes: Buffer, at: number): boolean {
  for (let next = at + 1; next < bytes.length; next++) {
    if (bytes[next + 2] !== VERSION_GROUP || verifiedRecordBytes(bytes, next, bytes.length) === 0) continue;
    const { lengthBytes, crc } = readGroupHeader(bytes, next)!;
    const from = next + GROUP_HEADER_BYTES;
    if (from + lengthBytes <= bytes.length && crc32c(bytes.subarray(from, from + lengthBytes)) === crc) return true;
  }
  return false;
}

describe("what a cut leaves behind", () => {
  it("hazard: an older whole group behind the cut is not taken for one of the log", async () => {
    let tails = 0;
    for (const seed of seeds(100)) {
      const settings = { ...NO_SNAPSHOTS, "wal.indexing.interval.ms": "1000000" };
      const world = new World({ withoutSegments: true, seed, settings });
      world.simulation.crashAt(30 + seed, "kill");
      const workload = new Workload(world, { idempotentProducers: 6, plainProducers: 3 });
      workload.start();
      if ((await world.start()) && (await world.letIn(() => workload.isDone))) continue;
      world.died("kill");
      // A group that was not durable, with a whole one behind it: power loss can leave it torn.
      const { durable } = world.running.broker.store.wal;
      const file = [...world.simulation.files().keys()].findLast((name) => name.endsWith(".wal"))!;
      const at = durable - parseWalFileName(file.slice("wal/".length))!.base;
      if (!hasGroupBehind(world.simulation.files().get(file)!, at)) continue;
      tails += 1;
      world.simulation.disk.zero(file, at, 20);
      const whole = world.simulation.files().get(file)!;
      await world.start();
      const { cutBytes } = world.running.opened.report;
      const isRoom = whole.subarray(at + cutBytes).every((byte) => byte === 0);
      assert.ok(cutBytes > 0 && isRoom, "all is cut, of which zeros for groups to come are no part");
      const aside = world.simulation.files().get(`${file}.${at}.cut`);
      assert.ok(aside?.equals(whole.subarray(at, at + cutBytes)), "what was cut is kept aside");
      assert.ok(
        world.lines.some((line) => line.includes(`cut ${cutBytes} bytes`)),
        "and the operator is told",
      );
      await world.verify();
      world.crash("power");
      // The cut is taken back, as by a disk that lied.
      await world.offline(async (disk) => {
        const again = await disk.open(file, "readWrite");
        await again.write([whole.subarray(at)], at);
        await again.sync();
        await again.close();
      });
      await world.start();
      assert.equal(world.running.opened.report.damage.length, 0);
      await world.verify();
    }
    assert.ok(tails > 2, `${tails} tails`);
  });
});
