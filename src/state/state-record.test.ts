import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compatParagraphs } from "../../test/compat-data/read.ts";
import { arbitraryMessage } from "../../test/protocol-spec/arbitrary-message.ts";
import { uuidFromBytes, ZERO_UUID } from "../base/uuid.ts";
import { NO_STATE_POSITION } from "../log/wal-record.ts";
import { MalformedMessage } from "../protocol/codec/reader.ts";
import type { MessageSchema } from "../protocol/codec/schema.ts";
import { Writer } from "../protocol/codec/writer.ts";
import {
  decodeSlice,
  decodeStateRecord,
  encodeSlice,
  encodeStateRecord,
  SLICES,
  type Slice,
  STATE_RECORDS,
  type StateRecord,
  UnknownStateError,
} from "./state-record.ts";

const RUNS = { seed: 1, numRuns: 50 };
const TOPIC_ID = uuidFromBytes(Buffer.from("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", "hex"), 0);
const SEGMENT_ID = uuidFromBytes(Buffer.from("b0b1b2b3b4b5b6b7b8b9babbbcbdbebf", "hex"), 0);
const CLUSTER_ID = "5L6g3nShT-eMCtK--X86sw";
const INCARNATION = 0xabcdef012345;
const TYPE_BYTES = 2;

const CLASSIC_GROUP = {
  generation: 7,
  protocolType: "consumer",
  protocolName: "range",
  leader: "a-1",
  stateTimestamp: 1_700_000_000_000,
  members: [
    {
      memberId: "a-1",
      instanceId: "a",
      clientId: "c",
      clientHost: "/127.0.0.1",
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      protocols: [{ name: "range", metadata: Buffer.of(0, 255) }],
      assignment: Buffer.of(1),
    },
  ],
};

const PARTITIONS = [{ topicId: TOPIC_ID, partitions: [0, 3, 2 ** 31 - 1] }];
const TARGETS = [
  { memberId: "m-1", partitions: PARTITIONS },
  { memberId: "m-2", partitions: [] },
];
const CONSUMER_MEMBER = {
  memberId: "m-1",
  instanceId: null,
  rackId: null,
  clientId: "app",
  clientHost: "/127.0.0.1",
  rebalanceTimeoutMs: 300_000,
  serverAssignor: "uniform",
  subscribedTopicNames: ["orders", "payments"],
  subscribedTopicRegex: null,
  classic: null,
  memberEpoch: 9,
  previousMemberEpoch: 8,
  state: 2,
  assigned: PARTITIONS,
  pendingRevocation: [{ topicId: TOPIC_ID, partitions: [1] }],
};
const CLASSIC_MEMBER = {
  ...CONSUMER_MEMBER,
  memberId: "m-2",
  instanceId: "i-2",
  rackId: "r",
  serverAssignor: null,
  subscribedTopicNames: [],
  subscribedTopicRegex: "ord.*",
  classic: { sessionTimeoutMs: 45_000, protocols: [{ name: "range", metadata: Buffer.from("meta") }] },
  memberEpoch: -2,
  state: 1,
  assigned: [],
  pendingRevocation: [],
};

const SEGMENT = {
  id: SEGMENT_ID,
  walPosition: 2 ** 40,
  level: 2,
  batchBytes: 2 ** 32,
  parts: [{ kind: 1, sizeBytes: 2 ** 33, crc: 0xdeadbeef }],
};

const RANGE = {
  firstOffset: 5,
  endOffset: 2 ** 40,
  sizeBytes: 12_345,
  maxTimestamp: 1_700_000_000_000,
  at: 80,
  rows: 2,
  crc: 0xdeadbeef,
};

