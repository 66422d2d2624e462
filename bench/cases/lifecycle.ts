/** The start of a broker: after a clean stop, after a kill, and the rest that follows. */
import { setTimeout as delay } from "node:timers/promises";
import type { Broker } from "../brokers/broker.ts";
import { firstAcknowledgement } from "../first-acknowledgement.ts";
import { createTopic } from "../load/topic.ts";
import { driverProduce } from "../tools/load-driver.ts";
import { settleDisk } from "../tools/run.ts";
import { type BenchCase, fill, type Load, SMALL_BATCH_BYTES } from "./case.ts";
import { measureIdle } from "./consume.ts";

const IDLE_SECONDS = 5;
/** The kill comes so long after the begin of producing. */
const KILL_AFTER_MS = 1_000;
const PRODUCED_UNTIL_KILL = 1e8;

export const START_CASE: BenchCase = {
  name: "start",
  suite: "quick",
  method: "process start to the first acknowledged record, on a folder with one topic that was left by a clean stop",
  cold: true,
  run: async (broker) => {
    await createTopic(broker.endpoint, "start", 1);
    await broker.stop();
    return { measurements: { firstAckSeconds: await startSeconds(broker, "start") } };
  },
};

export const IDLE_CASE: BenchCase = {
  name: "idle",
  suite: "quick",
  method: `memory (RSS) ${2 * IDLE_SECONDS} s after the start, CPU time over the last ${IDLE_SECONDS} s of them, no clients`,
  cold: true,
  run: async (broker) => {
    await delay(IDLE_SECONDS * 1000);
    return measureIdle(broker, IDLE_SECONDS);
  },
};

/** Leaves a broker that has just been started again. */
export function killCase(load: Load): BenchCase {
  const gigabytes = Math.round((load.recordCount * load.recordSizeBytes) / 1e9);
  return {
    ...load,
    method:
      `process start to the first acknowledged record after kill -9 in the middle of producing, with ${gigabytes} GB ` +
      `in ${load.partitions} partitions; what the kernel has read or written lately is still in its cache`,
    cold: false,
    run: async (broker, scale) => {
      const topicLoad = await fill(broker, load, scale);
      const endless = { ...topicLoad, recordCount: PRODUCED_UNTIL_KILL };
      const batches = { batchSizeBytes: SMALL_BATCH_BYTES, partitionsPerRequest: 1 };
      const producing = driverProduce(broker, endless, batches).catch(() => undefined);
      await delay(KILL_AFTER_MS);
      await broker.kill();
      await producing;
      await settleDisk();
      const firstAckSeconds = await startSeconds(broker, load.name);
      const dataGigabytes = (topicLoad.recordCount * load.recordSizeBytes) / 1e9;
      return { measurements: { firstAckSeconds, dataGigabytes } };
    },
  };
}

async function startSeconds(broker: Broker, topic: string): Promise<number> {
  const startMs = await broker.launch();
  await firstAcknowledgement(broker, topic);
  return (performance.now() - startMs) / 1000;
}
