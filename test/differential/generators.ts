/** Requests of every API that is offered; those about topics and the cluster are here. */
import { APIS } from "../../src/protocol/apis.ts";
import { drawTopic, type Generator, generator } from "./generator.ts";
import { GROUP_GENERATORS } from "./group-generators.ts";
import { RECORD_GENERATORS } from "./record-generators.ts";

const CONFIGS: readonly (readonly [string, string | null])[] = [
  ["retention.ms", "1000000000000"],
  ["retention.ms", "-2"],
  ["max.message.bytes", "2000"],
  ["max.message.bytes", "abc"],
  ["cleanup.policy", "compact"],
  ["cleanup.policy", "compact,delete"],
  ["cleanup.policy", "nonsense"],
  ["no.such.setting", "1"],
  ["min.insync.replicas", "1"],
];

const TOPIC = 2;
const timeoutMs = 5000;

export const GENERATORS: readonly Generator[] = [
  ...RECORD_GENERATORS,
  ...GROUP_GENERATORS,
  generator({
    api: APIS.metadata,
    request: (draw) => {
      const { random, version } = draw;
      const all = random.chance(0.2);
      const [topic, byId] = [drawTopic(draw), version >= 12 && random.chance(0.4)];
      const flags = { includeTopicAuthorizedOperations: version >= 8 && random.chance(0.5) };
      return (side) => ({
        topics: all
          ? version === 0
            ? []
            : null
          : [byId ? { name: null, topicId: side.topicId(topic) } : { name: topic }],
        ...(version >= 8 ? flags : {}),
        ...(version >= 4 ? { allowAutoTopicCreation: false } : {}),
      });
    },
  }),
  generator({
    api: APIS.apiVersions,
    request: ({ random, version }) => {
      const clientSoftwareName = random.pick(["client", "client", "no good name"]);
      return () => (version >= 3 ? { clientSoftwareName, clientSoftwareVersion: "1.0" } : {});
    },
  }),
  generator({
    api: APIS.createTopics,
    request: (draw) => {
      const { random, version } = draw;
      const topics = [...new Set([drawTopic(draw), drawTopic(draw)])].slice(0, random.between(1, 2)).map((name) => {
        const assignments = [{ partitionIndex: random.between(0, 1), brokerIds: [random.between(1, 2)] }];
        const counts = { numPartitions: random.pick([1, 3, 3, 0]), replicationFactor: random.pick([1, 1, 1, 2]) };
        const configs = random.chance(0.4) ? [random.pick(CONFIGS)].map(([key, value]) => ({ name: key, value })) : [];
        const manual = { numPartitions: -1, replicationFactor: -1, assignments };
        return { name, ...(random.chance(0.2) ? manual : counts), configs };
      });
      const validateOnly = version >= 1 && random.chance(0.2);
      return () => ({ topics, timeoutMs, ...(version >= 1 ? { validateOnly } : {}) });
    },
  }),
  generator({
    api: APIS.deleteTopics,
    request: (draw) => {
      const topic = draw.prefix + draw.random.pick(["brief", "brief", "never"]);
      const byId = draw.random.chance(0.5);
      if (draw.version < 6) return () => ({ topicNames: [topic], timeoutMs });
      return (side) => ({ topics: [byId ? { name: null, topicId: side.topicId(topic) } : { name: topic }], timeoutMs });
    },
  }),
  generator({
    api: APIS.createPartitions,
    request: (draw) => {
      const { random } = draw;
      const topic = { name: drawTopic(draw), count: random.pick([0, 1, 3, 4, 5]), assignments: null };
      const assigned = random.chance(0.2) ? { assignments: [{ brokerIds: [random.between(1, 2)] }] } : {};
      const validateOnly = random.chance(0.5);
      return () => ({ topics: [{ ...topic, ...assigned }], timeoutMs, validateOnly });
    },
  }),
  generator({
    api: APIS.describeAcls,
    request: ({ random }) => {
      const operation = random.pick([1, 3]);
      const any = { resourceNameFilter: null, principalFilter: null, hostFilter: null };
      return () => ({ resourceTypeFilter: 1, ...any, operation, permissionType: 1 });
    },
  }),
  generator({
    api: APIS.describeConfigs,
    request: (draw) => {
      const { random, version } = draw;
      const keys = random.pick([null, ["retention.ms", "cleanup.policy"], ["no.such.setting"], []]);
      const resource = { resourceType: random.pick([TOPIC, TOPIC, TOPIC, 0]), resourceName: drawTopic(draw) };
      const includeSynonyms = version >= 1 && random.chance(0.5);
      const synonyms = version >= 1 ? { includeSynonyms } : {};
      return () => ({ resources: [{ ...resource, configurationKeys: keys }], ...synonyms });
    },
  }),
  generator({
    api: APIS.alterConfigs,
    request: (draw) => {
      const { random } = draw;
      const [name, value] = random.pick(CONFIGS);
      const resource = { resourceType: TOPIC, resourceName: drawTopic(draw), configs: [{ name, value }] };
      const validateOnly = random.chance(0.3);
      return () => ({ resources: [resource], validateOnly });
    },
  }),
  generator({
    api: APIS.incrementalAlterConfigs,
    request: (draw) => {
      const { random } = draw;
      const [name, value] = random.pick(CONFIGS);
      const configs = [{ name, value, configOperation: random.between(0, 3) }];
      const resource = { resourceType: TOPIC, resourceName: drawTopic(draw), configs };
      const validateOnly = random.chance(0.3);
      return () => ({ resources: [resource], validateOnly });
    },
  }),
  generator({
    api: APIS.describeLogDirs,
    request: (draw) => {
      const topic = drawTopic(draw);
      const topics = draw.random.pick([null, [{ topic, partitions: [0, 7] }]]);
      return () => ({ topics });
    },
  }),
  generator({
    api: APIS.electLeaders,
    request: (draw) => {
      const topicPartitions = [{ topic: drawTopic(draw), partitions: [draw.random.pick([0, 9])] }];
      const electionType = draw.version >= 1 ? { electionType: draw.random.between(0, 1) } : {};
      return () => ({ topicPartitions, timeoutMs, ...electionType });
    },
  }),
  generator({
    api: APIS.alterPartitionReassignments,
    request: (draw) => {
      const partition = { partitionIndex: draw.random.pick([0, 9]), replicas: draw.random.pick([[1], [2], [], null]) };
      const topics = [{ name: drawTopic(draw), partitions: [partition] }];
      return () => ({ topics, timeoutMs });
    },
  }),
  generator({
    api: APIS.listPartitionReassignments,
    request: (draw) => {
      const topics = draw.random.pick([null, [{ name: drawTopic(draw), partitionIndexes: [0, 9] }]]);
      return () => ({ topics, timeoutMs });
    },
  }),
  generator({
    api: APIS.describeCluster,
    request: ({ random, version }) => {
      const includeClusterAuthorizedOperations = random.chance(0.5);
      const endpointType = version >= 1 ? { endpointType: random.pick([1, 1, 2, 3]) } : {};
      return () => ({ includeClusterAuthorizedOperations, ...endpointType });
    },
  }),
  generator({
    api: APIS.listConfigResources,
    request: ({ random, version }) => {
      const resourceTypes = random.pick([[], [2], [16], [2, 4], [9]]);
      return () => (version >= 1 ? { resourceTypes } : {});
    },
  }),
  generator({
    api: APIS.describeTopicPartitions,
    request: (draw) => {
      const topics = [{ name: drawTopic(draw) }, { name: `${draw.prefix}kept` }].toSorted((a, b) =>
        a.name < b.name ? -1 : 1,
      );
      const responsePartitionLimit = draw.random.pick([1, 2, 100]);
      return () => ({ topics, responsePartitionLimit });
    },
  }),
];
