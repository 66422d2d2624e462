/**
 * Elects leaders of partitions again: the preferred replica or, from version 1, an unclean one. Version 2 is flexible.
 */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, defineMessage, int8, int16, int32, string } from "../codec/schema.ts";

export const electLeadersRequest = defineMessage({
  name: "ElectLeadersRequest",
  apiKey: 43,
  valid: "0-2",
  flexible: "2+",
  fields: {
    electionType: int8({ versions: "1+" }),
    topicPartitions: array({ nullable: "0+" })({
      topic: string(),
      partitions: arrayOf(int32()),
    }),
    timeoutMs: int32({ default: 60000 }),
  },
});
export type ElectLeadersRequest = Message<typeof electLeadersRequest>;

export const electLeadersResponse = defineMessage({
  name: "ElectLeadersResponse",
  apiKey: 43,
  valid: "0-2",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: "1+" }),
    replicaElectionResults: array()({
      topic: string(),
      partitionResult: array()({
        partitionId: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: "0+" }),
      }),
    }),
  },
});
export type ElectLeadersResponse = Message<typeof electLeadersResponse>;
