/** A broker for tests of the load driver: one topic in memory, the three requests that the driver sends, by Chronik's codec. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { APIS, type Api } from "../../src/protocol/apis.ts";
import { decodeRequest, decodeRequestHeader, encodeResponse } from "../../src/protocol/codec/frame.ts";
import type { Message, MessageInput } from "../../src/protocol/codec/message.ts";
import { Reader } from "../../src/protocol/codec/reader.ts";
import { Writer } from "../../src/protocol/codec/writer.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { batchOffsetCount, setBatchBaseOffset } from "../../src/protocol/record-batch.ts";
import type { BrokerAddress } from "./connection.ts";

const LENGTH_BYTES = 4;

/** What is wrong with it. */
export interface Fault {
  /** Of the answer to the n-th produce request, counted from 1. */
  readonly produceError?: { readonly request: number; readonly code: number };
  /** The first batch that is fetched comes a second time. */
  readonly repeats?: boolean;
  /** So many fetches that ask for a session get none. */
  readonly fetchesWithoutSession?: number;
}

interface Stored {
  readonly baseOffset: number;
  readonly bytes: Buffer;
}

interface FetchedPartition {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly records: readonly Buffer[];
}

/** Answers a fetch; false while there is nothing. */
type Parked = () => boolean;

export class FakeBroker {
  readonly #server: Server;
  readonly #fault: Fault;
  readonly #sockets = new Set<Socket>();
  readonly #batches: Stored[][];
  readonly #ends: number[];
  /** Where each fetch session stands. */
  readonly #sessions = new Map<number, { nextEpoch: number; readonly positions: Map<number, number> }>();
  #refusedSessions = 0;
  readonly #parked = new Set<Parked>();
  #answersEmpty = false;
  #produced = 0;

  private constructor(partitions: number, fault: Fault) {
    this.#fault = fault;
    this.#batches = Array.from({ length: partitions }, () => []);
    this.#ends = this.#batches.map(() => 0);
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(partitions: number, fault: Fault = {}): Promise<FakeBroker> {
    const broker = new FakeBroker(partitions, fault);
    broker.#server.listen(0, "127.0.0.1");
    await once(broker.#server, "listening");
    return broker;
  }

  get address(): BrokerAddress {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the fake broker does not listen");
    return { host: "127.0.0.1", port: address.port };
  }

  /** The first fetch of each session is answered at once, empty or not: its time is up. */
  answerEmpty(): void {
    this.#answersEmpty = true;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let bytes = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= LENGTH_BYTES && bytes.length >= LENGTH_BYTES + bytes.readInt32BE(0)) {
        const end = LENGTH_BYTES + bytes.readInt32BE(0);
        this.#handle(socket, new Reader(bytes, LENGTH_BYTES, end));
        bytes = bytes.subarray(end);
      }
    });
  }

  #handle(socket: Socket, reader: Reader): void {
    const { apiKey, apiVersion, correlationId } = decodeRequestHeader(reader);
    const answer = <A extends Api>(api: A, body: MessageInput<A["response"]>): void => {
      socket.write(Buffer.concat(encodeResponse(api, apiVersion, correlationId, body, new Writer()).parts));
    };
    if (apiKey === APIS.produce.key) {
      answer(APIS.produce, this.#produce(decodeRequest(APIS.produce, apiVersion, reader)));
      for (const parked of this.#parked) if (parked()) this.#parked.delete(parked);
    } else if (apiKey === APIS.fetch.key) {
      this.#fetch(decodeRequest(APIS.fetch, apiVersion, reader), (body) => answer(APIS.fetch, body));
    } else {
      throw new Error(`the fake broker has no API ${apiKey}`);
    }
  }

  #produce({ topicData }: Message<typeof APIS.produce.request>): MessageInput<typeof APIS.produce.response> {
    this.#produced++;
    const { produceError } = this.#fault;
    const errorCode = produceError?.request === this.#produced ? produceError.code : 0;
    const responses = topicData.map(({ name, partitionData }) => ({
      name,
      partitionResponses: partitionData.map(({ index, records }) => {
        const bytes = Buffer.concat(records ?? []);
        const baseOffset = this.#ends[index]!;
        setBatchBaseOffset(bytes, 0, baseOffset);
        this.#batches[index]!.push({ baseOffset, bytes });
        this.#ends[index] = baseOffset + batchOffsetCount(bytes, 0);
        return { index, errorCode, baseOffset };
      }),
    }));
    return { responses, throttleTimeMs: 0 };
  }

  #fetch(
    { sessionId, sessionEpoch, topics, maxWaitMs }: Message<typeof APIS.fetch.request>,
    answer: (body: MessageInput<typeof APIS.fetch.response>) => void,
  ): void {
    const isRefused = sessionEpoch === 0 && this.#refusedSessions < (this.#fault.fetchesWithoutSession ?? 0);
    if (isRefused) this.#refusedSessions += 1;
    const id = isRefused ? 0 : sessionEpoch === 0 ? this.#sessions.size + 1 : sessionId;
    const session = this.#sessions.get(id) ?? { nextEpoch: 0, positions: new Map<number, number>() };
    if (sessionEpoch > 0 && sessionEpoch !== session.nextEpoch) {
      answer({ throttleTimeMs: 0, errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH, sessionId: id, responses: [] });
      return;
    }
    session.nextEpoch = sessionEpoch + 1;
    if (sessionEpoch >= 0 && !isRefused) this.#sessions.set(id, session);
    const { positions } = session;
    for (const { partition, fetchOffset } of topics.flatMap((topic) => topic.partitions)) {
      positions.set(partition, Number(fetchOffset));
    }
    const parked: Parked = () => {
      const found = [...positions].map(([partition, offset]) => this.#read(partition, offset));
      const isEmpty = found.every(({ records }) => records.length === 0);
      if (isEmpty && maxWaitMs > 0 && !(this.#answersEmpty && sessionEpoch === 0)) return false;
      answer({ throttleTimeMs: 0, errorCode: 0, sessionId: id, responses: [{ topic: "t", partitions: found }] });
      return true;
    };
    if (!parked()) this.#parked.add(parked);
  }

  #read(partition: number, offset: number): FetchedPartition {
    const wanted = this.#batches[partition]!.filter(({ baseOffset }) => baseOffset >= offset).map(({ bytes }) => bytes);
    const records = this.#fault.repeats === true && wanted.length > 0 ? [wanted[0]!, ...wanted] : wanted;
    return { partitionIndex: partition, errorCode: 0, highWatermark: this.#ends[partition]!, records };
  }
}
