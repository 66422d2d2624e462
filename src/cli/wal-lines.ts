/**
 * What stands in WAL files and segments, as lines: for people, or as JSON with every number exact. A batch has a line, also when
 * several stand in one record; so has each record, state record and group header.
 */
import type { Int64 } from "../base/int64.ts";
import type { Uuid } from "../base/uuid.ts";
import { formatUuid } from "../base/uuid.ts";
import { NO_STATE_POSITION } from "../log/wal-record.ts";
import type { DirectoryRow } from "../storage/segment-format.ts";
import { toJson } from "./exact-json.ts";
import { stateJson } from "./state-json.ts";
import { type BatchHeader, batchesIn } from "./stored-batches.ts";
import { formatIncarnation, type WalInput, type WalItem } from "./wal-walk.ts";

const POSITION_WIDTH = 12;

type Fields = { readonly [name: string]: unknown };

/** A line, before it is one: what both forms are made from. */
interface Line {
  readonly kind: string;
  /** Of the WAL record; undefined for bytes that are none. */
  readonly version?: number;
  readonly text: string;
  readonly fields: Fields;
}

/** What to say of the file before all that is in it. */
export function fileHeading({ path, sizeBytes, log, isSegment, index }: WalInput): string {
  const records = isSegment ? "a segment" : "records without groups";
  const what =
    log === undefined ? records : `from position ${log.base}, incarnation ${formatIncarnation(log.incarnation)}`;
  return `${path}: ${sizeBytes} bytes, ${what}${index === undefined ? "" : ", with an index"}`;
}

export function itemText(input: WalInput, item: WalItem): readonly string[] {
  const position = String((input.log?.base ?? 0) + item.at).padStart(POSITION_WIDTH);
  return linesOf(item).map(({ kind, version, text }) => {
    const prefix = version === undefined ? "  " : `v${version}`;
    return `${position}  ${prefix}  ${kind.padEnd(6)}  ${text}`;
  });
}

export function itemJson(input: WalInput, item: WalItem): readonly string[] {
  const { path: file, log } = input;
  const position = (log?.base ?? 0) + item.at;
  const place = { file, position, at: item.at, bytes: item.bytes };
  return linesOf(item).map(({ kind, version, fields }) => toJson({ ...place, version, kind, ...fields }));
}

function linesOf(item: WalItem): readonly Line[] {
  switch (item.kind) {
    case "group":
      return [groupLine(item.header)];
    case "batch":
      return batchLines(item);
    case "state":
      return [stateLine(item)];
    case "record":
      return [singleLine(item)];
    case "filler":
      return [{ kind: "filler", version: 3, text: `${item.bytes} bytes`, fields: {} }];
    case "damage":
      return [{ kind: "damage", text: `${item.bytes} bytes: ${item.what}`, fields: { what: item.what } }];
    case "torn": {
      const what = "torn tail: still being written, or never acknowledged";
      return [{ kind: "torn", text: `${item.bytes} bytes, ${what}`, fields: {} }];
    }
    case "cut": {
      const what = "cut off by a start, and going on in the next file";
      return [{ kind: "cut", text: `${item.bytes} bytes, ${what}`, fields: {} }];
    }
    case "room":
      return [{ kind: "room", text: `${item.bytes} bytes, zeros for groups to come`, fields: {} }];
    case "old": {
      const what = "of the file that this one was before";
      return [{ kind: "old", text: `${item.bytes} bytes, ${what}`, fields: {} }];
    }
    case "segment":
      return [segmentLine(item)];
    case "range":
      return [rangeLine(item.row)];
    case "padding":
      return [{ kind: "padding", text: `${item.bytes} bytes`, fields: {} }];
    case "directory": {
      const { ranges } = item;
      return [{ kind: "directory", text: `of ${ranges} ranges, ${item.bytes} bytes`, fields: { ranges } }];
    }
  }
}

function segmentLine({ identity: { id, walPosition }, version }: Extract<WalItem, { kind: "segment" }>): Line {
  const text = `${formatUuid(id)}, version ${version} of the format, from WAL position ${walPosition} on`;
  return { kind: "segment", text, fields: { id: formatUuid(id), formatVersion: version, walPosition } };
}

function rangeLine({ topicId: id, partition, firstOffset, endOffset, ...row }: DirectoryRow): Line {
  const { batches, rows, sizeBytes: batchBytes, maxTimestamp, dataAt, dataBytes } = row;
  const topicId = formatUuid(id);
  const text = [
    `topic ${topicId} partition ${partition}`,
    `offsets ${firstOffset}..${endOffset - 1}`,
    `${batches} batches of ${batchBytes} bytes in ${rows} records from byte ${dataAt} on`,
    `newest ${timeText(maxTimestamp)}`,
  ].join(", ");
  const offsets = { topicId, partition, firstOffset, endOffset };
  return { kind: "range", text, fields: { ...offsets, batches, batchBytes, rows, maxTimestamp, dataAt, dataBytes } };
}

