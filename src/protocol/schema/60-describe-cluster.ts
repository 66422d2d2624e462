/**
 * Tells cluster id, controller and brokers, or the controllers (KIP-700).
 *
 * Versions: 1 brokers or controllers (KIP-919) · 2 fenced brokers (KIP-1073).
 */
import type { Message } from "../codec/message.ts";
import { array, bool, defineMessage, int8, int16, int32, string } from "../codec/schema.ts";

export const describeClusterRequest = defineMessage({
  name: "DescribeClusterRequest",
  apiKey: 60,
  valid: "0-2",
  flexible: "0+",
  fields: {
    includeClusterAuthorizedOperations: bool(),
    endpointType: int8({ versions: "1+", default: 1 }),
    includeFencedBrokers: bool({ versions: "2+" }),
  },
});
export type DescribeClusterRequest = Message<typeof describeClusterRequest>;

export const describeClusterResponse = defineMessage({
  name: "DescribeClusterResponse",
  apiKey: 60,
  valid: "0-2",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
    endpointType: int8({ versions: "1+", default: 1 }),
    clusterId: string(),
    controllerId: int32({ default: -1 }),
    brokers: array()({
      brokerId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: "0+", default: null }),
      isFenced: bool({ versions: "2+" }),
    }),
    clusterAuthorizedOperations: int32({ default: -2147483648 }),
  },
});
export type DescribeClusterResponse = Message<typeof describeClusterResponse>;
