/** The two requests of the hot path, as clients send them, and their answers. */
import { newUuid } from "../../src/base/uuid.ts";
import { createNodeRandom } from "../../src/io/node-random.ts";
import { APIS, type Api } from "../../src/protocol/apis.ts";
import { decodeRequest, decodeRequestHeader, encodeRequest, encodeResponse } from "../../src/protocol/codec/frame.ts";
import type { MessageInput } from "../../src/protocol/codec/message.ts";
import { Reader } from "../../src/protocol/codec/reader.ts";
import { Writer } from "../../src/protocol/codec/writer.ts";
import { encodeBatch } from "../load/record-batch.ts";
import type { MicroBench } from "./harness.ts";

/** Of Kafka 4.2's own clients. */
const PRODUCE_VERSION = 13;
const FETCH_VERSION = 17;
const SIZE_PREFIX_BYTES = 4;
const TOPIC_ID = newUuid(createNodeRandom());
const PARTITION_MAX_BYTES = 1_048_576;

const writer = new Writer();
const indexes = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

export function codecBenches(): MicroBench[] {
  return [
    decoding("decode Produce, 1 batch of 16 KiB", APIS.produce, PRODUCE_VERSION, produceBody(1, 16 * 1024)),
    decoding("decode Produce, 20 batches of 1 KiB", APIS.produce, PRODUCE_VERSION, produceBody(20, 1024)),
    encoding("encode Produce answer, 1 partition", APIS.produce, PRODUCE_VERSION, produceAnswer(1)),
    encoding("encode Produce answer, 20 partitions", APIS.produce, PRODUCE_VERSION, produceAnswer(20)),
    decoding("decode Fetch in a session, nothing moved", APIS.fetch, FETCH_VERSION, fetchBody(0)),
    decoding("decode Fetch, 1000 partitions", APIS.fetch, FETCH_VERSION, fetchBody(1000)),
    encoding("encode Fetch answer, 6 partitions of 16 KiB", APIS.fetch, FETCH_VERSION, fetchAnswer(6, 16 * 1024)),
    encoding("encode Fetch answer, 1000 empty partitions", APIS.fetch, FETCH_VERSION, fetchAnswer(1000, 0)),
  ];
}

function decoding<A extends Api>(name: string, api: A, version: number, body: MessageInput<A["request"]>): MicroBench {
  const header = { apiVersion: version, correlationId: 7, clientId: "producer-1" };
  const frame = Buffer.concat(encodeRequest(api, header, body, writer).parts);
  return {
    name,
    run: () => {
      const reader = new Reader(frame, SIZE_PREFIX_BYTES);
      const { apiVersion } = decodeRequestHeader(reader);
      return decodeRequest(api, apiVersion, reader);
    },
  };
}

function encoding<A extends Api>(name: string, api: A, version: number, body: MessageInput<A["response"]>): MicroBench {
  return { name, run: () => encodeResponse(api, version, 7, body, writer) };
}

function produceBody(batches: number, batchSizeBytes: number): MessageInput<typeof APIS.produce.request> {
  const { bytes: records } = encodeBatch({ recordSizeBytes: 100, batchSizeBytes });
  const partitionData = indexes(batches).map((index) => ({ index, records: [records] }));
  return { acks: -1, timeoutMs: 30_000, topicData: [{ topicId: TOPIC_ID, partitionData }] };
}

function produceAnswer(partitions: number): MessageInput<typeof APIS.produce.response> {
  const partitionResponses = indexes(partitions).map((index) => ({
    index,
    errorCode: 0,
    baseOffset: 1_000_000 + index,
    logStartOffset: 0,
  }));
  return { responses: [{ topicId: TOPIC_ID, partitionResponses }], throttleTimeMs: 0 };
}

function fetchBody(partitions: number): MessageInput<typeof APIS.fetch.request> {
  const asked = indexes(partitions).map((partition) => ({
    partition,
    fetchOffset: 1_000_000,
    partitionMaxBytes: PARTITION_MAX_BYTES,
  }));
  return {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 50 * PARTITION_MAX_BYTES,
    isolationLevel: 0,
    sessionId: 4711,
    sessionEpoch: 12,
    topics: partitions === 0 ? [] : [{ topicId: TOPIC_ID, partitions: asked }],
    forgottenTopicsData: [],
    rackId: "",
  };
}

function fetchAnswer(partitions: number, sizeBytes: number): MessageInput<typeof APIS.fetch.response> {
  const answered = indexes(partitions).map((partitionIndex) => ({
    partitionIndex,
    errorCode: 0,
    highWatermark: 1_000_100,
    lastStableOffset: 1_000_100,
    logStartOffset: 0,
    abortedTransactions: null,
    records: [Buffer.alloc(sizeBytes, 1)],
  }));
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    sessionId: 4711,
    responses: [{ topicId: TOPIC_ID, partitions: answered }],
  };
}
