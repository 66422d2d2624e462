/** The log: where it lies, how long records are kept, what is accepted into it. */
import { boolean, double, int, list, long, MAX_LONG, string, withoutMeaning } from "../setting.ts";

export const LOG = {
  "log.dir": list(["./data"], "The folder of all data, where `log.dirs` does not say it.", {
    notEmpty: true,
    importance: "high",
  }),
  "log.dirs": list(null, "The folder of all data. One only.", { notEmpty: true, importance: "high" }),
  "log.retention.bytes": long(-1, "The default of topic `retention.bytes`; -1 is no limit.", {
    importance: "high",
    scope: "cluster-wide",
  }),
  "log.retention.check.interval.ms": long(
    300000,
    "How often records that need not be kept any longer are looked for.",
    { min: 1 },
  ),
  "log.retention.hours": int(
    168,
    "The default of topic `retention.ms` in hours, where neither `log.retention.ms` nor `.minutes` is set.",
    { importance: "high" },
  ),
  "log.retention.minutes": int(
    null,
    "The default of topic `retention.ms` in minutes, where `log.retention.ms` is not set.",
    { importance: "high" },
  ),
  "log.retention.ms": long(null, "The default of topic `retention.ms`; -1 is no limit.", {
    importance: "high",
    scope: "cluster-wide",
  }),
  "log.cleanup.policy": list(["delete"], "The default of topic `cleanup.policy`.", {
    members: ["compact", "delete"],
    scope: "cluster-wide",
  }),
  "log.message.timestamp.after.max.ms": long(3600000, "The default of topic `message.timestamp.after.max.ms`.", {
    min: 0,
    scope: "cluster-wide",
  }),
  "log.message.timestamp.before.max.ms": long(MAX_LONG, "The default of topic `message.timestamp.before.max.ms`.", {
    min: 0,
    scope: "cluster-wide",
  }),
  "log.message.timestamp.type": string("CreateTime", "The default of topic `message.timestamp.type`.", {
    oneOf: ["CreateTime", "LogAppendTime"],
    scope: "cluster-wide",
  }),
  "message.max.bytes": int(1048588, "The default of topic `max.message.bytes`.", {
    min: 0,
    importance: "high",
    scope: "cluster-wide",
  }),
  "compression.type": string("producer", "The default of topic `compression.type`.", {
    oneOf: ["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"],
    importance: "high",
    scope: "cluster-wide",
  }),
  "compression.gzip.level": int(-1, "The default of topic `compression.gzip.level`.", {
    min: 1,
    max: 9,
    or: -1,
    scope: "cluster-wide",
  }),
  "compression.zstd.level": int(3, "The default of topic `compression.zstd.level`.", {
    min: -131072,
    max: 22,
    scope: "cluster-wide",
  }),
  "log.roll.hours": int(168, "The default of topic `segment.ms` in hours, where `log.roll.ms` is not set.", {
    min: 1,
    importance: "high",
  }),
  "log.roll.ms": long(null, "The default of topic `segment.ms`.", { importance: "high", scope: "cluster-wide" }),
  "log.segment.bytes": int(1073741824, "The default of topic `segment.bytes`.", {
    min: 1048576,
    importance: "high",
    scope: "cluster-wide",
  }),
  "log.cleaner.backoff.ms": long(15000, "How long the cleaner rests when there is nothing to clean.", {
    min: 0,
    scope: "cluster-wide",
  }),
  "log.cleaner.dedupe.buffer.size": long(134217728, "Memory of the cleaner for keys.", { scope: "cluster-wide" }),
  "log.cleaner.delete.retention.ms": long(86400000, "The default of topic `delete.retention.ms`.", {
    min: 0,
    scope: "cluster-wide",
  }),
  "log.cleaner.enable": boolean(true, "Whether topics with `cleanup.policy=compact` are compacted."),
  "log.cleaner.max.compaction.lag.ms": long(MAX_LONG, "The default of topic `max.compaction.lag.ms`.", {
    min: 1,
    scope: "cluster-wide",
  }),
  "log.cleaner.min.cleanable.ratio": double(0.5, "The default of topic `min.cleanable.dirty.ratio`.", {
    min: 0,
    max: 1,
    scope: "cluster-wide",
  }),
  "log.cleaner.min.compaction.lag.ms": long(0, "The default of topic `min.compaction.lag.ms`.", {
    min: 0,
    scope: "cluster-wide",
  }),
  ...withoutMeaning("the lz4 codec in use has one level", {
    "compression.lz4.level": int(9, "The default of topic `compression.lz4.level`.", {
      min: 1,
      max: 17,
      scope: "cluster-wide",
    }),
  }),
  ...withoutMeaning("files hold many partitions: see wal.segment.bytes and segment.delete.delay.ms", {
    "log.dir.failure.timeout.ms": long(
      30000,
      "How long a broker with a failed folder may go without telling the controller.",
      { min: 1, importance: "low" },
    ),
    "log.index.interval.bytes": int(4096, "The default of topic `index.interval.bytes`.", {
      min: 0,
      scope: "cluster-wide",
    }),
    "log.index.size.max.bytes": int(10485760, "The default of topic `segment.index.bytes`.", {
      min: 4,
      scope: "cluster-wide",
    }),
    "log.preallocate": boolean(false, "The default of topic `preallocate`.", { scope: "cluster-wide" }),
    "log.roll.jitter.hours": int(
      0,
      "The default of topic `segment.jitter.ms` in hours, where `log.roll.jitter.ms` is not set.",
      { min: 0, importance: "high" },
    ),
    "log.roll.jitter.ms": long(null, "The default of topic `segment.jitter.ms`.", {
      importance: "high",
      scope: "cluster-wide",
    }),
    "log.segment.delete.delay.ms": long(60000, "The default of topic `file.delete.delay.ms`.", {
      min: 0,
      importance: "high",
      scope: "cluster-wide",
    }),
    "num.recovery.threads.per.data.dir": int(2, "Threads that recover the log at start.", {
      min: 1,
      importance: "high",
      scope: "cluster-wide",
    }),
    "num.replica.alter.log.dirs.threads": int(null, "Threads that move partitions between folders.", {
      importance: "high",
    }),
  }),
  ...withoutMeaning("wal.sync says when records are synced to disk", {
    "log.flush.interval.messages": long(MAX_LONG, "The default of topic `flush.messages`.", {
      min: 1,
      importance: "high",
      scope: "cluster-wide",
    }),
    "log.flush.interval.ms": long(null, "The default of topic `flush.ms`.", {
      importance: "high",
      scope: "cluster-wide",
    }),
    "log.flush.offset.checkpoint.interval.ms": int(60000, "How often the recovery point is written down.", {
      min: 0,
      importance: "high",
    }),
    "log.flush.scheduler.interval.ms": long(MAX_LONG, "How often logs are looked through for what must be synced.", {
      importance: "high",
    }),
    "log.flush.start.offset.checkpoint.interval.ms": int(60000, "How often log start offsets are written down.", {
      min: 0,
      importance: "high",
    }),
  }),
  ...withoutMeaning("the storage worker compacts, one topic at a time", {
    "log.cleaner.io.buffer.load.factor": double(0.9, "How full the cleaner's memory for keys may become.", {
      scope: "cluster-wide",
    }),
    "log.cleaner.io.buffer.size": int(524288, "Memory of the cleaner for reading and writing.", {
      min: 0,
      scope: "cluster-wide",
    }),
    "log.cleaner.io.max.bytes.per.second": double(
      Number.MAX_VALUE,
      "Bytes a second the cleaner reads and writes at most.",
      { scope: "cluster-wide" },
    ),
    "log.cleaner.threads": int(1, "Threads that compact.", { min: 0, scope: "cluster-wide" }),
  }),
};
