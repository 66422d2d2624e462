/** What there is to do: which files become segments, and which segments become larger ones. Decides, and does nothing. */
import type { Uuid } from "../base/uuid.ts";
import type { FileRange } from "../log/log-file.ts";
import { Segment } from "../log/segment.ts";
import type { State, Topic } from "../state/state.ts";
import { SLICE, type Slices } from "./slices.ts";

/** So many segments of a kind and level become one of the next level. */
export const FAN_IN = 8;
/** Of several times as many when there is more urgent work: reading and writing it all again is what a merge costs. */
export const FAN_IN_WHEN_BUSY = 64;
/** Larger segments stay as they are. */
export const MERGED_BYTES = 256 * 1024 * 1024;
/** What one merge takes in at most. */
const MERGE_INPUT_BYTES = 1024 * 1024 * 1024;
/** A topic with so much in a merge gets a segment of its own; the others share one. */
export const OWN_SEGMENT_BYTES = 16 * 1024 * 1024;
/** A segment of which less than this share is still referred to is written anew. */
const LIVE_SHARE = 0.5;

/** Ranges of a partition, next to each other, that become one. Oldest first. */
export interface RangeGroup {
  readonly topic: Topic;
  readonly partition: number;
  readonly ranges: readonly FileRange<Segment>[];
}

export interface MergePlan {
  readonly inputs: readonly Segment[];
  /** One for each segment to write. */
  readonly outputs: readonly { readonly level: number; readonly groups: readonly RangeGroup[] }[];
}

/**
 * What to merge next; undefined when nothing is worth it. `busy` segments are left alone. Those whose merge has failed are
 * tried again with fewer others each time, so that the one with the fault stays behind, and not all of them.
 */
export function* planMerge(
  state: State,
  options: {
    readonly busy: Pick<ReadonlySet<Segment>, "has">;
    readonly fanIn: number;
    readonly failuresOf?: (segment: Segment) => number;
  },
): Slices<MergePlan | undefined> {
  const { busy, fanIn, failuresOf = () => 0 } = options;
  const free = [...state.segments.values()].filter((segment) => segment.users > 0 && !busy.has(segment));
  // Whose they are is asked only when there are enough of them, whoever's.
  const isPossible = alike(free, { ownerOf: () => "shared", fanIn, failuresOf }) !== undefined;
  let inputs = sparse(free);
  if (inputs === undefined && isPossible) {
    const owners = yield* ownersOf(state);
    inputs = alike(free, { ownerOf: (segment) => owners.get(segment), fanIn, failuresOf });
  }
  if (inputs === undefined) return undefined;
  const plan = yield* mergeOf(state, inputs);
  // One that nobody needs any more may be gone by now.
  return inputs.every(({ users }) => users > 0) ? plan : undefined;
}

/** Segments that mostly hold what nobody refers to any more. */
function sparse(segments: readonly Segment[]): Segment[] | undefined {
  const segment = segments.find(({ liveBytes, batchBytes }) => liveBytes < batchBytes * LIVE_SHARE);
  return segment === undefined ? undefined : [segment];
}

/** Enough segments of one level that belong to the same topic, or to several. */
function alike(
  segments: readonly Segment[],
  options: {
    readonly ownerOf: (segment: Segment) => Uuid | "shared" | undefined;
    readonly fanIn: number;
    readonly failuresOf: (segment: Segment) => number;
  },
): Segment[] | undefined {
  const { ownerOf, fanIn, failuresOf } = options;
  const kinds = new Map<string, { readonly failures: number; readonly segments: Segment[] }>();
  for (const segment of segments) {
    if (segment.sizeBytes >= MERGED_BYTES) continue;
    const failures = failuresOf(segment);
    const key = `${segment.level}/${failures}/${ownerOf(segment)}`;
    const kind = kinds.get(key);
    if (kind === undefined) kinds.set(key, { failures, segments: [segment] });
    else kind.segments.push(segment);
  }
  for (const kind of kinds.values()) {
    const atOnce = Math.max(2, Math.floor(fanIn / 2 ** kind.failures));
    if (kind.segments.length < atOnce) continue;
    const oldest = kind.segments.toSorted((a, b) => a.walPosition - b.walPosition).slice(0, atOnce);
    let bytes = 0;
    const inputs = oldest.filter((segment) => (bytes += segment.sizeBytes) <= MERGE_INPUT_BYTES);
    if (inputs.length > 1) return inputs;
  }
  return undefined;
}

/** The topic that a segment's ranges belong to. */
function* ownersOf(state: State): Slices<Map<Segment, Uuid | "shared">> {
  const owners = new Map<Segment, Uuid | "shared">();
  let looks = 0;
  for (const topic of state.topics()) {
    for (const { ranges } of topic.partitions) {
      if ((looks += 1) % SLICE === 0) yield;
      for (const { file } of ranges) {
        if (!(file instanceof Segment)) continue;
        const owner = owners.get(file);
        if (owner === undefined) owners.set(file, topic.id);
        else if (owner !== topic.id) owners.set(file, "shared");
      }
    }
  }
  return owners;
}

function* mergeOf(state: State, inputs: readonly Segment[]): Slices<MergePlan> {
  const chosen = new Set(inputs);
  const highest = inputs.reduce((most, segment) => Math.max(most, segment.level), 0);
  const level = inputs.length === 1 ? highest : highest + 1;
  const outputs: { level: number; groups: RangeGroup[] }[] = [];
  const shared: RangeGroup[] = [];
  let looks = 0;
  for (const topic of state.topics()) {
    const groups: RangeGroup[] = [];
    for (const { partition, ranges } of topic.partitions) {
      if ((looks += 1) % SLICE === 0) yield;
      for (const group of groupsOf(topic, partition, ranges, chosen)) groups.push(group);
    }
    const bytes = groups.reduce((sum, { ranges }) => sum + bytesOf(ranges), 0);
    if (bytes >= OWN_SEGMENT_BYTES) outputs.push({ level, groups });
    else for (const group of groups) shared.push(group);
  }
  if (shared.length > 0) outputs.push({ level, groups: shared });
  return { inputs, outputs };
}

/** Neighbours among the chosen, no more together than segment.bytes and segment.ms allow. */
function groupsOf(
  topic: Topic,
  partition: number,
  ranges: readonly FileRange[],
  chosen: ReadonlySet<Segment>,
): RangeGroup[] {
  const groups: FileRange<Segment>[][] = [];
  let group: FileRange<Segment>[] | undefined;
  for (const range of ranges) {
    if (!isOf(range, chosen)) {
      group = undefined;
    } else if (group !== undefined && mayJoin(topic, group, range)) {
      group.push(range);
    } else {
      group = [range];
      groups.push(group);
    }
  }
  return groups.map((each) => ({ topic, partition, ranges: each }));
}

function isOf(range: FileRange, chosen: ReadonlySet<Segment>): range is FileRange<Segment> {
  return range.file instanceof Segment && chosen.has(range.file);
}

function mayJoin(topic: Topic, group: readonly FileRange[], range: FileRange): boolean {
  const { "segment.bytes": maxBytes, "segment.ms": maxMs } = topic.config;
  return bytesOf(group) + range.sizeBytes <= maxBytes && range.maxTimestamp - group[0]!.maxTimestamp <= maxMs;
}

function bytesOf(ranges: readonly FileRange[]): number {
  return ranges.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
