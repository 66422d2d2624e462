/** What this broker offers: a handler per API. Nothing is offered that does not work. */
import { APIS } from "../protocol/apis.ts";
import type { Handler } from "./exchange.ts";
import { handler } from "./exchange.ts";
import { handleProduce } from "./handlers/00-produce.ts";
import { handleFetch } from "./handlers/01-fetch.ts";
import { handleListOffsets } from "./handlers/02-list-offsets.ts";
import { handleMetadata } from "./handlers/03-metadata.ts";
import { handleOffsetCommit } from "./handlers/08-offset-commit.ts";
import { handleOffsetFetch } from "./handlers/09-offset-fetch.ts";
import { handleFindCoordinator } from "./handlers/10-find-coordinator.ts";
import { handleJoinGroup } from "./handlers/11-join-group.ts";
import { handleHeartbeat } from "./handlers/12-heartbeat.ts";
import { handleLeaveGroup } from "./handlers/13-leave-group.ts";
import { handleSyncGroup } from "./handlers/14-sync-group.ts";
import { handleDescribeGroups } from "./handlers/15-describe-groups.ts";
import { handleListGroups } from "./handlers/16-list-groups.ts";
import { handleApiVersions } from "./handlers/18-api-versions.ts";
import { handleCreateTopics } from "./handlers/19-create-topics.ts";
import { handleDeleteTopics } from "./handlers/20-delete-topics.ts";
import { handleDeleteRecords } from "./handlers/21-delete-records.ts";
import { handleInitProducerId } from "./handlers/22-init-producer-id.ts";
import { handleOffsetForLeaderEpoch } from "./handlers/23-offset-for-leader-epoch.ts";
import { handleDescribeAcls } from "./handlers/29-describe-acls.ts";
import { handleDescribeConfigs } from "./handlers/32-describe-configs.ts";
import { handleAlterConfigs } from "./handlers/33-alter-configs.ts";
import { handleDescribeLogDirs } from "./handlers/35-describe-log-dirs.ts";
import { handleCreatePartitions } from "./handlers/37-create-partitions.ts";
import { handleDeleteGroups } from "./handlers/42-delete-groups.ts";
import { handleElectLeaders } from "./handlers/43-elect-leaders.ts";
import { handleIncrementalAlterConfigs } from "./handlers/44-incremental-alter-configs.ts";
import { handleAlterPartitionReassignments } from "./handlers/45-alter-partition-reassignments.ts";
import { handleListPartitionReassignments } from "./handlers/46-list-partition-reassignments.ts";
import { handleOffsetDelete } from "./handlers/47-offset-delete.ts";
import { handleDescribeCluster } from "./handlers/60-describe-cluster.ts";
import { handleDescribeProducers } from "./handlers/61-describe-producers.ts";
import { handleConsumerGroupHeartbeat } from "./handlers/68-consumer-group-heartbeat.ts";
import { handleConsumerGroupDescribe } from "./handlers/69-consumer-group-describe.ts";
import { handleListConfigResources } from "./handlers/74-list-config-resources.ts";
import { handleDescribeTopicPartitions } from "./handlers/75-describe-topic-partitions.ts";

/** Version 6 is defined for two-phase commit (KIP-939), and not stable in Kafka 4.2. */
const INIT_PRODUCER_ID_VERSIONS = { min: 0, max: 5 };

const HANDLERS: readonly Handler[] = [
  handler(APIS.produce, handleProduce),
  handler(APIS.fetch, handleFetch),
  handler(APIS.listOffsets, handleListOffsets),
  handler(APIS.metadata, handleMetadata),
  handler(APIS.offsetCommit, handleOffsetCommit),
  handler(APIS.offsetFetch, handleOffsetFetch),
  handler(APIS.findCoordinator, handleFindCoordinator),
  handler(APIS.joinGroup, handleJoinGroup),
  handler(APIS.heartbeat, handleHeartbeat),
  handler(APIS.leaveGroup, handleLeaveGroup),
  handler(APIS.syncGroup, handleSyncGroup),
  handler(APIS.describeGroups, handleDescribeGroups),
  handler(APIS.listGroups, handleListGroups),
  handler(APIS.apiVersions, handleApiVersions),
  handler(APIS.createTopics, handleCreateTopics),
  handler(APIS.deleteTopics, handleDeleteTopics),
  handler(APIS.deleteRecords, handleDeleteRecords),
  handler(APIS.initProducerId, handleInitProducerId, INIT_PRODUCER_ID_VERSIONS),
  handler(APIS.offsetForLeaderEpoch, handleOffsetForLeaderEpoch),
  handler(APIS.describeAcls, handleDescribeAcls),
  handler(APIS.describeConfigs, handleDescribeConfigs),
  handler(APIS.alterConfigs, handleAlterConfigs),
  handler(APIS.describeLogDirs, handleDescribeLogDirs),
  handler(APIS.createPartitions, handleCreatePartitions),
  handler(APIS.deleteGroups, handleDeleteGroups),
  handler(APIS.electLeaders, handleElectLeaders),
  handler(APIS.incrementalAlterConfigs, handleIncrementalAlterConfigs),
  handler(APIS.alterPartitionReassignments, handleAlterPartitionReassignments),
  handler(APIS.listPartitionReassignments, handleListPartitionReassignments),
  handler(APIS.offsetDelete, handleOffsetDelete),
  handler(APIS.describeCluster, handleDescribeCluster),
  handler(APIS.describeProducers, handleDescribeProducers),
  handler(APIS.consumerGroupHeartbeat, handleConsumerGroupHeartbeat),
  handler(APIS.consumerGroupDescribe, handleConsumerGroupDescribe),
  handler(APIS.listConfigResources, handleListConfigResources),
  handler(APIS.describeTopicPartitions, handleDescribeTopicPartitions),
];

const BY_KEY: (Handler | undefined)[] = [];
for (const each of HANDLERS) BY_KEY[each.api.key] = each;

export function handlerOf(apiKey: number): Handler | undefined {
  return BY_KEY[apiKey];
}

/**
 * The versions that ApiVersions lists. Produce is listed from 0, as Kafka does although it refuses 0 to 2 as well:
 * otherwise librdkafka takes the broker for one that cannot compress (KAFKA-18659).
 */
export const OFFERED = HANDLERS.map(({ api, versions }) => ({
  apiKey: api.key,
  minVersion: api.key === APIS.produce.key ? 0 : versions.min,
  maxVersion: versions.max,
}));
