/** `chronik wal`: what stands in files of the write-ahead log and in segments, and whether it is what was written. */

import type { SingleRecord } from "../../log/wal-record-v1.ts";
import { IoError } from "../../ports/disk.ts";
import { toJson } from "../exact-json.ts";
import { CommandFailure } from "../failure.ts";
import { encodeJsonRecord } from "../json-record.ts";
import { note, write, writeLines } from "../output.ts";
import { batchesIn, storedRecords, UnreadableRecords } from "../stored-batches.ts";
import { type FileReport, WalCheck } from "../wal-check.ts";
import { fileHeading, itemJson, itemText } from "../wal-lines.ts";
import { openWal, type Place, type WalInput, type WalItem } from "../wal-walk.ts";

/** Lines are written together, up to about this many characters. */
const OUTPUT_CHUNK = 64 * 1024;

export interface InspectOptions {
  readonly json?: true;
  readonly records?: true;
}

export async function inspectWal(paths: readonly string[], options: InspectOptions): Promise<void> {
  const output = new Output();
  const failures = await eachFile(paths, async (input) => {
    let isWhole = true;
    if (!options.json && !options.records) await output.lines([fileHeading(input)]);
    for await (const item of input.items()) {
      isWhole &&= item.kind !== "damage";
      if (options.records) isWhole = (await writeRecords(output, input, item)) && isWhole;
      else await output.lines(options.json ? itemJson(input, item) : itemText(input, item));
    }
    await output.flush();
    return isWhole ? undefined : `${input.path} could not be read as a whole: chronik wal verify says what is wrong`;
  });
  if (failures.length > 0) throw new CommandFailure(failures.join("\n"));
}

/** The records of an item, as `consume --json` prints them. Says beside the output what is left out; false for damage. */
async function writeRecords(output: Output, input: WalInput, item: WalItem): Promise<boolean> {
  const place = `${item.bytes} bytes at position ${(input.log?.base ?? 0) + item.at}`;
  const leaveOut = (why: string): void => note(`${input.path}: left out ${place}: ${why}`);
  switch (item.kind) {
    case "record":
      await output.lines([encodeJsonRecord(exactRecord(item.record))]);
      return true;
    case "batch":
      if (item.record.isKafkaBatch) return writeBatches(output, item, leaveOut);
      leaveOut("no Kafka batch");
      return true;
    case "torn":
      leaveOut("a torn tail");
      return true;
    case "damage":
      leaveOut(item.what);
      return false;
    case "group":
    case "state":
    case "filler":
    case "cut":
    case "old":
    case "room":
    case "segment":
    case "range":
    case "padding":
    case "directory":
      return true;
  }
}

async function writeBatches(
  output: Output,
  { record: { topicName: topic, partition, dataAt, dataBytes }, buffer }: Extract<WalItem, { kind: "batch" }>,
  leaveOut: (why: string) => void,
): Promise<boolean> {
  let isWhole = true;
  for (const { at, end, header, problem } of batchesIn(buffer, dataAt, dataAt + dataBytes)) {
    if (header?.control) continue;
    try {
      if (problem !== undefined) throw new UnreadableRecords(problem);
      for (const record of storedRecords(buffer.subarray(at, end), { topic, partition })) {
        await output.lines([encodeJsonRecord(record)]);
      }
    } catch (error) {
      if (!(error instanceof UnreadableRecords)) throw error;
      leaveOut(error.message);
      isWhole = false;
    }
  }
  return isWhole;
}

function exactRecord({ offset, timestamp, key, value, headers }: SingleRecord) {
  const named = headers.map((header) => [Buffer.from(header.name), header.value] as const);
  return { offset: BigInt(offset), timestamp: BigInt(timestamp), key, value, headers: named };
}

export async function verifyWal(paths: readonly string[], { json }: { readonly json?: true }): Promise<void> {
  const check = new WalCheck();
  let damaged = 0;
  const failures = await eachFile(paths, async (input) => {
    const report = await check.check(input);
    if (report.problemCount > 0) damaged += 1;
    await writeLines(json ? [reportJson(input, report)] : reportText(input, report));
    return undefined;
  });
  if (damaged > 0) {
    const what = damaged === 1 ? "1 file is" : `${damaged} files are`;
    failures.push(`${what} damaged: put a copy in its place, or start the broker, which keeps what is good`);
  }
  if (failures.length > 0) throw new CommandFailure(failures.join("\n"));
}

function reportText(input: WalInput, report: FileReport): readonly string[] {
  const { groups, batches, records, stateRecords, index, problems, problemCount, torn, cut } = report;
  const base = input.log?.base ?? 0;
  const counts = [
    ...(input.log === undefined ? [] : [`${groups} groups`]),
    `${batches} batches`,
    `${records} records`,
    `${stateRecords} state records`,
    `${input.sizeBytes} bytes`,
    ...(index === "none" ? [] : [`index ${index}`]),
  ].join(", ");
  const place = ({ at, bytes }: Place): string => `${bytes} bytes at position ${base + at} (byte ${at})`;
  return [
    `${input.path}: ${problemCount === 0 ? "all well" : "damaged"}: ${counts}`,
    ...problems.map((problem) => `  damage: ${problem.bytes === 0 ? "" : `${place(problem)}: `}${problem.what}`),
    ...(problemCount > problems.length ? [`  and ${problemCount - problems.length} more`] : []),
    ...(torn === undefined ? [] : [`  torn tail: ${place(torn)}, still being written or never acknowledged`]),
    ...(cut === undefined ? [] : [`  cut off: ${place(cut)}, by a start that goes on in the next file`]),
    ...(report.newerStateRecords === 0
      ? []
      : [`  ${report.newerStateRecords} state records are of a newer version of this program`]),
  ];
}

function reportJson(input: WalInput, report: FileReport): string {
  const base = input.log?.base ?? 0;
  const placed = <P extends Place>(place: P): P & { position: number } => ({ position: base + place.at, ...place });
  const { problems, problemCount, torn, cut, ...counts } = report;
  return toJson({
    file: input.path,
    ok: problemCount === 0,
    bytes: input.sizeBytes,
    ...counts,
    damageCount: problemCount,
    damage: problems.map(placed),
    torn: torn === undefined ? null : placed({ at: torn.at, bytes: torn.bytes }),
    cut: cut === undefined ? null : placed({ at: cut.at, bytes: cut.bytes }),
  });
}

/** Lets `look` at one file after the other. What it answers, and why a file cannot be read, is what has failed. */
async function eachFile(
  paths: readonly string[],
  look: (input: WalInput) => Promise<string | undefined>,
): Promise<string[]> {
  const failures: string[] = [];
  for (const path of paths) {
    let input: WalInput | undefined;
    try {
      input = await openWal(path);
      const failure = await look(input);
      if (failure !== undefined) failures.push(failure);
    } catch (error) {
      if (!(error instanceof CommandFailure || error instanceof IoError)) throw error;
      failures.push(error.message);
    } finally {
      await input?.close();
    }
  }
  return failures;
}

/** Standard output, a chunk at a time. */
class Output {
  #gathered = "";

  async lines(lines: readonly string[]): Promise<void> {
    for (const line of lines) this.#gathered += `${line}\n`;
    if (this.#gathered.length >= OUTPUT_CHUNK) await this.flush();
  }

  async flush(): Promise<void> {
    const text = this.#gathered;
    this.#gathered = "";
    await write(text);
  }
}