const RECORDS: readonly StateRecord[] = [
  { type: 1, value: { clusterId: CLUSTER_ID } },
  { type: 2, value: { brokerId: 1, incarnation: INCARNATION } },
  {
    type: 3,
    value: { topicId: TOPIC_ID, name: "orders", partitions: 3, configs: [{ key: "retention.ms", value: "-1" }] },
  },
  { type: 4, value: { topicId: TOPIC_ID } },
  { type: 5, value: { topicId: TOPIC_ID, partitions: 6 } },
  {
    type: 6,
    value: {
      type: 2,
      name: "orders",
      entries: [
        { key: "retention.ms", value: "1000" },
        { key: "cleanup.policy", value: null },
      ],
    },
  },
  { type: 7, value: { next: 2000 } },
  { type: 8, value: { topicId: TOPIC_ID, partition: 2, offset: 2 ** 40 } },
  { type: 9, value: { topicId: TOPIC_ID, partition: 2, producerIds: [7, 2n ** 62n] } },
  {
    type: 10,
    value: {
      segments: [SEGMENT],
      topics: [
        {
          topicId: TOPIC_ID,
          partitions: [
            { partition: 2, from: 5, to: 2 ** 40, cleanedTo: -1, horizonMs: -1, ranges: [{ segment: 0, ...RANGE }] },
            { partition: 3, from: 0, to: 9, cleanedTo: 9, horizonMs: 1_700_000_000_000, ranges: [] },
          ],
        },
      ],
    },
  },
  {
    type: 20,
    value: {
      groupId: "readers",
      commitTimestamp: 1_700_000_000_000,
      expireTimestamp: -1,
      topics: [
        {
          topicId: TOPIC_ID,
          partitions: [
            { partition: 2, offset: 2 ** 40, leaderEpoch: 3, metadata: "m" },
            { partition: 0, offset: -7, leaderEpoch: -1, metadata: "" },
          ],
        },
      ],
    },
  },
  { type: 21, value: { groupId: "readers", topics: [{ topicId: TOPIC_ID, partitions: [2, 0] }] } },
  { type: 22, value: { groupId: "readers" } },
  { type: 23, value: { groupId: "readers", ...CLASSIC_GROUP } },
  { type: 24, value: { groupId: "readers", generation: 8 } },
  { type: 25, value: { groupId: "readers", ...CONSUMER_MEMBER } },
  { type: 25, value: { groupId: "readers", ...CLASSIC_MEMBER } },
  { type: 26, value: { groupId: "readers", memberIds: ["m-1", "m-2"] } },
  { type: 27, value: { groupId: "readers", epoch: 9, assignmentEpoch: 8, targets: TARGETS } },
];

const CONSUMERS = { epoch: 9, assignmentEpoch: 8, targets: TARGETS, members: [CONSUMER_MEMBER, CLASSIC_MEMBER] };
const GROUP_SLICE = {
  groupId: "readers",
  lastGeneration: 8,
  classic: [CLASSIC_GROUP],
  consumer: [],
  offsets: [
    {
      topicId: TOPIC_ID,
      partitions: [
        {
          partition: 2,
          offset: 2 ** 40,
          leaderEpoch: 3,
          metadata: "m",
          commitTimestamp: 1_700_000_000_000,
          expireTimestamp: -1,
        },
      ],
    },
  ],
  stampedAt: 2 ** 33 + 80,
};

const SNAPSHOT: readonly Slice[] = [
  {
    type: 1,
    value: {
      clusterId: CLUSTER_ID,
      starts: 4,
      nextProducerId: 2000,
      previousStatePosition: 2 ** 33 + 1,
      configs: [{ type: 4, name: "1", entries: [{ key: "log.retention.ms", value: "5" }] }],
      stampedAt: 2 ** 33 + 77,
    },
  },
  { type: 2, value: { base: 0, end: 2 ** 33, incarnation: INCARNATION } },
  {
    type: 3,
    value: {
      topicId: TOPIC_ID,
      name: "orders",
      createdAtStart: 2,
      partitions: 1,
      configs: [{ key: "retention.ms", value: "-1" }],
      stampedAt: 2 ** 33 + 78,
    },
  },
  {
    type: 4,
    value: {
      topicId: TOPIC_ID,
      partition: 0,
      logStartOffset: 5,
      endOffset: 2 ** 40,
      epochs: [
        { epoch: 1, startOffset: 5 },
        { epoch: 3, startOffset: 100 },
      ],
      ranges: [
        {
          file: 0,
          segment: ZERO_UUID,
          firstOffset: 5,
          endOffset: 2 ** 40,
          sizeBytes: 12_345,
          maxTimestamp: 1_700_000_000_000,
          at: 80,
          rows: 2,
          crc: 0xdeadbeef,
        },
      ],
      producers: [
        {
          producerId: 77,
          epoch: 3,
          batches: [
            {
              firstSequence: 2 ** 31 - 2,
              lastSequence: 0,
              baseOffset: 2 ** 40 - 3,
              endOffset: 2 ** 40,
              timestamp: 1_700_000_000_000,
            },
          ],
        },
      ],
      cleanedTo: 0,
      horizonMs: -1,
      stampedAt: 2 ** 33 + 79,
    },
  },
  { type: 5, value: SEGMENT },
  { type: 20, value: GROUP_SLICE },
  { type: 20, value: { ...GROUP_SLICE, classic: [], consumer: [CONSUMERS] } },
];

function encoded(record: StateRecord): Buffer {
  return Buffer.concat(encodeStateRecord(record, new Writer()));
}

