/** Reads of a log as a consumer's fetches ask for them, for tests. */
import assert from "node:assert/strict";
import { CRASHED, type SimProcess, Simulation } from "../../sim/simulation.ts";
import type { BatchQuery, BatchResult } from "../../src/log/batch-query.ts";
import { type OpenLog, openLog, type Place } from "./open-log.ts";

/** Eight regions of 64 KiB. */
export const SMALL_REGIONS = { "read.buffer.bytes": "1048576", "wal.tail.cache.bytes": "1048576" };

export async function withLog(
  scenario: (log: OpenLog, process: SimProcess) => Promise<void>,
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  const result = await new Simulation({ seed: 1 }).run(async (process) => {
    const log = await openLog(process, settings);
    await scenario(log, process);
  });
  assert.ok(result !== CRASHED);
}

/** As a fetch asks; `changes` to that. */
export function query({ topic, partition }: Place, offset: number, changes: Partial<BatchQuery> = {}): BatchQuery {
  return {
    partition,
    topicBytes: topic.target.nameBytes.length,
    offset,
    limitOffset: partition.highWatermark,
    maxBytes: 1_000_000,
    atLeastOne: true,
    ...changes,
  };
}

export async function readStored(log: OpenLog, ...queries: readonly BatchQuery[]): Promise<BatchResult[]> {
  return log.reader.readStored(queries);
}

/** All bytes of a result, in one. */
export function bytesOf(result: BatchResult | undefined): Buffer {
  assert.ok(result !== undefined);
  const bytes = Buffer.concat(result.parts);
  assert.equal(bytes.length, result.sizeBytes);
  return bytes;
}
