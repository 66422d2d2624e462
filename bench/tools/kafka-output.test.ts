import assert from "node:assert/strict";
import { test } from "node:test";
import {
  parseConsumerPerformance,
  parseEndToEndLatency,
  parseProducerPerformance,
  rateOfReport,
} from "./kafka-output.ts";

test("ProducerPerformance: the last line counts, and sizes are decimal", () => {
  const output = [
    "9999 records sent, 1999.8 records/sec (1.95 MB/sec), 0.9 ms avg latency, 99.0 ms max latency.",
    "20000 records sent, 2000.2 records/sec (1.95 MB/sec), 0.53 ms avg latency, 212.00 ms max latency, 0 ms 50th, " +
      "1 ms 95th, 3 ms 99th, 12 ms 99.9th.",
    "",
  ].join("\n");
  assert.deepEqual(parseProducerPerformance(output, 1000), {
    recordsPerSecond: 2000.2,
    megabytesPerSecond: 2.0002,
    latencyMeanMs: 0.53,
    latencyP50Ms: 0,
    latencyP99Ms: 3,
  });
});

test("ProducerPerformance: behind a warm-up, what lies behind it counts", () => {
  const output = [
    "3000 records sent, 993.4 records/sec (0.97 MB/sec), 9.47 ms avg latency, 481.00 ms max latency, 1 ms 50th, " +
      "50 ms 95th, 60 ms 99th, 64 ms 99.9th.",
    "2000 steady state records sent, 988.1 records/sec (0.96 MB/sec), 1.29 ms avg latency, 13.00 ms max latency, 1 ms 50th, " +
      "4 ms 95th, 6 ms 99th, 12 ms 99.9th.",
  ].join("\n");
  const { recordsPerSecond, latencyMeanMs, latencyP99Ms } = parseProducerPerformance(output, 1000);
  assert.deepEqual([recordsPerSecond, latencyMeanMs, latencyP99Ms], [988.1, 1.29, 6]);
});

test("ProducerPerformance: reports on the way", () => {
  const report = "89991 records sent, 89973.0 records/sec (87.86 MB/sec), 3.1 ms avg latency, 15.0 ms max latency.";
  assert.equal(rateOfReport(report), 89_973);
  assert.equal(rateOfReport("SLF4J: Defaulting to no-operation (NOP) logger implementation"), undefined);
});

test("ConsumerPerformance: the rates are those without the rebalance", () => {
  const output =
    "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, " +
    "fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n" +
    "2026-11-21 10:00:00:000, 2026-11-21 10:00:02:000, 100.0000, 50.0000, 102400, 51200.0000, 1000, 1000, 100.0000, 102400.0000\n";
  assert.deepEqual(parseConsumerPerformance(output), {
    records: 102_400,
    bytes: 104_857_600,
    measurements: { recordsPerSecond: 102_400, megabytesPerSecond: 104.8576 },
  });
});

test("EndToEndLatency: mean and percentiles", () => {
  const output = "0\t3.1\n1000\t0.7\nAvg latency: 0.7431 ms\nPercentiles: 50th = 0, 99th = 2, 99.9th = 7\n";
  assert.deepEqual(parseEndToEndLatency(output), { endToEndMeanMs: 0.7431, endToEndP50Ms: 0, endToEndP99Ms: 2 });
});

test("a tool that printed something else is an error with what it printed", () => {
  assert.throws(() => parseProducerPerformance("no broker", 100), /ProducerPerformance ended with: no broker/);
  assert.throws(() => parseConsumerPerformance("no broker"), /ConsumerPerformance ended with: no broker/);
  assert.throws(() => parseEndToEndLatency("no broker"), /EndToEndLatency ended with: no broker/);
});
