/** What a broker in the simulation says of itself at /metrics. */
import assert from "node:assert/strict";
import { Histogram } from "../../src/base/histogram.ts";
import type { RunningBroker } from "../../src/broker/start.ts";
import type { Scrape } from "../../src/http/metrics/metric.ts";
import { CONTENT_TYPE } from "../../src/http/metrics/text.ts";
import { httpRoutes } from "../../src/http/server.ts";
import type { ProcessStats } from "../../src/ports/process-stats.ts";
import { Exposition } from "./exposition.ts";

/** A process that does nothing. */
const STATS: ProcessStats = {
  read: () => ({
    startSeconds: 0,
    cpuUserSeconds: 0,
    cpuSystemSeconds: 0,
    loopActiveSeconds: 0,
    residentBytes: 0,
    heapBytes: 0,
    heapUsedBytes: 0,
    externalBytes: 0,
    nodeVersion: "v1.2.3",
  }),
  gcMs: new Map(),
  loopDelayMs: new Histogram([]),
};

export function scrapeOf(running: RunningBroker): Scrape {
  return { ...running, version: "0.0.0", stats: STATS, process: STATS.read() };
}

/** GETs /metrics as Prometheus does, and reads it strictly. */
export async function scrape(running: RunningBroker): Promise<Exposition> {
  const log = (line: string): never => assert.fail(line);
  const routes = httpRoutes({ ready: () => true, scrape: () => scrapeOf(running), log });
  const response = await routes.request("/metrics");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), CONTENT_TYPE);
  return new Exposition(await response.text());
}
