/** One of the two brokers, as a sequence sees it: its connections, and the ids that it has given out. */
import { ConnectionLost, KafkaClient } from "../../sim/kafka-client.ts";
import { type Uuid, ZERO_UUID } from "../../src/base/uuid.ts";
import type { Api } from "../../src/protocol/apis.ts";
import type { MessageInput } from "../../src/protocol/codec/message.ts";
import { tcpConnection } from "../system/broker-process.ts";

/** A decoded answer, or the news that the broker closed the connection instead. */
export type Outcome = unknown;
export const CLOSED = "connection closed";

/** An id that no broker has given out. */
const UNKNOWN_ID = "0123456789abcdef" as Uuid;

export class Side {
  readonly name: string;
  readonly #port: number;
  readonly #clients = new Map<string, KafkaClient>();
  readonly #topicIds = new Map<string, Uuid>();
  /** What requests put away for later ones: member ids, producer ids, fetch sessions. */
  readonly #kept = new Map<string, unknown>();

  constructor(name: string, port: number) {
    this.name = name;
    this.#port = port;
  }

  /** The id that the topic has, or had when it was there last. */
  topicId(topic: string): Uuid {
    return this.#topicIds.get(topic) ?? UNKNOWN_ID;
  }

  kept<T>(key: string, otherwise: T): T {
    return (this.#kept.get(key) as T | undefined) ?? otherwise;
  }

  keep(key: string, value: unknown): void {
    this.#kept.set(key, value);
  }

  /** Asks on the connection of this name, which is opened when it is not there. */
  async ask<A extends Api>(
    api: A,
    version: number,
    body: MessageInput<A["request"]>,
    connection = "main",
  ): Promise<Outcome> {
    try {
      const answer: unknown = await this.#client(connection).request(api, version, body);
      this.#learnTopicIds(answer);
      return answer;
    } catch (error) {
      if (error instanceof ConnectionLost) return CLOSED;
      throw error;
    }
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #client(connection: string): KafkaClient {
    const open = this.#clients.get(connection);
    if (open?.isOpen === true) return open;
    const client = new KafkaClient(tcpConnection(this.#port));
    this.#clients.set(connection, client);
    return client;
  }

  #learnTopicIds(value: unknown): void {
    if (Array.isArray(value)) for (const each of value) this.#learnTopicIds(each);
    if (!isStruct(value)) return;
    const { name, topicId } = value;
    if (typeof name === "string" && typeof topicId === "string" && topicId !== ZERO_UUID) {
      this.#topicIds.set(name, topicId as Uuid);
    }
    for (const each of Object.values(value)) this.#learnTopicIds(each);
  }
}

export type Struct = Readonly<Record<string, unknown>>;

export function isStruct(value: unknown): value is Struct {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}
