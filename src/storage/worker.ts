/**
 * The storage worker: turns files into files, as it is asked. It knows nothing of topics and of time, keeps nothing between
 * two jobs, and may be ended at any moment: what it had begun is then nobody's.
 */
import { crc32c } from "../base/crc32c.ts";
import { CorruptionError } from "../log/corruption.ts";
import { SEGMENT_FOLDER, segmentName } from "../log/segment.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import { compactPartitions } from "./compact.ts";
import { convertWalFile, verifyWalFile } from "./convert.ts";
import type { Answer, Job, JobRequest, JobResult, Request } from "./jobs.ts";
import { mergeSegments } from "./merge.ts";
import { Pace, pacedDisk } from "./paced-disk.ts";
import type { SegmentIdentity } from "./segment-format.ts";
import { SegmentOutput, type WrittenSegment } from "./segment-writer.ts";

const READ_BACK_BYTES = 1024 * 1024;
/** How often is told that there is progress: a message costs both threads more than the piece of work that it tells of. */
const PROGRESS_MS = 1_000;

const UNRELIABLE = "a segment reads back differently from what was written: the disk is not reliable";

export class StorageWorker {
  readonly #pace: Pace;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #answer: (answer: Answer) => void;
  #output: Promise<SegmentOutput> | undefined;

  constructor(disk: Disk, clock: Clock, answer: (answer: Answer) => void) {
    this.#pace = new Pace(clock);
    this.#disk = pacedDisk(disk, this.#pace);
    this.#clock = clock;
    this.#answer = answer;
  }

  /** Does a job, and answers. Several may be under way. */
  async take(request: Request): Promise<void> {
    if ("paceFactor" in request) this.#pace.factor = request.paceFactor;
    else await this.#do(request);
  }

  async #do({ job, work }: JobRequest): Promise<void> {
    let toldMs = this.#clock.monotonicMs();
    const progress = (): void => {
      const nowMs = this.#clock.monotonicMs();
      if (nowMs - toldMs < PROGRESS_MS) return;
      toldMs = nowMs;
      this.#answer({ job, type: "progress" });
    };
    try {
      this.#output ??= openOutput(this.#disk);
      const result = await doJob(await this.#output, work, progress);
      this.#answer({ job, type: "done", result });
    } catch (error) {
      this.#output = undefined;
      const message = error instanceof Error ? error.message : String(error);
      const file = error instanceof CorruptionError ? error.file : undefined;
      const kind = file === undefined ? "failed" : "damaged";
      this.#answer({ job, type: "failed", failure: { kind, message, file } });
    }
  }
}

async function openOutput(disk: Disk): Promise<SegmentOutput> {
  await disk.makeFolder(SEGMENT_FOLDER);
  await disk.syncFolder("");
  return new SegmentOutput(disk, await disk.syncedWrites(SEGMENT_FOLDER));
}

/** @throws CorruptionError when what is to be read is not what was written. */
export async function doJob(output: SegmentOutput, work: Job, progress: () => void): Promise<JobResult> {
  switch (work.kind) {
    case "convert": {
      const segments = [await convertWalFile(output, work, progress)];
      const readsBack = await publish(output, [work.output], segments, progress);
      if (!readsBack) await verifyWalFile(output, work, progress);
      if (!readsBack) throw new Error(UNRELIABLE);
      return { segments };
    }
    case "merge": {
      const segments = await mergeSegments(output, work, progress);
      const identities = work.outputs.map(({ identity }) => identity);
      if (!(await publish(output, identities, segments, progress))) throw new Error(UNRELIABLE);
      return { segments };
    }
    case "compact": {
      const { segment, partitions: compacted } = await compactPartitions(output, work, progress);
      if (!(await publish(output, [work.output], [segment], progress))) throw new Error(UNRELIABLE);
      return { segments: [segment], compacted };
    }
  }
}

/** Makes the names durable, and sees whether what is there is what was meant. */
async function publish(
  output: SegmentOutput,
  identities: readonly SegmentIdentity[],
  segments: readonly (WrittenSegment | undefined)[],
  progress: () => void,
): Promise<boolean> {
  await output.disk.syncFolder(SEGMENT_FOLDER);
  for (const [index, segment] of segments.entries()) {
    if (segment !== undefined && !(await readsBack(output, identities[index]!, segment, progress))) return false;
  }
  return true;
}

/** The checksum was put together from those that producers gave their batches, so this holds for their very bytes. */
async function readsBack(
  output: SegmentOutput,
  { id, walPosition }: SegmentIdentity,
  { sizeBytes, crc }: WrittenSegment,
  progress: () => void,
): Promise<boolean> {
  const file = await output.open(segmentName(walPosition, id));
  const chunk = output.takeChunk();
  try {
    let found = 0;
    for (let at = 0; at < sizeBytes; ) {
      const got = await file.read(chunk.subarray(0, READ_BACK_BYTES), at);
      if (got === 0) return false;
      found = crc32c(chunk.subarray(0, got), found);
      at += got;
      progress();
    }
    return found === crc && (await file.sizeBytes()) === sizeBytes;
  } finally {
    output.giveChunk(chunk);
    await file.close();
  }
}
