/** Kafka's tiered storage (KIP-405). */
import { boolean, int, long, MAX_LONG, string, withoutMeaning } from "../setting.ts";

export const REMOTE_STORAGE = {
  ...withoutMeaning("tiered storage is not part of this version yet", {
    "log.local.retention.bytes": long(-2, "The default of topic `local.retention.bytes`.", {
      min: -2,
      scope: "cluster-wide",
    }),
    "log.local.retention.ms": long(-2, "The default of topic `local.retention.ms`.", {
      min: -2,
      scope: "cluster-wide",
    }),
    "remote.fetch.max.wait.ms": int(500, "How long a fetch waits for the remote tier.", {
      min: 1,
      scope: "cluster-wide",
    }),
    "remote.list.offsets.request.timeout.ms": long(30000, "How long ListOffsets waits for the remote tier.", {
      min: 1,
      scope: "cluster-wide",
    }),
    "remote.log.index.file.cache.total.size.bytes": long(1073741824, "Disk space for indexes of remote segments.", {
      min: 1,
      importance: "low",
      scope: "cluster-wide",
    }),
    "remote.log.manager.copier.thread.pool.size": int(10, "Threads that copy segments to the remote tier.", {
      min: 1,
      scope: "cluster-wide",
    }),
    "remote.log.manager.copy.max.bytes.per.second": long(
      MAX_LONG,
      "Bytes a second copied to the remote tier at most.",
      { min: 1, scope: "cluster-wide" },
    ),
    "remote.log.manager.copy.quota.window.num": int(11, "Samples kept for that limit.", { min: 1 }),
    "remote.log.manager.copy.quota.window.size.seconds": int(1, "The time one such sample covers.", { min: 1 }),
    "remote.log.manager.expiration.thread.pool.size": int(10, "Threads that remove expired remote segments.", {
      min: 1,
      scope: "cluster-wide",
    }),
    "remote.log.manager.fetch.max.bytes.per.second": long(
      MAX_LONG,
      "Bytes a second read from the remote tier at most.",
      { min: 1, scope: "cluster-wide" },
    ),
    "remote.log.manager.fetch.quota.window.num": int(11, "Samples kept for that limit.", { min: 1 }),
    "remote.log.manager.fetch.quota.window.size.seconds": int(1, "The time one such sample covers.", { min: 1 }),
    "remote.log.manager.follower.thread.pool.size": int(2, "Threads for partitions this broker follows.", {
      min: 1,
      scope: "cluster-wide",
    }),
    "remote.log.manager.task.interval.ms": long(30000, "How often segments to copy or remove are looked for.", {
      min: 1,
      importance: "low",
    }),
    "remote.log.manager.thread.pool.size": int(2, "Threads that schedule copies and removals.", { min: 1 }),
    "remote.log.metadata.custom.metadata.max.bytes": int(128, "The largest custom metadata of a remote segment.", {
      min: 0,
      importance: "low",
    }),
    "remote.log.metadata.manager.class.name": string(
      "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager",
      "Class that keeps the metadata of remote segments.",
      { notEmpty: true },
    ),
    "remote.log.metadata.manager.class.path": string(null, "Where that class is loaded from."),
    "remote.log.metadata.manager.impl.prefix": string("rlmm.config.", "Prefix of the settings given to that class.", {
      notEmpty: true,
    }),
    "remote.log.metadata.manager.listener.name": string(null, "The listener that class connects to.", {
      notEmpty: true,
    }),
    "remote.log.reader.max.pending.tasks": int(100, "Reads of the remote tier waiting at most.", { min: 1 }),
    "remote.log.reader.threads": int(10, "Threads that read from the remote tier.", { min: 1, scope: "cluster-wide" }),
    "remote.log.storage.manager.class.name": string(null, "Class that stores remote segments.", { notEmpty: true }),
    "remote.log.storage.manager.class.path": string(null, "Where that class is loaded from."),
    "remote.log.storage.manager.impl.prefix": string("rsm.config.", "Prefix of the settings given to that class.", {
      notEmpty: true,
    }),
    "remote.log.storage.system.enable": boolean(false, "Whether topics can use the remote tier."),
  }),
};
