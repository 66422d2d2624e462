/**
 * Moves partitions to other brokers, or cancels that with null (KIP-455). Version 1 may permit another replication
 * factor.
 */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, bool, defineMessage, int16, int32, string } from "../codec/schema.ts";

export const alterPartitionReassignmentsRequest = defineMessage({
  name: "AlterPartitionReassignmentsRequest",
  apiKey: 45,
  valid: "0-1",
  flexible: "0+",
  fields: {
    timeoutMs: int32({ default: 60000 }),
    allowReplicationFactorChange: bool({ versions: "1+", default: true }),
    topics: array()({
      name: string(),
      partitions: array()({
        partitionIndex: int32(),
        replicas: arrayOf(int32(), { nullable: "0+", default: null }),
      }),
    }),
  },
});
export type AlterPartitionReassignmentsRequest = Message<typeof alterPartitionReassignmentsRequest>;

export const alterPartitionReassignmentsResponse = defineMessage({
  name: "AlterPartitionReassignmentsResponse",
  apiKey: 45,
  valid: "0-1",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    allowReplicationFactorChange: bool({ versions: "1+", default: true, ignorable: true }),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    responses: array()({
      name: string(),
      partitions: array()({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: "0+" }),
      }),
    }),
  },
});
export type AlterPartitionReassignmentsResponse = Message<typeof alterPartitionReassignmentsResponse>;
