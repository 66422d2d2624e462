/** Frames against bytes worked out by hand from Kafka's protocol guide. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { uuidFromBytes, ZERO_UUID } from "../../base/uuid.ts";
import { APIS } from "../apis.ts";
import { ErrorCode } from "../errors.ts";
import { decodeRequest, decodeRequestHeader, decodeResponse, encodeRequest, encodeResponse } from "./frame.ts";
import { MalformedMessage, Reader } from "./reader.ts";
import { type EncodedMessage, Writer } from "./writer.ts";

const SIZE_BYTES = 4;
const TOPIC_ID_HEX = "00112233445566778899aabbccddeeff";
const TOPIC_ID = uuidFromBytes(Buffer.from(TOPIC_ID_HEX, "hex"), 0);

/** Bytes from hex, in which spaces and line ends count for nothing and 'text' stands for its ASCII bytes. */
function golden(notation: string): Buffer {
  const hex = notation.replaceAll(/'([^']*)'/g, (_, text: string) => Buffer.from(text).toString("hex"));
  return Buffer.from(hex.replaceAll(/\s/g, ""), "hex");
}

function assertBytes({ parts, sizeBytes }: EncodedMessage, expected: Buffer): void {
  assert.equal(Buffer.concat(parts).toString("hex"), expected.toString("hex"));
  assert.equal(sizeBytes, expected.length);
}

/** What a server sees of a frame. */
function openFrame(frame: Buffer): Reader {
  assert.equal(frame.readInt32BE(0), frame.length - SIZE_BYTES);
  return new Reader(frame, SIZE_BYTES);
}

test("ApiVersions 0: request header 1, response header 0", () => {
  const request = golden("0000000d 0012 0000 00000001 0003 'abc'");
  assertBytes(
    encodeRequest(APIS.apiVersions, { apiVersion: 0, correlationId: 1, clientId: "abc" }, {}, new Writer()),
    request,
  );
  const reader = openFrame(request);
  assert.deepEqual(decodeRequestHeader(reader), { apiKey: 18, apiVersion: 0, correlationId: 1, clientId: "abc" });
  assert.deepEqual(decodeRequest(APIS.apiVersions, 0, reader), { clientSoftwareName: "", clientSoftwareVersion: "" });

  const response = golden("00000010 00000001 0023 00000001 0012 0000 0004");
  const body = {
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
    apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }],
  };
  assertBytes(encodeResponse(APIS.apiVersions, 0, 1, body, new Writer()), response);
});

test("ApiVersions 3: request header 2, but response header 0; tagged fields", () => {
  const request = golden("00000014 0012 0003 00000002 0003 'abc' 00  02 'x' 03 '17' 00");
  const software = { clientSoftwareName: "x", clientSoftwareVersion: "17" };
  assertBytes(
    encodeRequest(APIS.apiVersions, { apiVersion: 3, correlationId: 2, clientId: "abc" }, software, new Writer()),
    request,
  );
  const reader = openFrame(request);
  assert.equal(decodeRequestHeader(reader).clientId, "abc");
  assert.deepEqual(decodeRequest(APIS.apiVersions, 3, reader), software);

  const response = golden(`
    00000034 00000002
    0000  02 0012 0000 0004 00  00000000
    03
      00 12 02 0c 'transaction' 0000 0002 00
      01 08 0000000000000005
      03 01 01
  `);
  const body = {
    apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }],
    supportedFeatures: [{ name: "transaction", minVersion: 0, maxVersion: 2 }],
    finalizedFeaturesEpoch: 5,
    zkMigrationReady: true,
  };
  assertBytes(encodeResponse(APIS.apiVersions, 3, 2, body, new Writer()), response);
  const decoded = decodeResponse(APIS.apiVersions, 3, openFrame(response));
  assert.equal(decoded.correlationId, 2);
  assert.deepEqual(decoded.body, { errorCode: 0, throttleTimeMs: 0, finalizedFeatures: [], ...body });
});

test("Metadata 0: every length in its old form, an empty list of topics", () => {
  const request = golden("0000000e 0003 0000 00000007 ffff 00000000");
  assertBytes(encodeRequest(APIS.metadata, { apiVersion: 0, correlationId: 7 }, {}, new Writer()), request);
  const reader = openFrame(request);
  assert.equal(decodeRequestHeader(reader).clientId, null);
  assert.deepEqual(decodeRequest(APIS.metadata, 0, reader).topics, []);

  const response = golden(`
    00000036 00000007
    00000001 00000001 0001 'h' 00002384
    00000001 0000 0001 't'
      00000001 0000 00000000 00000001 00000001 00000001 00000000
  `);
  const body = {
    brokers: [{ nodeId: 1, host: "h", port: 9092 }],
    topics: [{ name: "t", partitions: [{ partitionIndex: 0, leaderId: 1, replicaNodes: [1] }] }],
  };
  assertBytes(encodeResponse(APIS.metadata, 0, 7, body, new Writer()), response);
});

