/**
 * Settings that stand for one another, as in Kafka: what a topic does not set comes from the broker, where the name
 * differs and the unit may, and some of the broker's own exist in several units. In each list the first that is set
 * counts.
 */
import { boolean, int, type Setting } from "./setting.ts";
import type { BrokerKey, TopicKey } from "./tables.ts";

const ROLL: readonly BrokerKey[] = ["log.roll.ms", "log.roll.hours"];
const ROLL_JITTER: readonly BrokerKey[] = ["log.roll.jitter.ms", "log.roll.jitter.hours"];
const FLUSH: readonly BrokerKey[] = ["log.flush.interval.ms", "log.flush.scheduler.interval.ms"];
const RETENTION: readonly BrokerKey[] = ["log.retention.ms", "log.retention.minutes", "log.retention.hours"];

/** Milliseconds per unit, where a setting is in another one. */
export const UNIT_MS: { readonly [K in BrokerKey]?: number } = {
  "log.roll.hours": 3_600_000,
  "log.roll.jitter.hours": 3_600_000,
  "log.retention.minutes": 60_000,
  "log.retention.hours": 3_600_000,
};

/** The broker's settings that a topic's falls back to. Those not listed have none. */
export const BROKER_FOR_TOPIC: { readonly [K in TopicKey]?: readonly BrokerKey[] } = {
  "cleanup.policy": ["log.cleanup.policy"],
  "compression.gzip.level": ["compression.gzip.level"],
  "compression.lz4.level": ["compression.lz4.level"],
  "compression.type": ["compression.type"],
  "compression.zstd.level": ["compression.zstd.level"],
  "delete.retention.ms": ["log.cleaner.delete.retention.ms"],
  "file.delete.delay.ms": ["log.segment.delete.delay.ms"],
  "flush.messages": ["log.flush.interval.messages"],
  "flush.ms": FLUSH,
  "index.interval.bytes": ["log.index.interval.bytes"],
  "local.retention.bytes": ["log.local.retention.bytes"],
  "local.retention.ms": ["log.local.retention.ms"],
  "max.compaction.lag.ms": ["log.cleaner.max.compaction.lag.ms"],
  "max.message.bytes": ["message.max.bytes"],
  "message.timestamp.after.max.ms": ["log.message.timestamp.after.max.ms"],
  "message.timestamp.before.max.ms": ["log.message.timestamp.before.max.ms"],
  "message.timestamp.type": ["log.message.timestamp.type"],
  "min.cleanable.dirty.ratio": ["log.cleaner.min.cleanable.ratio"],
  "min.compaction.lag.ms": ["log.cleaner.min.compaction.lag.ms"],
  "min.insync.replicas": ["min.insync.replicas"],
  preallocate: ["log.preallocate"],
  "retention.bytes": ["log.retention.bytes"],
  "retention.ms": RETENTION,
  "segment.bytes": ["log.segment.bytes"],
  "segment.index.bytes": ["log.index.size.max.bytes"],
  "segment.jitter.ms": ROLL_JITTER,
  "segment.ms": ROLL,
  "unclean.leader.election.enable": ["unclean.leader.election.enable"],
};

/** The broker's settings that are described together with `key`, itself included. */
export function brokerSynonyms(key: string): readonly string[] {
  if (key === "log.flush.scheduler.interval.ms") return [key];
  return [ROLL, ROLL_JITTER, FLUSH, RETENTION].find((chain) => chain.some((name) => name === key)) ?? [key];
}

/** Another name of a setting, with another unit or type. */
export interface Alias {
  readonly of: BrokerKey;
  readonly setting: Setting;
  /** What `text`, which passed the checks of `setting`, is in the setting's own unit; null is nothing. */
  readonly translate: (text: string) => string | null;
}

/** Names that Chronik Stream had for some of its settings. */
export const ALIASES: ReadonlyMap<string, Alias> = new Map<string, Alias>([
  [
    "enable_wal_indexing",
    {
      of: "wal.indexing.interval.ms",
      setting: boolean(true, "false is `wal.indexing.interval.ms=-1`."),
      translate: (text) => (text === "true" ? null : "-1"),
    },
  ],
  [
    "wal_indexing_interval_secs",
    {
      of: "wal.indexing.interval.ms",
      setting: int(30, "`wal.indexing.interval.ms` in seconds.", { min: 1 }),
      translate: (text) => String(Number(text) * 1000),
    },
  ],
]);
