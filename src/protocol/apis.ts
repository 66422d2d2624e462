/** The table of all APIs whose messages are defined. What the broker offers of them is the router's matter. */
import { assert } from "../base/assert.ts";
import type { MessageSchema } from "./codec/schema.ts";
import { produceRequest, produceResponse } from "./schema/00-produce.ts";
import { fetchRequest, fetchResponse } from "./schema/01-fetch.ts";
import { listOffsetsRequest, listOffsetsResponse } from "./schema/02-list-offsets.ts";
import { metadataRequest, metadataResponse } from "./schema/03-metadata.ts";
import { offsetCommitRequest, offsetCommitResponse } from "./schema/08-offset-commit.ts";
import { offsetFetchRequest, offsetFetchResponse } from "./schema/09-offset-fetch.ts";
import { findCoordinatorRequest, findCoordinatorResponse } from "./schema/10-find-coordinator.ts";
import { joinGroupRequest, joinGroupResponse } from "./schema/11-join-group.ts";
import { heartbeatRequest, heartbeatResponse } from "./schema/12-heartbeat.ts";
import { leaveGroupRequest, leaveGroupResponse } from "./schema/13-leave-group.ts";
import { syncGroupRequest, syncGroupResponse } from "./schema/14-sync-group.ts";
import { describeGroupsRequest, describeGroupsResponse } from "./schema/15-describe-groups.ts";
import { listGroupsRequest, listGroupsResponse } from "./schema/16-list-groups.ts";
import { apiVersionsRequest, apiVersionsResponse } from "./schema/18-api-versions.ts";
import { createTopicsRequest, createTopicsResponse } from "./schema/19-create-topics.ts";
import { deleteTopicsRequest, deleteTopicsResponse } from "./schema/20-delete-topics.ts";
import { deleteRecordsRequest, deleteRecordsResponse } from "./schema/21-delete-records.ts";
import { initProducerIdRequest, initProducerIdResponse } from "./schema/22-init-producer-id.ts";
import { offsetForLeaderEpochRequest, offsetForLeaderEpochResponse } from "./schema/23-offset-for-leader-epoch.ts";
import { describeAclsRequest, describeAclsResponse } from "./schema/29-describe-acls.ts";
import { describeConfigsRequest, describeConfigsResponse } from "./schema/32-describe-configs.ts";
import { alterConfigsRequest, alterConfigsResponse } from "./schema/33-alter-configs.ts";
import { describeLogDirsRequest, describeLogDirsResponse } from "./schema/35-describe-log-dirs.ts";
import { createPartitionsRequest, createPartitionsResponse } from "./schema/37-create-partitions.ts";
import { deleteGroupsRequest, deleteGroupsResponse } from "./schema/42-delete-groups.ts";
import { electLeadersRequest, electLeadersResponse } from "./schema/43-elect-leaders.ts";
import {
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
} from "./schema/44-incremental-alter-configs.ts";
import {
  alterPartitionReassignmentsRequest,
  alterPartitionReassignmentsResponse,
} from "./schema/45-alter-partition-reassignments.ts";
import {
  listPartitionReassignmentsRequest,
  listPartitionReassignmentsResponse,
} from "./schema/46-list-partition-reassignments.ts";
import { offsetDeleteRequest, offsetDeleteResponse } from "./schema/47-offset-delete.ts";
import { describeClusterRequest, describeClusterResponse } from "./schema/60-describe-cluster.ts";
import { describeProducersRequest, describeProducersResponse } from "./schema/61-describe-producers.ts";
import { consumerGroupHeartbeatRequest, consumerGroupHeartbeatResponse } from "./schema/68-consumer-group-heartbeat.ts";
import { consumerGroupDescribeRequest, consumerGroupDescribeResponse } from "./schema/69-consumer-group-describe.ts";
import { listConfigResourcesRequest, listConfigResourcesResponse } from "./schema/74-list-config-resources.ts";
import {
  describeTopicPartitionsRequest,
  describeTopicPartitionsResponse,
} from "./schema/75-describe-topic-partitions.ts";

