/** Reading: all that is there, what is just coming, and nothing. */
import { setTimeout as delay } from "node:timers/promises";
import type { Broker } from "../brokers/broker.ts";
import { createTopic } from "../load/topic.ts";
import type { CaseResult } from "../metrics.ts";
import { consumerPerformance } from "../tools/kafka.ts";
import { librdkafkaConsume } from "../tools/librdkafka.ts";
import { besideIdleConsumers, driverFetch, driverTail } from "../tools/load-driver.ts";
import { type ProduceLoad, settleDisk, type ToolRun } from "../tools/run.ts";
import {
  type BenchCase,
  comeToRest,
  fill,
  type Load,
  measured,
  prepare,
  SMALL_BATCH_BYTES,
  type Suite,
} from "./case.ts";

/** Longer than Chronik's log waits (30 s) before it turns what the cases before have left into segments. */
const SETTLE_SECONDS = 60;
const IDLE_SECONDS = 10;
const IDLE_WINDOWS = 6;

/** The load driver drops the bytes: what the broker can give. A consumer has one connection, a group of them has several. */
export function fetchCase(
  load: Load,
  consumers: { readonly readers: number; readonly connections: number },
): BenchCase {
  const { readers, connections } = consumers;
  const each = connections === 1 ? "over one connection" : `over ${connections} connections that share the partitions`;
  const who = readers === 1 ? "one reader of the load driver" : `${readers} readers of the load driver, each`;
  return catchUp(load, `${who} ${each}, from the beginning`, (broker, { topic, partitions }) =>
    driverFetch(broker, topic, { partitions, ...consumers }),
  );
}

export function consumerCase(load: Load): BenchCase {
  return catchUp(
    load,
    "ConsumerPerformance, one consumer, from the beginning, timed from the rebalance on",
    (broker, { topic, recordCount }) => consumerPerformance(broker, topic, recordCount),
  );
}

export function librdkafkaConsumeCase(load: Load): BenchCase {
  return catchUp(
    load,
    "librdkafka with its defaults, one consumer, from the beginning, timed from the first record on",
    librdkafkaConsume,
  );
}

function catchUp(load: Load, who: string, tool: (broker: Broker, load: ProduceLoad) => Promise<ToolRun>): BenchCase {
  return {
    ...load,
    method: `${who}, for the second time; ${load.recordSizeBytes} B records, ${load.partitions} partitions`,
    cold: false,
    run: async (broker, scale) => {
      const topicLoad = await fill(broker, load, scale);
      await tool(broker, topicLoad); // uncounted: no case before reads files, and who begins to has not compiled it
      await settleDisk();
      return measured(broker, () => tool(broker, topicLoad));
    },
  };
}

export interface TailCase {
  readonly name: string;
  readonly suite: Suite;
  readonly megabytesPerSecond: number;
  readonly readers: number;
  readonly seconds: number;
}

/** What tail cases and the soak have in common. */
export const TAIL_LOAD = { partitions: 6, recordSizeBytes: 1024, batchSizeBytes: SMALL_BATCH_BYTES };

export function tailCase({ name, suite, megabytesPerSecond, readers, seconds }: TailCase): BenchCase {
  return {
    name,
    suite,
    method:
      `load driver produces ${megabytesPerSecond} MB/s with acks=all and does not wait for answers, ${readers} ` +
      `${readers === 1 ? "reader fetches" : "readers fetch"} at the end; MB/s are what was read until the last record came`,
    cold: false,
    run: async (broker, scale) => {
      const load = { ...TAIL_LOAD, megabytesPerSecond, readers, seconds: Math.max(1, Math.round(seconds * scale)) };
      await prepare(broker, { ...TAIL_LOAD, name, suite, recordCount: 0 }, scale);
      return measured(broker, () => driverTail(broker, { ...load, topic: name }));
    },
  };
}

/** Many long polls that find nothing. */
export function idleConsumersCase(options: { name: string; suite: Suite; consumers: number }): BenchCase {
  const { name, consumers } = options;
  return {
    ...options,
    method:
      `CPU time over ${IDLE_SECONDS} s, and memory at their end, while ${consumers} consumers wait, each over a connection of ` +
      `its own for an empty partition of its own, with fetch.max.wait.ms=500; they have waited ${SETTLE_SECONDS} s then; the quietest ` +
      `of ${IDLE_WINDOWS} such times, because the broker may still do what other cases had left to do`,
    cold: false,
    run: async (broker, scale) => {
      await createTopic(broker.endpoint, name, consumers);
      await comeToRest(broker);
      return besideIdleConsumers(broker, { topic: name, partitions: consumers, consumers }, async () => {
        await delay(SETTLE_SECONDS * scale * 1000);
        const idle: CaseResult[] = [];
        for (let n = 0; n < IDLE_WINDOWS; n += 1) idle.push(await measureIdle(broker, IDLE_SECONDS));
        const cpu = ({ measurements }: CaseResult): number => measurements.idleCpuPercent!;
        return idle.toSorted((a, b) => cpu(a) - cpu(b))[0]!;
      });
    },
  };
}

/** What the broker takes while nothing is done with it. */
export async function measureIdle(broker: Broker, seconds: number): ReturnType<BenchCase["run"]> {
  const before = broker.usage();
  await delay(seconds * 1000);
  const after = broker.usage();
  return {
    measurements: {
      idleMemoryMegabytes: after.memoryBytes / 1e6,
      idleCpuPercent: ((after.cpuSeconds - before.cpuSeconds) / seconds) * 100,
    },
  };
}
