/**
 * The storage worker: turns files into files, as it is asked. It knows nothing of topics and of time, keeps nothing between
 * two jobs, and may be ended at any moment: what it had begun is then nobody's.
 */
import { crc32c } from "../base/crc32c.ts";
import { CorruptionError } from "../log/corruption.ts";
import { SEGMENT_FOLDER, segmentName } from "../log/segment.ts";
import type { Clock } from "../ports/clock.ts";
import { type Disk, IoError } from "../ports/disk.ts";
import { compactPartitions } from "./compact.ts";
import { convertWalFile, verifyWalFile } from "./convert.ts";
import type { Answer, CompactedPart, Job, JobFailure, JobRequest, JobResult, Request } from "./jobs.ts";
import { mergeSegments } from "./merge.ts";
import { Pace, pacedDisk } from "./paced-disk.ts";
import { InputError } from "./range-reader.ts";
import type { SegmentIdentity } from "./segment-format.ts";
import { SegmentOutput, type WrittenSegment } from "./segment-writer.ts";

const READ_BACK_BYTES = 1024 * 1024;
/** How often is told that there is progress: a message costs both threads more than the piece of work that it tells of. */
const PROGRESS_MS = 1_000;

class ReadBackError extends Error {
  constructor(name: string) {
    super(`${name} reads back differently from what was written: the disk is not reliable`);
  }
}

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
    const finished = (part: CompactedPart): void => this.#answer({ job, type: "part", part });
    try {
      this.#output ??= openOutput(this.#disk);
      const result = await doJob(await this.#output, work, { progress, finished });
      this.#answer({ job, type: "done", result });
    } catch (error) {
      this.#output = undefined;
      this.#answer({ job, type: "failed", failure: failureOf(error) });
    }
  }
}

/** What every job needs, and none is to blame for lacking. */
const STARVED: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EROFS", "EMFILE", "ENFILE", "ENOMEM", "EAGAIN"]);

function failureOf(error: unknown): JobFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof CorruptionError) return { kind: "damaged", message, file: error.file };
  if (error instanceof InputError) return { kind: "failed", message, file: error.file };
  const isStarved = error instanceof IoError && STARVED.has(error.code);
  return { kind: isStarved ? "starved" : "failed", message };
}

async function openOutput(disk: Disk): Promise<SegmentOutput> {
  await disk.makeFolder(SEGMENT_FOLDER);
  await disk.syncFolder("");
  return new SegmentOutput(disk, await disk.syncedWrites(SEGMENT_FOLDER));
}

/** @throws CorruptionError when what is to be read is not what was written. */
export async function doJob(
  output: SegmentOutput,
  work: Job,
  { progress, finished }: { readonly progress: () => void; readonly finished: (part: CompactedPart) => void },
): Promise<JobResult> {
  switch (work.kind) {
    case "convert": {
      const segments = [await convertWalFile(output, work, progress)];
      await publish(output, [work.output], segments, progress).catch(async (error: unknown) => {
        if (error instanceof ReadBackError) await verifyWalFile(output, work, progress); // or is the log to blame?
        throw error;
      });
      return { segments };
    }
    case "merge": {
      const segments = await mergeSegments(output, work, progress);
      const identities = work.outputs.map(({ identity }) => identity);
      await publish(output, identities, segments, progress);
      return { segments };
    }
    case "compact": {
      const segments: (WrittenSegment | undefined)[] = [];
      await compactPartitions(output, work, {
        progress,
        async finished(part) {
          await publish(output, [work.parts[part.part]!.output], [part.segment], progress);
          segments.push(part.segment);
          finished(part);
        },
      });
      return { segments };
    }
  }
}

/** Makes the names durable, and sees that what is there is what was meant. @throws ReadBackError when it is not. */
async function publish(
  output: SegmentOutput,
  identities: readonly SegmentIdentity[],
  segments: readonly (WrittenSegment | undefined)[],
  progress: () => void,
): Promise<void> {
  await output.disk.syncFolder(SEGMENT_FOLDER);
  for (const [index, segment] of segments.entries()) {
    if (segment !== undefined) await readBack(output, identities[index]!, segment, progress);
  }
}

/** The checksum was put together from those that producers gave their batches, so this holds for their very bytes. */
async function readBack(
  output: SegmentOutput,
  { id, walPosition }: SegmentIdentity,
  { sizeBytes, crc }: WrittenSegment,
  progress: () => void,
): Promise<void> {
  const name = segmentName(walPosition, id);
  const file = await output.open(name);
  const chunk = output.takeChunk();
  try {
    let found = 0;
    for (let at = 0; at < sizeBytes; ) {
      const got = await file.read(chunk.subarray(0, READ_BACK_BYTES), at);
      if (got === 0) break;
      found = crc32c(chunk.subarray(0, got), found);
      at += got;
      progress();
    }
    if (found !== crc || (await file.sizeBytes()) !== sizeBytes) throw new ReadBackError(name);
  } finally {
    output.giveChunk(chunk);
    await file.close();
  }
}