export interface Api<Request extends MessageSchema = MessageSchema, Response extends MessageSchema = MessageSchema> {
  readonly key: number;
  /** Kafka's name for it: "CreateTopics". */
  readonly name: string;
  readonly request: Request;
  readonly response: Response;
}

/** In the order of their keys. */
export const APIS = {
  produce: api(produceRequest, produceResponse),
  fetch: api(fetchRequest, fetchResponse),
  listOffsets: api(listOffsetsRequest, listOffsetsResponse),
  metadata: api(metadataRequest, metadataResponse),
  offsetCommit: api(offsetCommitRequest, offsetCommitResponse),
  offsetFetch: api(offsetFetchRequest, offsetFetchResponse),
  findCoordinator: api(findCoordinatorRequest, findCoordinatorResponse),
  joinGroup: api(joinGroupRequest, joinGroupResponse),
  heartbeat: api(heartbeatRequest, heartbeatResponse),
  leaveGroup: api(leaveGroupRequest, leaveGroupResponse),
  syncGroup: api(syncGroupRequest, syncGroupResponse),
  describeGroups: api(describeGroupsRequest, describeGroupsResponse),
  listGroups: api(listGroupsRequest, listGroupsResponse),
  apiVersions: api(apiVersionsRequest, apiVersionsResponse),
  createTopics: api(createTopicsRequest, createTopicsResponse),
  deleteTopics: api(deleteTopicsRequest, deleteTopicsResponse),
  deleteRecords: api(deleteRecordsRequest, deleteRecordsResponse),
  initProducerId: api(initProducerIdRequest, initProducerIdResponse),
  offsetForLeaderEpoch: api(offsetForLeaderEpochRequest, offsetForLeaderEpochResponse),
  describeAcls: api(describeAclsRequest, describeAclsResponse),
  describeConfigs: api(describeConfigsRequest, describeConfigsResponse),
  alterConfigs: api(alterConfigsRequest, alterConfigsResponse),
  describeLogDirs: api(describeLogDirsRequest, describeLogDirsResponse),
  createPartitions: api(createPartitionsRequest, createPartitionsResponse),
  deleteGroups: api(deleteGroupsRequest, deleteGroupsResponse),
  electLeaders: api(electLeadersRequest, electLeadersResponse),
  incrementalAlterConfigs: api(incrementalAlterConfigsRequest, incrementalAlterConfigsResponse),
  alterPartitionReassignments: api(alterPartitionReassignmentsRequest, alterPartitionReassignmentsResponse),
  listPartitionReassignments: api(listPartitionReassignmentsRequest, listPartitionReassignmentsResponse),
  offsetDelete: api(offsetDeleteRequest, offsetDeleteResponse),
  describeCluster: api(describeClusterRequest, describeClusterResponse),
  describeProducers: api(describeProducersRequest, describeProducersResponse),
  consumerGroupHeartbeat: api(consumerGroupHeartbeatRequest, consumerGroupHeartbeatResponse),
  consumerGroupDescribe: api(consumerGroupDescribeRequest, consumerGroupDescribeResponse),
  listConfigResources: api(listConfigResourcesRequest, listConfigResourcesResponse),
  describeTopicPartitions: api(describeTopicPartitionsRequest, describeTopicPartitionsResponse),
} as const satisfies Record<string, Api>;

const BY_KEY: (Api | undefined)[] = [];
for (const defined of Object.values(APIS)) BY_KEY[defined.key] = defined;

/** The API with this key, or undefined when its messages are not defined here. */
export function apiByKey(key: number): Api | undefined {
  return BY_KEY[key];
}

function api<Request extends MessageSchema, Response extends MessageSchema>(
  request: Request,
  response: Response,
): Api<Request, Response> {
  const { apiKey: key } = request;
  assert(key !== undefined && key === response.apiKey, `${request.name} and ${response.name} are of one API`);
  return { key, name: request.name.replace(/Request$/, ""), request, response };
}
