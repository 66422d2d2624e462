/** The table of all APIs whose messages are defined. What the broker offers of them is the router's matter. */
import type { MessageSchema } from "./codec/schema.ts";
import { produceRequest, produceResponse } from "./schema/00-produce.ts";
import { fetchRequest, fetchResponse } from "./schema/01-fetch.ts";
import { listOffsetsRequest, listOffsetsResponse } from "./schema/02-list-offsets.ts";
import { metadataRequest, metadataResponse } from "./schema/03-metadata.ts";
import { apiVersionsRequest, apiVersionsResponse } from "./schema/18-api-versions.ts";
import { createTopicsRequest, createTopicsResponse } from "./schema/19-create-topics.ts";
import { deleteTopicsRequest, deleteTopicsResponse } from "./schema/20-delete-topics.ts";
import { initProducerIdRequest, initProducerIdResponse } from "./schema/22-init-producer-id.ts";
import { offsetForLeaderEpochRequest, offsetForLeaderEpochResponse } from "./schema/23-offset-for-leader-epoch.ts";
import { describeConfigsRequest, describeConfigsResponse } from "./schema/32-describe-configs.ts";
import { createPartitionsRequest, createPartitionsResponse } from "./schema/37-create-partitions.ts";
import { describeClusterRequest, describeClusterResponse } from "./schema/60-describe-cluster.ts";

export interface Api<Request extends MessageSchema = MessageSchema, Response extends MessageSchema = MessageSchema> {
  readonly key: number;
  readonly name: string;
  readonly request: Request;
  readonly response: Response;
}

export const APIS = {
  produce: { key: 0, name: "Produce", request: produceRequest, response: produceResponse },
  fetch: { key: 1, name: "Fetch", request: fetchRequest, response: fetchResponse },
  listOffsets: { key: 2, name: "ListOffsets", request: listOffsetsRequest, response: listOffsetsResponse },
  metadata: { key: 3, name: "Metadata", request: metadataRequest, response: metadataResponse },
  apiVersions: { key: 18, name: "ApiVersions", request: apiVersionsRequest, response: apiVersionsResponse },
  createTopics: { key: 19, name: "CreateTopics", request: createTopicsRequest, response: createTopicsResponse },
  deleteTopics: { key: 20, name: "DeleteTopics", request: deleteTopicsRequest, response: deleteTopicsResponse },
  initProducerId: { key: 22, name: "InitProducerId", request: initProducerIdRequest, response: initProducerIdResponse },
  offsetForLeaderEpoch: {
    key: 23,
    name: "OffsetForLeaderEpoch",
    request: offsetForLeaderEpochRequest,
    response: offsetForLeaderEpochResponse,
  },
  describeConfigs: {
    key: 32,
    name: "DescribeConfigs",
    request: describeConfigsRequest,
    response: describeConfigsResponse,
  },
  createPartitions: {
    key: 37,
    name: "CreatePartitions",
    request: createPartitionsRequest,
    response: createPartitionsResponse,
  },
  describeCluster: {
    key: 60,
    name: "DescribeCluster",
    request: describeClusterRequest,
    response: describeClusterResponse,
  },
} as const satisfies Record<string, Api>;

const BY_KEY: (Api | undefined)[] = [];
for (const api of Object.values(APIS)) BY_KEY[api.key] = api;

/** The API with this key, or undefined when its messages are not defined here. */
export function apiByKey(key: number): Api | undefined {
  return BY_KEY[key];
}