test("reads and writes the released bytes of every type of record", () => {
  const released = [
    "state-records-v0.hex",
    "segment-records-v0.hex",
    "group-records-v0.hex",
    "consumer-group-records-v0.hex",
  ].flatMap(compatParagraphs);
  assert.deepEqual(
    released.map((bytes) => decodeStateRecord(bytes.readUInt16LE(), bytes.subarray(TYPE_BYTES))),
    RECORDS,
  );
  assert.deepEqual(
    RECORDS.map(encoded),
    released.map((bytes) => bytes.subarray(TYPE_BYTES)),
  );
  assert.deepEqual(
    [...new Set(RECORDS.map(({ type }) => type))],
    Object.keys(STATE_RECORDS).map(Number),
    "there are bytes of every type",
  );
});

test("reads and writes the released bytes of every type of slice", () => {
  const [v0, v1] = [compatParagraphs("snapshot-slices-v0.hex"), compatParagraphs("snapshot-slices-v1.hex")];
  const released = [...v0.slice(0, 3), ...v1, ...compatParagraphs("group-slice-v1.hex")];
  assert.deepEqual(released.map(decodeSlice), SNAPSHOT);
  assert.deepEqual(
    SNAPSHOT.map((slice) => encodeSlice(slice, new Writer())),
    released,
  );
  assert.deepEqual(
    [...new Set(SNAPSHOT.map(({ type }) => type))],
    Object.keys(SLICES).map(Number),
    "there are bytes of every type",
  );
});

test("reads a partition of before there were segments", () => {
  const partition = SNAPSHOT.find(({ type }) => type === 4);
  assert.deepEqual(decodeSlice(compatParagraphs("snapshot-slices-v0.hex")[3]!), partition);
});

test("reads a group of before there were consumer groups", () => {
  const [released] = compatParagraphs("group-slice-v0.hex");
  assert.deepEqual(decodeSlice(released!), { type: 20, value: GROUP_SLICE });
});

test("every record and slice survives a round trip", () => {
  for (const [type, schema] of Object.entries(STATE_RECORDS)) {
    const roundTrip = fc.property(arbitraryMessage(schema as MessageSchema, 0), (value) => {
      const record = { type: Number(type), value } as unknown as StateRecord;
      assert.deepEqual(decodeStateRecord(record.type, encoded(record)), record);
    });
    fc.assert(roundTrip, RUNS);
  }
  for (const [type, schema] of Object.entries(SLICES)) {
    const roundTrip = fc.property(arbitraryMessage(schema as MessageSchema, schema.valid.max), (value) => {
      const slice = { type: Number(type), value } as unknown as Slice;
      assert.deepEqual(decodeSlice(encodeSlice(slice, new Writer())), slice);
    });
    fc.assert(roundTrip, RUNS);
  }
});

test("a position of no state record, and the largest there is, survive", () => {
  const slice = {
    ...SNAPSHOT[0]!,
    value: { ...SNAPSHOT[0]!.value, previousStatePosition: NO_STATE_POSITION },
  } as Slice;
  assert.deepEqual(decodeSlice(encodeSlice(slice, new Writer())), slice);
});

test("a type or version of a newer program is named, with what to do", () => {
  const { type, value } = RECORDS[3]!;
  const newer = encoded({ type, value } as StateRecord);
  newer[0] = 1;
  for (const read of [
    () => decodeStateRecord(11, encoded(RECORDS[3]!)),
    () => decodeStateRecord(0, encoded(RECORDS[3]!)),
    () => decodeStateRecord(4, newer),
    () => decodeSlice(Buffer.of(6, 0)),
    () => decodeSlice(Buffer.concat([Buffer.of(2, 1), Buffer.alloc(24)])),
  ]) {
    assert.throws(read, (error) => {
      assert.ok(error instanceof UnknownStateError);
      assert.match(error.message, /start the newer version/);
      return true;
    });
  }
});

test("any bytes give a record, UnknownStateError or MalformedMessage", () => {
  const types = fc.constantFrom(...Object.keys(STATE_RECORDS).map(Number));
  fc.assert(
    fc.property(types, fc.uint8Array({ maxLength: 80 }), (type, bytes) => {
      for (const read of [
        () => decodeStateRecord(type, Buffer.from(bytes)),
        () => decodeSlice(Buffer.from([type, ...bytes])),
      ]) {
        try {
          read();
        } catch (error) {
          assert.ok(error instanceof UnknownStateError || error instanceof MalformedMessage, String(error));
        }
      }
    }),
    { seed: 1, numRuns: 1000 },
  );
});
