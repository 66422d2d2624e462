/** Lists partitions that are being moved; null asks for all (KIP-455). */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, defineMessage, int16, int32, string } from "../codec/schema.ts";

export const listPartitionReassignmentsRequest = defineMessage({
  name: "ListPartitionReassignmentsRequest",
  apiKey: 46,
  valid: "0",
  flexible: "0+",
  fields: {
    timeoutMs: int32({ default: 60000 }),
    topics: array({ nullable: "0+", default: null })({
      name: string(),
      partitionIndexes: arrayOf(int32()),
    }),
  },
});
export type ListPartitionReassignmentsRequest = Message<typeof listPartitionReassignmentsRequest>;

export const listPartitionReassignmentsResponse = defineMessage({
  name: "ListPartitionReassignmentsResponse",
  apiKey: 46,
  valid: "0",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    topics: array()({
      name: string(),
      partitions: array()({
        partitionIndex: int32(),
        replicas: arrayOf(int32()),
        addingReplicas: arrayOf(int32()),
        removingReplicas: arrayOf(int32()),
      }),
    }),
  },
});
export type ListPartitionReassignmentsResponse = Message<typeof listPartitionReassignmentsResponse>;
