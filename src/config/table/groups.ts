/** Groups, their offsets, and the coordinators that look after them. */
import { int, list, long, MAX_INT, short, string, withoutMeaning } from "../setting.ts";

export const GROUPS = {
  "group.initial.rebalance.delay.ms": int(
    3000,
    "How long a new group waits for more members before its first rebalance.",
  ),
  "group.max.session.timeout.ms": int(1800000, "The largest session timeout a member of a classic group may ask for."),
  "group.max.size": int(MAX_INT, "Members of a classic group at most.", { min: 1 }),
  "group.min.session.timeout.ms": int(6000, "The smallest session timeout a member of a classic group may ask for."),
  "offset.metadata.max.bytes": int(4096, "The longest text a client may commit with an offset.", {
    importance: "high",
  }),
  "offsets.retention.check.interval.ms": long(
    600000,
    "How often offsets that need not be kept any longer are looked for.",
    { min: 1, importance: "high" },
  ),
  "offsets.retention.minutes": int(10080, "How long offsets are kept after their group became empty.", {
    min: 1,
    importance: "high",
  }),
  "group.consumer.assignors": list(
    ["uniform", "range"],
    "Assignors the broker offers to consumer groups (KIP-848), the first is the default.",
    { members: ["uniform", "range"], notEmpty: true },
  ),
  "group.consumer.heartbeat.interval.ms": int(5000, "How often members of a consumer group send a heartbeat.", {
    min: 1,
  }),
  "group.consumer.max.heartbeat.interval.ms": int(
    15000,
    "The largest heartbeat interval a consumer group may be given.",
    { min: 1 },
  ),
  "group.consumer.max.session.timeout.ms": int(60000, "The largest session timeout a consumer group may be given.", {
    min: 1,
  }),
  "group.consumer.max.size": int(MAX_INT, "Members of a consumer group at most.", { min: 1 }),
  "group.consumer.migration.policy": string(
    "bidirectional",
    "Whether a group may change between the classic and the consumer protocol.",
    { oneOfAnyCase: ["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"] },
  ),
  "group.consumer.min.heartbeat.interval.ms": int(
    5000,
    "The smallest heartbeat interval a consumer group may be given.",
    { min: 1 },
  ),
  "group.consumer.min.session.timeout.ms": int(45000, "The smallest session timeout a consumer group may be given.", {
    min: 1,
  }),
  "group.consumer.session.timeout.ms": int(
    45000,
    "How long a member of a consumer group may be silent before it is removed.",
    { min: 1 },
  ),
  "group.coordinator.rebalance.protocols": list(
    ["classic", "consumer", "streams"],
    "Protocols groups can use. Of those that this version has, `classic` is always on.",
    {
      members: ["consumer", "classic", "share", "streams"],
      notEmpty: true,
    },
  ),
  ...withoutMeaning("share groups are not part of this version yet", {
    "group.share.assignors": list(["simple"], "Assignors the broker offers to share groups.", { notEmpty: true }),
    "group.share.delivery.count.limit": int(5, "How often a record is delivered to a share group at most.", {
      min: 2,
      max: 10,
    }),
    "group.share.heartbeat.interval.ms": int(5000, "How often members of a share group send a heartbeat.", { min: 1 }),
    "group.share.max.heartbeat.interval.ms": int(15000, "The largest heartbeat interval a share group may be given.", {
      min: 1,
    }),
    "group.share.max.record.lock.duration.ms": int(60000, "The longest time a share group may hold a record.", {
      min: 30000,
      max: 3600000,
    }),
    "group.share.max.session.timeout.ms": int(60000, "The largest session timeout a share group may be given.", {
      min: 1,
    }),
    "group.share.max.share.sessions": int(2000, "Share sessions open at once.", { min: 1 }),
    "group.share.max.size": int(200, "Members of a share group at most.", { min: 1, max: 1000 }),
    "group.share.min.heartbeat.interval.ms": int(5000, "The smallest heartbeat interval a share group may be given.", {
      min: 1,
    }),
    "group.share.min.record.lock.duration.ms": int(15000, "The shortest time a share group may hold a record.", {
      min: 1000,
      max: 30000,
    }),
    "group.share.min.session.timeout.ms": int(45000, "The smallest session timeout a share group may be given.", {
      min: 1,
    }),
    "group.share.partition.max.record.locks": int(2000, "Records of one partition a share group holds at once.", {
      min: 100,
      max: 10000,
    }),
    "group.share.record.lock.duration.ms": int(30000, "How long a member of a share group holds a record.", {
      min: 1000,
      max: 3600000,
    }),
    "group.share.session.timeout.ms": int(
      45000,
      "How long a member of a share group may be silent before it is removed.",
      { min: 1 },
    ),
    "share.coordinator.append.linger.ms": int(
      -1,
      "How long the share coordinator gathers records before it writes them; -1 adapts.",
      { min: -1 },
    ),
    "share.coordinator.load.buffer.size": int(5242880, "Bytes read at once when share state is loaded.", {
      min: 1,
      importance: "high",
    }),
    "share.coordinator.snapshot.update.records.per.snapshot": int(
      500,
      "Updates between two snapshots of share state.",
      { min: 0 },
    ),
    "share.coordinator.state.topic.compression.codec": int(0, "How Kafka's topic of share state is compressed.", {
      importance: "high",
    }),
    "share.coordinator.state.topic.min.isr": short(2, "`min.insync.replicas` of Kafka's topic of share state.", {
      min: 1,
      importance: "high",
    }),
    "share.coordinator.state.topic.num.partitions": int(50, "Partitions of Kafka's topic of share state.", {
      min: 1,
      importance: "high",
    }),
    "share.coordinator.state.topic.replication.factor": short(3, "Replicas of Kafka's topic of share state.", {
      min: 1,
      importance: "high",
    }),
    "share.coordinator.state.topic.segment.bytes": int(104857600, "`segment.bytes` of Kafka's topic of share state.", {
      min: 1,
      importance: "high",
    }),
    "share.coordinator.threads": int(1, "Threads of the share coordinator.", { min: 1 }),
    "share.coordinator.write.timeout.ms": int(5000, "How long a write of share state may take.", {
      min: 1,
      importance: "high",
    }),
  }),
  ...withoutMeaning("streams groups are not part of this version yet", {
    "group.streams.heartbeat.interval.ms": int(5000, "How often members of a streams group send a heartbeat.", {
      min: 1,
    }),
    "group.streams.initial.rebalance.delay.ms": int(
      3000,
      "How long a new streams group waits for more members before its first rebalance.",
      { min: 0 },
    ),
    "group.streams.max.heartbeat.interval.ms": int(
      15000,
      "The largest heartbeat interval a streams group may be given.",
      { min: 1 },
    ),
    "group.streams.max.session.timeout.ms": int(60000, "The largest session timeout a streams group may be given.", {
      min: 1,
    }),
    "group.streams.max.size": int(MAX_INT, "Members of a streams group at most.", { min: 1 }),
    "group.streams.max.standby.replicas": int(2, "Standby replicas of a task a streams group may be given at most.", {
      min: 0,
    }),
    "group.streams.min.heartbeat.interval.ms": int(
      5000,
      "The smallest heartbeat interval a streams group may be given.",
      { min: 1 },
    ),
    "group.streams.min.session.timeout.ms": int(45000, "The smallest session timeout a streams group may be given.", {
      min: 1,
    }),
    "group.streams.num.standby.replicas": int(0, "Standby replicas of each task of a streams group.", { min: 0 }),
    "group.streams.session.timeout.ms": int(
      45000,
      "How long a member of a streams group may be silent before it is removed.",
      { min: 1 },
    ),
  }),
  ...withoutMeaning("state of groups lies in the one log, not in topics of its own", {
    "group.coordinator.append.linger.ms": int(
      -1,
      "How long the coordinator gathers records before it writes them; -1 adapts.",
      { min: -1 },
    ),
    "group.coordinator.threads": int(4, "Threads of the group coordinator.", { min: 1, importance: "high" }),
    "offsets.commit.timeout.ms": int(5000, "How long a commit of offsets waits for replicas.", {
      min: 1,
      importance: "high",
    }),
    "offsets.load.buffer.size": int(5242880, "Bytes read at once when offsets are loaded.", {
      min: 1,
      importance: "high",
    }),
    "offsets.topic.compression.codec": int(0, "How Kafka's topic of offsets is compressed.", { importance: "high" }),
    "offsets.topic.num.partitions": int(50, "Partitions of Kafka's topic of offsets.", { min: 1, importance: "high" }),
    "offsets.topic.replication.factor": short(3, "Replicas of Kafka's topic of offsets.", {
      min: 1,
      importance: "high",
    }),
    "offsets.topic.segment.bytes": int(104857600, "`segment.bytes` of Kafka's topic of offsets.", {
      min: 1,
      importance: "high",
    }),
  }),
};
