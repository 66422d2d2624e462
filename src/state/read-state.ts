/**
 * The state of a data folder, for those who only look: newest valid snapshot + replay of the log behind it, as at a start,
 * with nothing written, mended or removed, and without the folder's lock. A broker may be at work in it.
 *
 * Then a file can be gone between being listed and being opened: a newer snapshot or segment has taken its place. Or the
 * log's last file grows between two looks at it, so that what was torn a moment ago seems to lie before bytes that were
 * durable. Either way the next reading finds it as it is. So what is wrong counts when two readings in a row say the same.
 */
import type { Position } from "../base/brands.ts";
import { type ReplayReport, replayLog } from "../log/recovery.ts";
import { WAL_FOLDER } from "../log/wal-file.ts";
import { type Disk, isMissing } from "../ports/disk.ts";
import { damageLines, dropMissingFiles, restoreNewest, StateReplay } from "./replay.ts";
import type { State } from "./state.ts";

/** A broker that changes the folder faster than this can be read does not exist: a file stays for two snapshots. */
const READINGS_MAX = 10;
/** Settings of single brokers are not looked at: any will do. */
const BROKER_ID = 1;

export type ReadableDisk = Pick<Disk, "open" | "list">;

export interface StateReading {
  readonly state: State;
  readonly report: ReplayReport;
  /** Of the snapshot that it began with; undefined when there is none that is whole. */
  readonly snapshot: Position | undefined;
  /** What a start would warn of. */
  readonly problems: readonly string[];
}

/** @throws IoError `notFound` when there is no log in the folder. */
export async function readState(
  disk: ReadableDisk,
  progress: (doneBytes: number, totalBytes: number) => void = () => undefined,
): Promise<StateReading> {
  let before: string | undefined;
  for (let readings = 1; ; readings += 1) {
    await disk.list(WAL_FOLDER);
    const reading = await readOnce(disk, progress).catch((error: unknown) => {
      if (isMissing(error) && readings < READINGS_MAX) return undefined;
      throw error;
    });
    if (reading === undefined) continue;
    const problems = reading.problems.join("\n");
    if (problems === "" || problems === before || readings >= READINGS_MAX) return reading;
    before = problems;
  }
}

async function readOnce(
  disk: ReadableDisk,
  progress: (doneBytes: number, totalBytes: number) => void,
): Promise<StateReading> {
  const restored = await restoreNewest({ disk, brokerId: BROKER_ID, settings: new Map(), folds: [] });
  const { state, position, files: knownFiles, logEnd: knownDurable } = restored;
  const replay = new StateReplay(state, { nowMs: () => 0, progress });
  const lastStatePosition = state.previousStatePosition;
  const report = await replayLog({ disk, from: position, knownDurable, knownFiles, lastStatePosition, target: replay });
  const problems = [...restored.warnings, ...damageLines(report), ...replay.warnings];
  for (const problem of dropMissingFiles(state, report, knownFiles)) problems.push(problem);
  return { state, report, snapshot: knownDurable > 0 ? position : undefined, problems };
}
