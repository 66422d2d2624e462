/**
 * A Kafka client for simulations: one connection, requests out, answers in, in the order in which they were asked.
 *
 * It knows the protocol and nothing else: no retries, no metadata, no batching. What a client does about a lost answer
 * is what scenarios are about.
 */
import { assert } from "../src/base/assert.ts";
import type { Api } from "../src/protocol/apis.ts";
import { decodeResponse, encodeRequest } from "../src/protocol/codec/frame.ts";
import type { Message, MessageInput } from "../src/protocol/codec/message.ts";
import { Reader } from "../src/protocol/codec/reader.ts";
import { Writer } from "../src/protocol/codec/writer.ts";
import type { SimConnection } from "./sim-network.ts";

/** The connection ended before the answer came: the request was carried out, or not. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";

  constructor() {
    super("the connection ended before the answer came");
  }
}

interface Asked {
  readonly correlationId: number;
  readonly answered: (reader: Reader) => void;
  readonly lost: () => void;
}

const SIZE_BYTES = 4;

export class KafkaClient {
  readonly #connection: SimConnection;
  readonly #asked: Asked[] = [];
  /** What has arrived of the next frame, and its size once that is known. */
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #wantedBytes = SIZE_BYTES;
  #nextCorrelationId = 1;
  #open = true;

  constructor(connection: SimConnection) {
    this.#connection = connection;
    connection.onData = (bytes) => this.#received(bytes);
    connection.onClosed = () => this.#ended();
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /**
   * Sends a request at once; many may be under way.
   * @throws ConnectionLost (by rejecting) when there will be no answer.
   */
  request<A extends Api>(api: A, version: number, body: MessageInput<A["request"]>): Promise<Message<A["response"]>> {
    const answer = Promise.withResolvers<Message<A["response"]>>();
    answer.promise.catch(() => undefined); // whoever awaits it is told; not everybody does
    if (!this.#open) {
      answer.reject(new ConnectionLost());
      return answer.promise;
    }
    const correlationId = this.#send(api, version, body);
    this.#asked.push({
      correlationId,
      answered: (reader) => {
        const response = decodeResponse(api, version, reader);
        assert(
          response.correlationId === correlationId,
          `answer ${response.correlationId} to request ${correlationId}`,
        );
        answer.resolve(response.body);
      },
      lost: () => answer.reject(new ConnectionLost()),
    });
    return answer.promise;
  }

  /** Sends a request that has no answer (produce with acks=0). */
  post<A extends Api>(api: A, version: number, body: MessageInput<A["request"]>): void {
    if (this.#open) this.#send(api, version, body);
  }

  /** Leaves in good order. */
  close(): void {
    this.#connection.close();
    this.#ended();
  }

  /** Breaks off: what is under way is lost. */
  reset(): void {
    this.#connection.reset();
    this.#ended();
  }

  #send<A extends Api>(api: A, version: number, body: MessageInput<A["request"]>): number {
    const correlationId = this.#nextCorrelationId++;
    const header = { apiVersion: version, correlationId, clientId: "simulated" };
    this.#connection.send(Buffer.concat(encodeRequest(api, header, body, new Writer()).parts));
    return correlationId;
  }

  #received(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#pieceBytes += bytes.length;
    while (this.#pieceBytes >= this.#wantedBytes) {
      const input = Buffer.concat(this.#pieces);
      const end = SIZE_BYTES + input.readInt32BE(0);
      this.#pieces = [input];
      this.#wantedBytes = end;
      if (input.length < end) return;
      this.#answered(new Reader(input, SIZE_BYTES, end));
      this.#pieces = [input.subarray(end)];
      this.#pieceBytes -= end;
      this.#wantedBytes = SIZE_BYTES;
    }
  }

  #answered(reader: Reader): void {
    const asked = this.#asked.shift();
    assert(asked !== undefined, "an answer that nobody asked for");
    asked.answered(reader);
  }

  #ended(): void {
    this.#open = false;
    for (const { lost } of this.#asked.splice(0)) lost();
  }
}