test("Metadata 12: compact lengths, null apart from empty, topics by id", () => {
  const everything = golden("0000000f 0003 000c 00000007 ffff 00  00 01 00 00");
  const header = { apiVersion: 12, correlationId: 7 };
  assertBytes(encodeRequest(APIS.metadata, header, { topics: null }, new Writer()), everything);
  const reader = openFrame(everything);
  decodeRequestHeader(reader);
  assert.equal(decodeRequest(APIS.metadata, 12, reader).topics, null);

  const nothing = golden("0000000f 0003 000c 00000007 ffff 00  01 01 00 00");
  assertBytes(encodeRequest(APIS.metadata, header, { topics: [] }, new Writer()), nothing);

  const byId = golden(`00000021 0003 000c 00000007 ffff 00  02 ${TOPIC_ID_HEX} 00 00  01 00 00`);
  assertBytes(
    encodeRequest(APIS.metadata, header, { topics: [{ topicId: TOPIC_ID, name: null }] }, new Writer()),
    byId,
  );

  const response = golden(`
    00000054 00000007 00
    00000000
    02 00000001 02 'h' 00002384 00 00
    03 'id' 00000001
    02 0000 02 't' ${TOPIC_ID_HEX} 00
       02 0000 00000000 00000001 00000003 02 00000001 02 00000001 01 00
       80000000 00
    00
  `);
  const body = {
    brokers: [{ nodeId: 1, host: "h", port: 9092 }],
    clusterId: "id",
    controllerId: 1,
    topics: [
      {
        name: "t",
        topicId: TOPIC_ID,
        partitions: [{ leaderId: 1, leaderEpoch: 3, replicaNodes: [1], isrNodes: [1] }],
      },
    ],
  };
  assertBytes(encodeResponse(APIS.metadata, 12, 7, body, new Writer()), response);
});

test("record batches go out as views, not copies", () => {
  const batch = Buffer.alloc(5000, 1);
  const small = Buffer.alloc(10, 2);
  const body = { responses: [{ topic: "t", partitions: [{ partitionIndex: 0, records: [batch, small, batch] }] }] };
  const { parts, sizeBytes } = encodeResponse(APIS.fetch, 12, 1, body, new Writer());
  assert.equal(parts.filter((part) => part === batch).length, 2);
  const frame = Buffer.concat(parts);
  assert.equal(frame.length, sizeBytes);
  const [topic] = decodeResponse(APIS.fetch, 12, openFrame(frame)).body.responses;
  assert.deepEqual(topic?.partitions[0]?.records, [Buffer.concat([batch, small, batch])]);
});

test("the header of an unknown version or API can be read", () => {
  const tooNew = golden("00000020 0012 7fff 00000005 0001 'c' 00 ffffff").subarray(SIZE_BYTES);
  const expected = { apiKey: 18, apiVersion: 0x7fff, correlationId: 5, clientId: "c" };
  assert.deepEqual(decodeRequestHeader(new Reader(tooNew)), expected);
  const unknown = golden("7000 0000 00000006 ffff");
  const { apiKey, correlationId } = decodeRequestHeader(new Reader(unknown));
  assert.deepEqual({ apiKey, correlationId }, { apiKey: 0x7000, correlationId: 6 });
  for (let size = 0; size < unknown.length; size++) {
    assert.throws(() => decodeRequestHeader(new Reader(unknown.subarray(0, size))), MalformedMessage);
  }
});

test("bytes behind the body of a request are malformed", () => {
  assert.throws(() => decodeRequest(APIS.metadata, 0, new Reader(golden("00000000 00"))), MalformedMessage);
});

test("what fails to encode leaves the writer ready for the next message", () => {
  const writer = new Writer();
  const impossible = { topics: [{ name: "t", topicId: ZERO_UUID, errorCode: 0x8000 }] };
  assert.throws(() => encodeResponse(APIS.metadata, 12, 1, impossible, writer), /32768 is not an int16/);
  assertBytes(encodeResponse(APIS.apiVersions, 0, 1, {}, writer), golden("0000000a 00000001 0000 00000000"));
});
