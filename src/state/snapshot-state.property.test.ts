/**
 * Restart = snapshot + replay = the state before, for any history, and wherever in it the slices of the snapshot were
 * taken: the log goes on between any two of them.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CRASHED, Simulation } from "../../sim/simulation.ts";
import { stateDigest } from "../../test/crash/state-digest.ts";
import { type OpenLog, openLog, placeIn } from "../../test/log/open-log.ts";
import { toPosition } from "../base/brands.ts";
import { writeSnapshot } from "../log/snapshot.ts";
import { Writer } from "../protocol/codec/writer.ts";
import { takeSlices } from "./snapshot-state.ts";
import { RESOURCE_BROKER, RESOURCE_TOPIC } from "./state.ts";

const NAMES = ["a", "b", "c"];

type Change =
  | { readonly kind: "create" | "delete" | "addPartition" | "forget"; readonly topic: number }
  | { readonly kind: "append"; readonly topic: number; readonly place: number; readonly producer: number }
  | { readonly kind: "moveStart"; readonly topic: number; readonly place: number; readonly share: number }
  | { readonly kind: "topicConfig" | "brokerConfig"; readonly topic: number; readonly value: number }
  | { readonly kind: "producerIds" };

const topic = fc.nat(NAMES.length - 1);
const kind = <K extends Change["kind"]>(...kinds: readonly K[]): fc.Arbitrary<K> => fc.constantFrom(...kinds);
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: kind("create"), topic }) },
  { weight: 1, arbitrary: fc.record({ kind: kind("delete", "addPartition", "forget"), topic }) },
  { weight: 6, arbitrary: fc.record({ kind: kind("append"), topic, place: fc.nat(5), producer: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: kind("moveStart"), topic, place: fc.nat(5), share: fc.constantFrom(0.5, 1) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind("topicConfig", "brokerConfig"), topic, value: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind("producerIds") }) },
);
const changes = (maxLength: number): fc.Arbitrary<Change[]> => fc.array(change, { maxLength });

/** What happens in one life of the log. A number of changes is a place where its file is ended. */
const life = fc.record({
  before: fc.array(changes(8), { maxLength: 3 }),
  /** Between two slices of the snapshot, in turn. */
  meanwhile: fc.array(changes(3), { maxLength: 8 }),
  after: changes(8),
  takesSnapshot: fc.boolean(),
});
type Life = typeof life extends fc.Arbitrary<infer T> ? T : never;

function apply(log: OpenLog, each: Change): void {
  const { store } = log;
  if (each.kind === "producerIds") {
    store.append({ type: 7, value: { next: store.state.nextProducerId + 1000 } });
    return;
  }
  const name = NAMES[each.topic]!;
  if (each.kind === "brokerConfig") {
    const value = each.value === 0 ? null : String(each.value);
    const entries = [{ key: "log.retention.bytes", value }];
    store.append({ type: 6, value: { type: RESOURCE_BROKER, name: each.topic === 0 ? "" : "1", entries } });
    return;
  }
  const known = store.state.topic(name);
  if (known === undefined) {
    if (each.kind === "create") log.topic(name, 1 + each.topic);
    return;
  }
  const topicId = known.id;
  const partition = "place" in each ? each.place % known.partitions.length : 0;
  const place = placeIn(known, partition);
  switch (each.kind) {
    case "create":
      return;
    case "delete":
      store.append({ type: 4, value: { topicId } });
      return;
    case "addPartition":
      store.append({ type: 5, value: { topicId, partitions: known.partitions.length + 1 } });
      return;
    case "forget":
      store.append({ type: 9, value: { topicId, partition, producerIds: [1, 2] } });
      return;
    case "moveStart": {
      const offset = Math.floor(each.share * place.partition.endOffset);
      store.append({ type: 8, value: { topicId, partition, offset } });
      return;
    }
    case "topicConfig": {
      const entries = [{ key: "retention.bytes", value: each.value === 0 ? null : String(each.value) }];
      store.append({ type: 6, value: { type: RESOURCE_TOPIC, name, entries } });
      return;
    }
    case "append": {
      const records = [{ value: "value", timestamp: 1000 + each.place }, { value: null }];
      const newest = place.partition.producers.get(each.producer)?.batches.at(-1);
      const sequence = { producerId: each.producer, producerEpoch: 1, baseSequence: (newest?.lastSequence ?? -1) + 1 };
      log.append(place, records, each.producer === 0 ? {} : sequence);
    }
  }
}

/** Takes a snapshot with changes between its slices; the log may become durable in between or not. */
async function snapshotAmid(log: OpenLog, meanwhile: readonly (readonly Change[])[], disk: Disk): Promise<void> {
  const { state, wal, files } = log.store;
  const closed = files.closed.filter(({ indexed }) => indexed);
  const position = closed.at(-1)?.end ?? wal.file.base;
  const now = (): typeof position => toPosition(wal.position);
  const source = { state, files: closed, now, position, previousStatePosition: wal.lastStatePosition };
  const slices = takeSlices(source, new Writer());
  const left = meanwhile[Symbol.iterator]();
  await writeSnapshot(disk, {
    position,
    next: () => {
      for (const each of left.next().value ?? []) apply(log, each);
      return slices.next().value ?? undefined;
    },
    logPosition: now,
    durable: () => wal.flush(),
  });
}

type Disk = Parameters<typeof writeSnapshot>[0];

async function live(log: OpenLog, disk: Disk, { before, meanwhile, after, takesSnapshot }: Life): Promise<void> {
  for (const part of before) {
    for (const each of part) apply(log, each);
    await log.roll();
  }
  if (takesSnapshot) await snapshotAmid(log, meanwhile, disk);
  for (const each of after) apply(log, each);
  await log.flush();
}

test("a restart gives exactly the state before, whatever was changed while its snapshot was taken", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 3 }), async (lives) => {
      const simulation = new Simulation({ seed: 1 });
      let before: { digest: string; starts: number } | undefined;
      for (const each of [...lives, undefined]) {
        const result = await simulation.run(async (process) => {
          const log = await openLog(process);
          const { state } = log.store;
          assert.deepEqual(log.opened.warnings, []);
          if (before !== undefined) assert.equal(stateDigest(state, { starts: before.starts }), before.digest);
          if (each === undefined) return;
          await live(log, process.disk, each);
          before = { digest: stateDigest(state), starts: state.starts };
        });
        assert.ok(result !== CRASHED);
        simulation.crash("kill");
      }
    }),
    { seed: 1, numRuns: 150 },
  );
});
