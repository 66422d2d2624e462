/** Many consumers with nothing to read: each waits at an empty partition and asks again when its time is up. */
import { type BrokerAddress, Connection } from "./connection.ts";
import { encodeFetch, NEW_SESSION, visitFetch } from "./wire.ts";

/** As Kafka's consumer asks by default. */
const LIMITS = { maxWaitMs: 500, maxBytes: 52_428_800, partitionMaxBytes: 1_048_576 };

export interface IdleOptions {
  readonly address: BrokerAddress;
  readonly topic: string;
  /** All must be empty. */
  readonly partitions: number;
  /** Consumer c waits at partition c modulo `partitions`. */
  readonly consumers: number;
}

export interface IdleConsumers {
  /** Requests that were answered so far. */
  answered(): number;
  /** Rejects when a connection breaks, or when there is something to read. */
  readonly failed: Promise<never>;
  close(): void;
}

/** Resolves when each of them has had an answer, and waits for its second. */
export async function idleConsumers(options: IdleOptions): Promise<IdleConsumers> {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => {});
  const { promise: settled, resolve } = Promise.withResolvers<void>();
  const connections: Connection[] = [];
  let answered = 0;
  let waiting = options.consumers;
  for (let index = 0; index < options.consumers; index++) {
    const positions = [{ partition: index % options.partitions, offset: 0 }];
    let [sessionId, epoch] = [0, 0];
    let hasAnswer = false;
    const send = (connection: Connection): void => {
      // A broker without room for another session says 0, and may have room the next time.
      epoch = sessionId === 0 ? 0 : epoch + 1;
      const session = sessionId === 0 ? NEW_SESSION : { id: sessionId, epoch };
      connection.send(encodeFetch(options.topic, sessionId === 0 ? positions : [], session, LIMITS));
    };
    const connection: Connection = await Connection.open(options.address, {
      onFrame: (frame, start, end) => {
        sessionId = visitFetch(frame, start, end, ({ partition, from, to }) => {
          if (to > from) throw new Error(`partition ${partition} is not empty`);
        });
        if (!hasAnswer && --waiting === 0) resolve();
        hasAnswer = true;
        answered++;
        send(connection);
      },
      onFailure: reject,
    });
    connections.push(connection);
    send(connection);
  }
  await Promise.race([settled, failed]);
  return {
    answered: () => answered,
    failed,
    close: () => {
      for (const connection of connections) connection.close();
    },
  };
}
