/**
 * A look through the folder of segments: what the state does not know is left over from a crash, and goes; what it knows and
 * is not there is damage.
 */
import { parseSegmentName, SEGMENT_FOLDER, type Segment } from "../log/segment.ts";
import { type Disk, ignoreMissing, isMissing } from "../ports/disk.ts";

export interface ScrubReport {
  readonly removed: readonly string[];
  readonly missing: readonly string[];
  /** What the operator has to know. */
  readonly lines: readonly string[];
}

export async function scrub(
  disk: Disk,
  options: {
    /** Asked after the folder was listed: what came since is not in the list. */
    readonly segments: () => Iterable<Segment>;
    /** Whether a segment of this name is being written. */
    readonly isWritten: (name: string) => boolean;
    /** false: what nothing refers to gets another name, under which nothing removes it at a later start either. */
    readonly remove: boolean;
    /** Missing ones that the operator was told of. */
    readonly told?: ReadonlySet<string>;
  },
): Promise<ScrubReport> {
  const before = new Set([...options.segments()].map(({ name }) => name));
  const there = (await listSegments(disk)).filter((name) => !options.isWritten(name));
  const segments = [...options.segments()];
  const known = new Set(segments.map(({ name }) => name));
  const removed: string[] = [];
  const lines: string[] = [];
  for (const name of there) {
    // One that went away while the folder was listed is not an orphan, nor one that was finished then.
    if (known.has(name) || before.has(name) || options.isWritten(name)) continue;
    lines.push(
      options.remove
        ? `${name} belongs to nothing, an interrupted job left it: it is removed`
        : `warning: ${name} belongs to nothing; it is kept as *.orphan, since the log was damaged and it may be all that is left`,
    );
    if (options.remove) {
      await disk.remove(name).catch(ignoreMissing);
      removed.push(name);
    } else {
      await disk.rename(name, `${name}.orphan`).catch(ignoreMissing);
    }
  }
  if (lines.length > 0) await disk.syncFolder(SEGMENT_FOLDER);
  const present = new Set(there);
  const missing = segments
    .filter(({ name, users }) => users > 0 && before.has(name) && !present.has(name) && !options.isWritten(name))
    .map(({ name }) => name);
  for (const name of missing) {
    if (options.told?.has(name) !== true) lines.push(`error: ${name} is missing; what was in it cannot be read`);
  }
  return { removed, missing, lines };
}

async function listSegments(disk: Disk): Promise<string[]> {
  const names = await disk.list(SEGMENT_FOLDER).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return names.filter((name) => parseSegmentName(name) !== undefined).map((name) => `${SEGMENT_FOLDER}/${name}`);
}