function groupLine(header: Extract<WalItem, { kind: "group" }>["header"]): Line {
  const { durablePosition, previousStatePosition, lengthBytes, crc } = header;
  const incarnation = formatIncarnation(header.incarnation);
  const previousState = previousStatePosition === NO_STATE_POSITION ? null : previousStatePosition;
  return {
    kind: "group",
    version: 4,
    text: `incarnation ${incarnation}, durable ${durablePosition}, previous state ${previousState ?? "none"}, ${lengthBytes} bytes`,
    fields: { incarnation, durable: durablePosition, previousState, groupBytes: lengthBytes, crc },
  };
}

function batchLines({ record, buffer }: Extract<WalItem, { kind: "batch" }>): readonly Line[] {
  const { topicName: topic, partition, dataAt, dataBytes } = record;
  const topicId = record.topicId === undefined ? null : formatUuid(record.topicId as Uuid);
  const where = `${topic}-${partition}${topicId === null ? "" : ` (${topicId})`}`;
  const of = { topic, topicId, partition };
  if (!record.isKafkaBatch) {
    const text = `${where} ${dataBytes} bytes that are no Kafka batch`;
    return [{ kind: "data", version: 2, text, fields: { ...of, dataBytes } }];
  }
  const lines: Line[] = [];
  for (const { header, problem } of batchesIn(buffer, dataAt, dataAt + dataBytes)) {
    const fault = problem === undefined ? {} : { problem };
    const text = [where, header === undefined ? "" : headerText(header), problem === undefined ? "" : `: ${problem}`];
    const { bytes: batchBytes, ...fields } = header ?? {};
    lines.push({
      kind: "batch",
      version: 2,
      text: text.filter(Boolean).join(" "),
      fields: { ...of, batch: lines.length, batchBytes, ...fields, ...fault },
    });
  }
  return lines;
}

export function headerText(header: BatchHeader): string {
  const { baseOffset, lastOffset, records, codec, baseTimestamp, maxTimestamp, producerId, bytes } = header;
  const { producerEpoch, baseSequence, leaderEpoch } = header;
  const lastSequence = (baseSequence + (lastOffset - baseOffset)) % 2 ** 31;
  const times = [timeText(baseTimestamp), ...(maxTimestamp === baseTimestamp ? [] : [timeText(maxTimestamp)])];
  return [
    `offsets ${baseOffset}..${lastOffset}, ${records} records, ${codec}`,
    `${times.join("..")}${header.timestampType === "LogAppendTime" ? " (log append time)" : ""}`,
    ...(producerId === -1
      ? []
      : [`producer ${producerId} epoch ${producerEpoch} sequence ${baseSequence}..${lastSequence}`]),
    ...(header.transactional ? ["transactional"] : []),
    ...(header.control ? ["control"] : []),
    `leader epoch ${leaderEpoch}`,
    `${bytes} bytes`,
  ].join(", ");
}

function stateLine({ type, fields }: Extract<WalItem, { kind: "state" }>): Line {
  const { name, fields: json, problem, isNewer } = stateJson(type, fields);
  const remark = isNewer ? " (of a newer version)" : problem === undefined ? "" : ` (${problem})`;
  return {
    kind: "state",
    version: 3,
    text: `${name ?? `type ${type}`} ${toJson(json)}${remark}`,
    fields: { type, name: name ?? null, fields: json, ...(problem === undefined ? {} : { problem }) },
  };
}

function singleLine({ record }: Extract<WalItem, { kind: "record" }>): Line {
  const { offset, timestamp, key, value, headers } = record;
  const [keyBytes, valueBytes] = [key?.length ?? null, value?.length ?? null];
  const size = (bytes: number | null): string => (bytes === null ? "null" : `${bytes} bytes`);
  return {
    kind: "record",
    version: 1,
    text: `offset ${offset}, ${timeText(timestamp)}, key ${size(keyBytes)}, value ${size(valueBytes)}, ${headers.length} headers`,
    fields: { offset, timestamp, keyBytes, valueBytes, headers: headers.length },
  };
}

/** ISO where that goes; what lies beyond the calendar in milliseconds. */
export function timeText(ms: Int64): string {
  if (ms === -1) return "no time";
  const date = new Date(Number(ms));
  return typeof ms === "bigint" || Number.isNaN(date.getTime()) ? `@${ms}` : date.toISOString();
}
