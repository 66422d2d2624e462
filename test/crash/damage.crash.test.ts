/**
 * Disks that forget: flipped bits, zeroed blocks and missing files, of the log, of snapshots and of indexes. Whatever is
 * hit, all else stays readable, nothing wrong is ever served, no offset is given out twice, the operator is told, and
 * where the broker's own decisions may be lost it does not start before the operator has said so.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SentBatch } from "../../sim/log-model.ts";
import { SimRandom } from "../../sim/random.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { batchBaseOffset, batchOffsetCount } from "../../src/protocol/record-batch.ts";
import { StateLostError } from "../../src/state/open.ts";
import { ScriptedClient } from "./scripted-client.ts";
import { seeds } from "./seeds.ts";
import { type LaidOutGroup, layOut } from "./wal-layout.ts";
import { Workload } from "./workload.ts";
import { World, type WorldOptions } from "./world.ts";

const ACCEPT_LOSS = { "wal.recovery.accept.loss": "true" };
const NO_SNAPSHOTS = { "snapshot.interval.bytes": "1000000000", "log.retention.check.interval.ms": "1000000000" };

/** A broker that was killed behind a busy life. */
async function killedWorld(options: WorldOptions): Promise<World> {
  const world = new World({ ...options, settings: { ...NO_SNAPSHOTS, ...options.settings } });
  const workload = new Workload(world, { adminSteps: 0, requests: 12 });
  workload.start();
  await world.start();
  await world.letIn(() => workload.isDone);
  await world.verify();
  world.crash("kill");
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
  await checkAllBut(world, lost);
  await checkNewOffsets(world);
  world.crash("power");
  await world.start();
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

function hitBy(
  kind: Damage,
  groups: readonly LaidOutGroup[],
  place: { readonly file: string; readonly at: number },
): LaidOutGroup[] {
  const length = kind === "flipped bit" ? 1 : BLOCK_BYTES;
  const { file, at } = place;
  return groups.filter((group) => group.file === file && group.at < at + length && at < group.end);
}

describe("damage in the log", () => {
  for (const kind of ["flipped bit", "zeroed block"] as const) {
    it(`hazard: one torn record hides all behind it (${kind} in a sealed file)`, async () => {
      for (const seed of seeds(12)) {
        const world = await killedWorld({ seed });
        const files = world.simulation.files();
        const groups = layOut(files);
        const random = new SimRandom(seed, "damage");
        const file = random.pick(walFiles(groups).slice(0, -1));
        const at = random.between(0, files.get(file)!.length - 1);
        const hit = hitBy(kind, groups, { file, at });
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
      for (const seed of seeds(12)) {
        // One file only, and groups enough that most of them have one behind them that saw them durable.
        const world = await killedWorld({ seed, settings: { "wal.indexing.interval.ms": "1000000" } });
        const groups = layOut(world.simulation.files());
        const [file] = walFiles(groups);
        const random = new SimRandom(seed, "damage");
        const from = random.chance(0.5) ? random.pick(groups) : random.pick(groups.slice(-5));
        const at = random.between(from.at, from.end - 1);
        const hit = hitBy(kind, groups, { file: file!, at });
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

    it(`spoils only what it hits in files that are not read again at start (${kind})`, async () => {
      let spoilt = 0;
      for (const seed of seeds(12)) {
        const world = await killedWorld({ seed, settings: { "snapshot.interval.bytes": "1" } });
        const [newest] = snapshotPositions(world);
        const groups = layOut(world.simulation.files()).filter(({ position }) => position < newest!);
        const random = new SimRandom(seed, "damage");
        const { file, at: from, end } = random.pick(groups.filter(({ batches }) => batches.length > 0));
        const at = random.between(from, end - 1);
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
