/** Settings of a topic. What the broker says where a topic does not is in `../synonyms.ts`. */
import { boolean, double, int, list, long, MAX_LONG, string, withoutMeaning } from "../setting.ts";

export const TOPIC = {
  "cleanup.policy": list(
    ["delete"],
    "Whether old records are deleted, or only those for whose key there is a newer one (compact: each needs a key).",
    {
      members: ["compact", "delete"],
    },
  ),
  "max.message.bytes": int(1048588, "The largest record batch accepted.", { min: 0 }),
  "message.timestamp.after.max.ms": long(3600000, "How far in the future a record's own timestamp may be.", { min: 0 }),
  "message.timestamp.before.max.ms": long(MAX_LONG, "How far in the past a record's own timestamp may be.", { min: 0 }),
  "message.timestamp.type": string("CreateTime", "Whether records keep their own timestamp or get the broker's.", {
    oneOf: ["CreateTime", "LogAppendTime"],
  }),
  "retention.bytes": long(-1, "Bytes of a partition that are kept with `cleanup.policy=delete`; -1 is no limit."),
  "retention.ms": long(604800000, "How long records are kept with `cleanup.policy=delete`; -1 is no limit.", {
    min: -1,
  }),
  "compression.type": string(
    "producer",
    "The codec of stored batches: those with another one are packed anew; producer keeps them as they were sent.",
    { oneOf: ["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"] },
  ),
  "compression.gzip.level": int(-1, "The level of batches packed anew with gzip.", { min: 1, max: 9, or: -1 }),
  "compression.zstd.level": int(3, "The level of batches packed anew with zstd.", { min: -131072, max: 22 }),
  ...withoutMeaning("the lz4 codec in use has one level", {
    "compression.lz4.level": int(9, "The level of batches packed anew with lz4.", { min: 1, max: 17 }),
  }),
  "delete.retention.ms": long(86400000, "How long a tombstone is kept after compaction.", { min: 0 }),
  "max.compaction.lag.ms": long(MAX_LONG, "The longest time a record is left uncompacted.", { min: 1 }),
  "min.cleanable.dirty.ratio": double(0.5, "The uncompacted share of a log from which it is compacted.", {
    min: 0,
    max: 1,
  }),
  "min.compaction.lag.ms": long(0, "The shortest time a record is left uncompacted.", { min: 0 }),
  "segment.bytes": int(1073741824, "Bytes of a partition that merged segments keep together, and retention lets go.", {
    min: 1048576,
  }),
  "segment.ms": long(604800000, "Time of a partition that merged segments keep together, and retention lets go.", {
    min: 1,
  }),
  ...withoutMeaning("files hold many partitions: see wal.segment.bytes and segment.delete.delay.ms", {
    "file.delete.delay.ms": long(
      60000,
      "How long a file stays after it was given up: see log.segment.delete.delay.ms.",
      {
        min: 0,
      },
    ),
    "index.interval.bytes": int(4096, "Bytes between two entries of an index.", { min: 0 }),
    preallocate: boolean(false, "Whether a file is made with its full size."),
    "segment.index.bytes": int(10485760, "The size of an index file.", { min: 4 }),
    "segment.jitter.ms": long(0, "Randomness in the time of another file.", { min: 0 }),
  }),
  ...withoutMeaning("wal.sync says when records are synced to disk", {
    "flush.messages": long(MAX_LONG, "Records after which the log is synced.", { min: 1 }),
    "flush.ms": long(MAX_LONG, "Time after which the log is synced.", { min: 0 }),
  }),
  ...withoutMeaning("every partition has one replica, which is its leader", {
    "follower.replication.throttled.replicas": throttledReplicas("Followers whose copying is throttled."),
    "leader.replication.throttled.replicas": throttledReplicas("Leaders whose being copied is throttled."),
    "min.insync.replicas": int(1, "Replicas that must have a record of acks=all.", { min: 1 }),
    "unclean.leader.election.enable": boolean(false, "Whether a replica that is not in sync may become leader."),
  }),
  ...withoutMeaning("tiered storage is not part of this version yet", {
    "local.retention.bytes": long(-2, "Bytes kept in the local tier; -2 is `retention.bytes`.", { min: -2 }),
    "local.retention.ms": long(-2, "How long records are kept in the local tier; -2 is `retention.ms`.", { min: -2 }),
    "remote.log.copy.disable": boolean(false, "Whether nothing more goes to the remote tier."),
    "remote.log.delete.on.disable": boolean(false, "Whether the remote tier is emptied when it is disabled."),
    "remote.storage.enable": boolean(false, "Whether the topic uses the remote tier; true is refused."),
  }),
};

function throttledReplicas(documentation: string) {
  return list([], documentation, {
    custom: {
      valid: "* or a list of PARTITION:BROKER",
      problem(key, items) {
        if (items.join() === "*" || items.every((item) => /^(\d+:\d+)?$/.test(item))) return null;
        return (
          `${key} must be the literal '*' or a list of replicas in the following format: ` +
          "[partitionId]:[brokerId],[partitionId]:[brokerId],..."
        );
      },
    },
  });
}
