/** The data folder of a broker, running or not, as the commands that look into it read it: without its lock, changing nothing. */
import { resolve } from "node:path";
import { createNodeDisk } from "../io/node-disk.ts";
import { SEGMENT_FOLDER } from "../log/segment.ts";
import { SNAPSHOT_FOLDER } from "../log/snapshot.ts";
import { WAL_FOLDER } from "../log/wal-file.ts";
import { IoError, isMissing } from "../ports/disk.ts";
import { type ReadableDisk, readState, type StateReading } from "../state/read-state.ts";
import type { Topic } from "../state/state.ts";
import { CommandFailure } from "./failure.ts";

/** The folder at one moment, or the moments that it took to read it. */
export interface DataFolder {
  readonly disk: ReadableDisk;
  readonly reading: StateReading;
  /** Files that were there before the state was read and still are, by folder; names without it. */
  readonly names: {
    readonly wal: readonly string[];
    readonly segments: readonly string[];
    readonly snapshots: readonly string[];
  };
}

/** @throws CommandFailure when there is no folder of data at `path`. */
export function openDataFolder(path: string): ReadableDisk {
  const disk = createNodeDisk(resolve(path));
  return { open: (name) => disk.open(name, "read"), list: (folder) => disk.list(folder) };
}

/**
 * Reads the folder and lets `look` at it; again when a file that it wanted was gone, because something newer has come in its
 * place. Gone twice in a row it is lost: `look` gets to know so, and has to do without.
 */
export async function lookInto<T>(
  disk: ReadableDisk,
  path: string,
  look: (folder: DataFolder, lost: ReadonlySet<string>) => Promise<T>,
): Promise<T> {
  const lost = new Set<string>();
  let before: string | undefined;
  for (;;) {
    try {
      return await look(await readDataFolder(disk, path), lost);
    } catch (error) {
      if (!(error instanceof MissingFile)) throw error;
      if (error.file === before) lost.add(error.file);
      before = error.file;
    }
  }
}

/** @throws CommandFailure when there is no folder of data at `path`. */
export async function readDataFolder(disk: ReadableDisk, path: string): Promise<DataFolder> {
  const before = await listAll(disk);
  const reading = await readState(disk).catch((error: unknown) => {
    const isMine = error instanceof IoError && (error.kind === "notFound" || error.code === "ENOTDIR");
    if (!isMine || before.wal.length > 0) throw error;
    throw new CommandFailure(
      `${path} holds no data of a broker: there is no folder ${WAL_FOLDER} in it; give the folder that the broker was started with, --data-dir`,
    );
  });
  const after = await listAll(disk);
  return {
    disk,
    reading,
    names: {
      wal: inBoth(before.wal, after.wal),
      segments: inBoth(before.segments, after.segments),
      snapshots: inBoth(before.snapshots, after.snapshots),
    },
  };
}

/** @throws CommandFailure when there is none. */
export function topicOf({ reading: { state } }: DataFolder, name: string): Topic {
  const topic = state.topic(name);
  if (topic === undefined) throw new CommandFailure(`there is no topic ${name} in this data folder`);
  return topic;
}

/** A file that the state refers to is not there. */
export class MissingFile extends Error {
  override readonly name = "MissingFile";
  readonly file: string;

  constructor(file: string, cause: unknown) {
    super(`${file} is missing`, { cause });
    this.file = file;
  }
}

async function listAll(disk: ReadableDisk): Promise<DataFolder["names"]> {
  const list = (folder: string): Promise<string[]> =>
    disk.list(folder).catch((error: unknown): string[] => {
      if (isMissing(error) || (error instanceof IoError && error.code === "ENOTDIR")) return [];
      throw error;
    });
  return { wal: await list(WAL_FOLDER), segments: await list(SEGMENT_FOLDER), snapshots: await list(SNAPSHOT_FOLDER) };
}

function inBoth(some: readonly string[], others: readonly string[]): readonly string[] {
  const known = new Set(others);
  return some.filter((name) => known.has(name));
}
