/**
 * The storage worker: turns files into files, as it is asked. It knows nothing of topics and of time, keeps nothing between
 * two jobs, and may be ended at any moment: what it had begun is then nobody's.
 */
import { CorruptionError } from "../log/corruption.ts";
import { SEGMENT_FOLDER, segmentName } from "../log/segment.ts";
import { type Disk, IoError } from "../ports/disk.ts";
import { compactPartitions } from "./compact.ts";
import { convertWalFile } from "./convert.ts";
import type { Answer, CompactedPart, Job, JobFailure, JobResult, Request } from "./jobs.ts";
import { mergeSegments } from "./merge.ts";
import { InputError } from "./range-reader.ts";
import type { SegmentIdentity } from "./segment-format.ts";
import { SegmentOutput, type WrittenSegment } from "./segment-writer.ts";
import { SequentialReader } from "./sequential-reader.ts";

const READ_BACK_BYTES = 1024 * 1024;

export class StorageWorker {
  readonly #disk: Disk;
  readonly #answer: (answer: Answer) => void;
  #output: Promise<SegmentOutput> | undefined;

  constructor(disk: Disk, answer: (answer: Answer) => void) {
    this.#disk = disk;
    this.#answer = answer;
  }

  /** Does a job, and answers. Several may be under way. */
  async take({ job, work }: Request): Promise<void> {
    const progress = (): void => this.#answer({ job, type: "progress" });
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

async function doJob(
  output: SegmentOutput,
  work: Job,
  { progress, finished }: { readonly progress: () => void; readonly finished: (part: CompactedPart) => void },
): Promise<JobResult> {
  switch (work.kind) {
    case "convert": {
      const segments = [await convertWalFile(output, work, progress)];
      await publish(output.disk, [work.output], segments, progress);
      return { segments };
    }
    case "merge": {
      const segments = await mergeSegments(output, work, progress);
      const identities = work.outputs.map(({ identity }) => identity);
      await publish(output.disk, identities, segments, progress);
      return { segments };
    }
    case "compact": {
      const segments: (WrittenSegment | undefined)[] = [];
      await compactPartitions(output, work, {
        progress,
        async finished(part) {
          await publish(output.disk, [work.parts[part.part]!.output], [part.segment], progress);
          segments.push(part.segment);
          finished(part);
        },
      });
      return { segments };
    }
  }
}

/** Makes the names durable, and sees that what is there is what was meant. */
async function publish(
  disk: Disk,
  identities: readonly SegmentIdentity[],
  segments: readonly (WrittenSegment | undefined)[],
  progress: () => void,
): Promise<void> {
  await disk.syncFolder(SEGMENT_FOLDER);
  for (const [index, segment] of segments.entries()) {
    if (segment === undefined) continue;
    await readBack(disk, identities[index]!, segment, progress);
  }
}

/** The checksum was put together from those that producers gave their batches, so this holds for their very bytes. */
async function readBack(
  disk: Disk,
  { id, walPosition }: SegmentIdentity,
  { sizeBytes, crc }: WrittenSegment,
  progress: () => void,
): Promise<void> {
  const name = segmentName(walPosition, id);
  const file = await disk.open(name, "read");
  try {
    const reader = new SequentialReader(file, 0, sizeBytes, progress);
    for (let at = 0; at < sizeBytes; at += READ_BACK_BYTES)
      await reader.view(at, Math.min(READ_BACK_BYTES, sizeBytes - at));
    if (reader.crc === crc && (await file.sizeBytes()) === sizeBytes) return;
    throw new Error(`${name} reads back differently from what was written: the disk is not reliable`);
  } finally {
    await file.close();
  }
}
