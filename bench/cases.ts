/** What is done with one broker. A case gets it running on an otherwise idle machine, and uses topics of its own. */
import type { Broker } from "./brokers/broker.ts";
import { type BenchCase, LARGE_BATCH_BYTES, SMALL_BATCH_BYTES, SUITES, type Suite } from "./cases/case.ts";
import { consumerCase, fetchCase, idleConsumersCase, librdkafkaConsumeCase, tailCase } from "./cases/consume.ts";
import { endToEndCase, latencyCase } from "./cases/latency.ts";
import { IDLE_CASE, killCase, START_CASE } from "./cases/lifecycle.ts";
import { driverCase, librdkafkaCase, producerCase } from "./cases/produce.ts";
import { soakCase } from "./cases/soak.ts";
import { createTopic } from "./load/topic.ts";
import { producerPerformance } from "./tools/kafka.ts";
import { driverFetch, driverProduce } from "./tools/load-driver.ts";

const KIBIBYTE = { recordSizeBytes: 1024, partitions: 6 };
const SHORT = { recordSizeBytes: 100, partitions: 6 };
const WIDE = { recordSizeBytes: 1024, partitions: 1000 };

/** In the order in which they run: the cold ones first, those that leave much behind last. */
export const CASES: readonly BenchCase[] = [
  START_CASE,
  IDLE_CASE,
  producerCase({ name: "producer-1k", suite: "quick", recordCount: 2_000_000, ...KIBIBYTE }),
  producerCase({ name: "producer-100b", suite: "standard", recordCount: 10_000_000, ...SHORT }),
  producerCase({ name: "producer-1k-1000", suite: "standard", recordCount: 1_000_000, ...WIDE }),
  librdkafkaCase({ name: "rdkafka-1k", suite: "quick", recordCount: 2_000_000, ...KIBIBYTE }),
  librdkafkaCase({ name: "rdkafka-100b", suite: "standard", recordCount: 10_000_000, ...SHORT }),
  driverCase({ name: "driver-1k", suite: "quick", recordCount: 2_000_000, ...KIBIBYTE }, SMALL_BATCH_BYTES),
  driverCase({ name: "driver-1k-1m", suite: "standard", recordCount: 2_000_000, ...KIBIBYTE }, LARGE_BATCH_BYTES),
  driverCase({ name: "driver-100b", suite: "standard", recordCount: 10_000_000, ...SHORT }, SMALL_BATCH_BYTES),
  driverCase({ name: "driver-100b-1m", suite: "standard", recordCount: 10_000_000, ...SHORT }, LARGE_BATCH_BYTES),
  driverCase({ name: "driver-1k-1000", suite: "standard", recordCount: 1_000_000, ...WIDE }, SMALL_BATCH_BYTES),
  latencyCase(
    { name: "latency-1k", suite: "quick", recordCount: 10_000, ...KIBIBYTE },
    { recordsPerSecond: 1000, loaded: false },
  ),
  latencyCase(
    { name: "latency-1k-loaded", suite: "standard", recordCount: 10_000, ...KIBIBYTE },
    { recordsPerSecond: 1000, loaded: true },
  ),
  endToEndCase({ name: "end-to-end", suite: "standard", recordCount: 10_000, ...KIBIBYTE }, { loaded: false }),
  endToEndCase({ name: "end-to-end-loaded", suite: "standard", recordCount: 10_000, ...KIBIBYTE }, { loaded: true }),
  fetchCase({ name: "fetch-1k", suite: "quick", recordCount: 5_000_000, ...KIBIBYTE }, { readers: 1, connections: 1 }),
  fetchCase(
    { name: "fetch-1k-group", suite: "standard", recordCount: 5_000_000, ...KIBIBYTE },
    { readers: 1, connections: 3 },
  ),
  fetchCase(
    { name: "fetch-1k-10", suite: "standard", recordCount: 1_000_000, ...KIBIBYTE },
    { readers: 10, connections: 1 },
  ),
  consumerCase({ name: "consumer-1k", suite: "standard", recordCount: 2_000_000, ...KIBIBYTE }),
  librdkafkaConsumeCase({ name: "rdkafka-consume-1k", suite: "standard", recordCount: 2_000_000, ...KIBIBYTE }),
  tailCase({ name: "tail-1k", suite: "quick", megabytesPerSecond: 50, readers: 1, seconds: 20 }),
  tailCase({ name: "tail-1k-10", suite: "standard", megabytesPerSecond: 20, readers: 10, seconds: 20 }),
  idleConsumersCase({ name: "idle-consumers", suite: "standard", consumers: 1000 }),
  producerCase({ name: "producer-1k-long", suite: "full", recordCount: 20_000_000, ...KIBIBYTE }),
  killCase({ name: "kill", suite: "full", recordCount: 10_000_000, ...KIBIBYTE }),
  soakCase({
    name: "soak",
    suite: "full",
    megabytesPerSecond: 50,
    readers: 2,
    seconds: 600,
    leadInSeconds: 180,
    intervalSeconds: 60,
  }),
];

/** The cases of a suite, or those that match a list of names; "producer*" takes all that begin so. @throws RangeError */
export function selectCases(choice: { readonly suite: string } | { readonly names: string }): BenchCase[] {
  if ("suite" in choice) {
    const rank = SUITES.indexOf(choice.suite as Suite);
    if (rank < 0) throw new RangeError(`there is no suite "${choice.suite}": take ${SUITES.join(", ")}`);
    return CASES.filter(({ suite }) => SUITES.indexOf(suite) <= rank);
  }
  const patterns = choice.names.split(",");
  const matches = (pattern: string, name: string): boolean =>
    pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
  for (const pattern of patterns) {
    if (!CASES.some(({ name }) => matches(pattern, name))) throw new RangeError(`there is no case "${pattern}"`);
  }
  return CASES.filter(({ name }) => patterns.some((pattern) => matches(pattern, name)));
}

/** Runs a broker's paths often enough that either engine, a JVM or Node's, has compiled them. */
export async function warmUp(broker: Broker): Promise<void> {
  for (const recordSizeBytes of [1024, 100]) {
    const load = { topic: `warm-up-${recordSizeBytes}`, recordCount: 600_000, recordSizeBytes, partitions: 6 };
    await createTopic(broker.endpoint, load.topic, load.partitions);
    await driverProduce(broker, load, { batchSizeBytes: SMALL_BATCH_BYTES, partitionsPerRequest: 1 });
    await producerPerformance(broker, load, []);
    await driverFetch(broker, load.topic, { partitions: load.partitions, readers: 1, connections: 1 });
  }
}
