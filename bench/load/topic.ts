/** Topics for a run. */
import { setTimeout as delay } from "node:timers/promises";
import { ask, type BrokerAddress } from "./connection.ts";
import { BrokerError, checkCreateTopic, encodeCreateTopic, encodeFetch, NO_SESSION, visitFetch } from "./wire.ts";

const POLL_INTERVAL_MS = 20;

/** Kafka answers with these until a new partition has its leader. */
const NOT_YET = new Set([3 /* UNKNOWN_TOPIC_OR_PARTITION */, 6 /* NOT_LEADER_OR_FOLLOWER */]);

/** NAME-0, NAME-1, … */
export function topicNames(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`);
}

/** Creates a topic and waits until each of its partitions can be written and read. */
export async function createTopic(address: BrokerAddress, topic: string, partitions: number): Promise<void> {
  checkCreateTopic(await ask(address, encodeCreateTopic(topic, partitions)));
  await untilLed(address, topic, partitions);
}

/** Waits until each partition of a topic can be written and read: a moment after its creation, and after a start. */
export async function untilLed(address: BrokerAddress, topic: string, partitions: number): Promise<void> {
  const positions = Array.from({ length: partitions }, (_, partition) => ({ partition, offset: 0 }));
  const probe = encodeFetch(topic, positions, NO_SESSION, { maxWaitMs: 0, maxBytes: 1, partitionMaxBytes: 1 });
  while (!isReady(await ask(address, probe))) await delay(POLL_INTERVAL_MS);
}

function isReady(answer: Buffer): boolean {
  try {
    visitFetch(answer, 0, answer.length, () => {});
    return true;
  } catch (error) {
    if (error instanceof BrokerError && NOT_YET.has(error.code)) return false;
    throw error;
  }
}
