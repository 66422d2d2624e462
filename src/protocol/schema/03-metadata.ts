/**
 * Tells brokers, topics, partitions and their leaders; may create the topics that are asked for.
 *
 * All topics: in version 0 an empty list, later null (and empty means none). Versions: 1 controller, racks, internal
 * topics · 2 cluster id · 4 whether to create topics · 5 offline replicas · 7 leader epoch · 8 permitted operations
 * (those of the cluster until 10) · 9 flexible · 10 topic ids in the answer · 12 asking by topic id · 13 an error for
 * the whole answer.
 */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, bool, defineMessage, int16, int32, string, uuid } from "../codec/schema.ts";

export const metadataRequest = defineMessage({
  name: "MetadataRequest",
  apiKey: 3,
  valid: "0-13",
  flexible: "9+",
  fields: {
    topics: array({ nullable: "1+" })({
      topicId: uuid({ versions: "10+", ignorable: true }),
      name: string({ nullable: "10+" }),
    }),
    allowAutoTopicCreation: bool({ versions: "4+", default: true }),
    includeClusterAuthorizedOperations: bool({ versions: "8-10" }),
    includeTopicAuthorizedOperations: bool({ versions: "8+" }),
  },
});
export type MetadataRequest = Message<typeof metadataRequest>;

export const metadataResponse = defineMessage({
  name: "MetadataResponse",
  apiKey: 3,
  valid: "0-13",
  flexible: "9+",
  fields: {
    throttleTimeMs: int32({ versions: "3+", ignorable: true }),
    brokers: array()({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ versions: "1+", nullable: "0+", default: null, ignorable: true }),
    }),
    clusterId: string({ versions: "2+", nullable: "0+", default: null, ignorable: true }),
    controllerId: int32({ versions: "1+", default: -1, ignorable: true }),
    topics: array()({
      errorCode: int16(),
      name: string({ nullable: "12+" }),
      topicId: uuid({ versions: "10+", ignorable: true }),
      isInternal: bool({ versions: "1+", ignorable: true }),
      partitions: array()({
        errorCode: int16(),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ versions: "7+", default: -1, ignorable: true }),
        replicaNodes: arrayOf(int32()),
        isrNodes: arrayOf(int32()),
        offlineReplicas: arrayOf(int32(), { versions: "5+", ignorable: true }),
      }),
      topicAuthorizedOperations: int32({ versions: "8+", default: -2147483648 }),
    }),
    clusterAuthorizedOperations: int32({ versions: "8-10", default: -2147483648 }),
    errorCode: int16({ versions: "13+", ignorable: true }),
  },
});
export type MetadataResponse = Message<typeof metadataResponse>;
