/**
 * What may stay on the disk. Every file has to be one that the broker knows and needs; what a crash has left behind, or
 * retention has let go of, must be gone once housekeeping has had its turn.
 */
import { CRASHED } from "../../sim/simulation.ts";
import { isRecycled } from "../../src/log/recycled-files.ts";
import { parseWalFileName, type WalFile } from "../../src/log/wal-file.ts";
import { Died, ScriptedClient } from "./scripted-client.ts";
import type { World } from "./world.ts";

/** A file on the disk that nobody needs. */
export class Leftover extends Error {
  override readonly name = "Leftover";
}

/** Time enough for housekeeping to come round when a file has been sealed. */
const HOUSEKEEPING_MS = 40;
/** A file goes when it is below two snapshots; each needs a file that was sealed later. */
const ROUNDS = 3;

/** Lets housekeeping do its work, and looks. False when the process died meanwhile. */
export async function checkLeftovers(world: World): Promise<boolean> {
  const unused = world.running.broker.store.files.closed.filter((file) => file.users === 0);
  const { "wal.indexing.interval.ms": ageMs, "wal.sync.interval.ms": syncMs } = world.settings.config;
  for (let round = 0; round < ROUNDS; round++) {
    if (!(await produceSomething(world))) return false;
    await world.pass(ageMs + (world.settings.config["wal.sync"] === "interval" ? syncMs : 0) + HOUSEKEEPING_MS);
    if (!world.alive) return false;
  }
  const { storage, store } = world.running.broker;
  const { files, wal, state } = store;
  if ((await world.simulation.run(() => files.idle())) === CRASHED) return false;
  for (const file of unused) {
    if (files.closed.includes(file)) throw new Leftover(`${file.name} holds nothing that any partition needs`);
  }
  // What is newer than the newest sealed file is about to be sealed.
  const known = new Set([...files.closed, wal.file].flatMap((file) => [file.name, file.indexName]));
  const names = [...world.simulation.files().keys()];
  for (const name of names) {
    const isAllowed = known.has(name) || isRecycled(name) || name.endsWith(".cut");
    if (name.startsWith("wal/") && !isAllowed && !isNewer(name, files.closed.at(-1))) {
      throw new Leftover(`${name} belongs to no file of the log`);
    }
  }
  const taken = new Set([...files.closed, wal.file].map(({ other }) => other));
  const recycled = names.filter((name) => isRecycled(name) && !taken.has(name)).length;
  if (recycled > files.recycled.count)
    throw new Leftover(`${recycled} files are kept to be written over, and not known`);
  const segments = new Set([...state.segments.values()].map(({ name }) => name));
  for (const name of names) {
    const isKnown = segments.has(name) || storage.isWriting(name);
    if (name.startsWith("segments/") && !isKnown) throw new Leftover(`${name} belongs to nothing`);
  }
  // A crash can leave a third snapshot; the next one that is taken removes it.
  const snapshots = names.filter((name) => name.endsWith(".snapshot"));
  const isNewOne = snapshots.length > 0 && !snapshotsAtStart(world).has(snapshots.at(-1)!);
  if (snapshots.length > 2 && isNewOne) throw new Leftover(`there are ${snapshots.length} snapshots`);
  return true;
}

/** The log moves on only when something is written. */
async function produceSomething(world: World): Promise<boolean> {
  const place = world.model.livingTopics()[0]?.partitions[0];
  if (place === undefined) return true;
  try {
    await new ScriptedClient(world).produce(place, `${world.simulation.nowMs}`);
    return true;
  } catch (error) {
    if (error instanceof Died) return false;
    throw error;
  }
}

function isNewer(name: string, newest: WalFile | undefined): boolean {
  const parsed = parseWalFileName(name.replace("wal/", ""));
  return parsed !== undefined && parsed.base >= (newest?.end ?? 0);
}

function snapshotsAtStart(world: World): ReadonlySet<string> {
  const { snapshots } = world.running.opened;
  return new Set(snapshots.map((position) => `snapshot/${String(position).padStart(20, "0")}.snapshot`));
}
