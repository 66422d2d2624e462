/** What Kafka's own performance tools print, as measurements. */
import type { Measurements } from "../metrics.ts";

const MEBIBYTE = 2 ** 20;

/** "N records sent, N records/sec (N MB/sec), N ms avg latency, N ms max latency, N ms 50th, N ms 95th, N ms 99th, …" */
export function parseProducerPerformance(output: string, recordSizeBytes: number): Measurements {
  const summary = output.trimEnd().split("\n").at(-1) ?? "";
  const number = numbersOf("ProducerPerformance", summary);
  const achieved = number(/sent, ([\d.]+) records\/sec/);
  return {
    recordsPerSecond: achieved,
    megabytesPerSecond: (achieved * recordSizeBytes) / 1e6,
    latencyMeanMs: number(/([\d.]+) ms avg latency/),
    latencyP50Ms: number(/(\d+) ms 50th/),
    latencyP99Ms: number(/(\d+) ms 99th/),
  };
}

/** Records per second of a report on the way; undefined of any other line. */
export function rateOfReport(line: string): number | undefined {
  const match = /^\d+ records sent, ([\d.]+) records\/sec /.exec(line);
  return match === null ? undefined : Number(match[1]);
}

export interface Consumed {
  readonly records: number;
  readonly bytes: number;
  readonly measurements: Measurements;
}

/**
 * "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms,
 * fetch.MB.sec, fetch.nMsg.sec", of mebibytes. The rates are those of the time after the group was formed.
 */
export function parseConsumerPerformance(output: string): Consumed {
  const line = output.trimEnd().split("\n").at(-1) ?? "";
  const fields = line.split(", ");
  const [mebibytes, records, fetchMebibytes, fetchRecords] = [2, 4, 8, 9].map((field) => Number(fields[field]));
  if (fields.length !== 10 || !(Number(fetchRecords) > 0)) throw new Error(`ConsumerPerformance ended with: ${line}`);
  return {
    records: records!,
    bytes: mebibytes! * MEBIBYTE,
    measurements: { recordsPerSecond: fetchRecords!, megabytesPerSecond: (fetchMebibytes! * MEBIBYTE) / 1e6 },
  };
}

/** "Avg latency: N ms" and "Percentiles: 50th = N, 99th = N, 99.9th = N", these in whole milliseconds. */
export function parseEndToEndLatency(output: string): Measurements {
  const number = numbersOf("EndToEndLatency", output);
  return {
    endToEndMeanMs: number(/Avg latency: ([\d.]+) ms/),
    endToEndP50Ms: number(/50th = (\d+)/),
    endToEndP99Ms: number(/99th = (\d+)/),
  };
}

function numbersOf(tool: string, text: string): (pattern: RegExp) => number {
  return (pattern) => {
    const match = pattern.exec(text);
    if (match === null) throw new Error(`${tool} ended with: ${text}`);
    return Number(match[1]);
  };
}
