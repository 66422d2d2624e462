/** A start is over when the broker acknowledges a record. */
import { setTimeout as delay } from "node:timers/promises";
import type { Broker } from "./brokers/broker.ts";
import { ask } from "./load/connection.ts";
import { encodeBatch } from "./load/record-batch.ts";
import { BrokerError, checkProduce, encodeProduce } from "./load/wire.ts";

const POLL_MS = 2;

/** Waits until a broker that was launched acknowledges a record in partition 0 of this topic. */
export async function firstAcknowledgement(broker: Broker, topic: string): Promise<void> {
  const { bytes: batch } = encodeBatch({ recordSizeBytes: 100, batchSizeBytes: 1 });
  const request = encodeProduce(0, topic, [{ partition: 0, batch }]);
  while (!(await acknowledges(broker, request))) {
    broker.checkRunning();
    await delay(POLL_MS);
  }
}

/** False while the port takes no connection, or the partition has no leader yet. */
async function acknowledges(broker: Broker, request: Buffer): Promise<boolean> {
  try {
    const answer = await ask(broker.endpoint, request);
    checkProduce(answer, 0, answer.length);
    return true;
  } catch (error) {
    if (error instanceof BrokerError || (error as NodeJS.ErrnoException).code !== undefined) return false;
    throw error;
  }
}
