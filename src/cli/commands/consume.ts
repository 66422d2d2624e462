/** `chronik consume`: the records of a topic, on standard output. */
import { Buffer } from "node:buffer";
import process from "node:process";
import { createNodeClock } from "../../io/node-clock.ts";
import { CommandFailure, EXIT, Misuse } from "../failure.ts";
import { encodeJsonRecord } from "../json-record.ts";
import { type Broker, END, type Kafka, withKafka } from "../kafka.ts";
import { note, write } from "../output.ts";
import { type Format, formatRecord, parseFormat } from "../output-format.ts";
import { readRecords } from "../partition-reader.ts";
import type { Position } from "../position.ts";
import { type Range, rangesOf } from "../ranges.ts";
import type { StoredRecord } from "../record.ts";

export interface ConsumeOptions {
  readonly brokers: readonly Broker[];
  readonly from: Position;
  readonly to?: Position;
  /** As `to`, under its former name. */
  readonly until?: Position;
  readonly exit?: true;
  readonly count?: number;
  readonly partition?: readonly number[];
  readonly format?: Format;
  readonly json?: true;
  readonly nullMarker: string;
}

const DEFAULT_FORMAT = parseFormat("%v\\n") as Format;

export async function consume(topic: string, options: ConsumeOptions): Promise<void> {
  if (options.to !== undefined && options.until !== undefined) throw new Misuse("--until is --to: give one of them");
  const clock = createNodeClock();
  const toBytes = writer(options);
  const stop = stopOnSignal();
  const nowMs = (): number => clock.wallMs();
  await withKafka(options.brokers, async (kafka) => {
    const ranges = await wantedRanges(kafka, topic, options, nowMs());
    let left = options.count ?? Number.POSITIVE_INFINITY;
    if (left === 0) return;
    for await (const records of readRecords(kafka, topic, ranges, { signal: stop, note, nowMs })) {
      const wanted = records.slice(0, left);
      await write(Buffer.concat(wanted.map(toBytes)));
      left -= wanted.length;
      if (left === 0) return;
    }
  });
}

function writer({ json, format = DEFAULT_FORMAT, nullMarker }: ConsumeOptions): (record: StoredRecord) => Buffer {
  if (json) return (record) => Buffer.from(`${encodeJsonRecord(record)}\n`);
  const marker = Buffer.from(nullMarker);
  return (record) => formatRecord(format, record, marker);
}

/** Ctrl-C is the ordinary way to stop following a topic: what was read is written, and all is well. The second one insists. */
function stopOnSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(EXIT.interrupted);
      controller.abort();
    });
  }
  return controller.signal;
}

async function wantedRanges(
  kafka: Kafka,
  topic: string,
  options: ConsumeOptions,
  nowMs: number,
): Promise<readonly Range[]> {
  const { partitionsCount } = await kafka.topic(topic);
  const all = Array.from({ length: partitionsCount }, (_, partition) => partition);
  const partitions = options.partition ?? all;
  for (const partition of partitions) {
    if (partition < partitionsCount) continue;
    throw new CommandFailure(`topic ${topic} has no partition ${partition}: it has ${partitionsCount}, from 0`);
  }
  const { from, to = options.until, exit: toEnd = false } = options;
  const ranges = await rangesOf(kafka, topic, partitions, { from, to, toEnd }, nowMs);
  const last = await kafka.offsets(topic, partitions, END);
  for (const { partition, from: first } of ranges) {
    const end = last.get(partition)!;
    if (first <= end) continue;
    throw new CommandFailure(`partition ${partition} ends at offset ${end}, before ${first}: give an earlier --from`);
  }
  return ranges;
}
