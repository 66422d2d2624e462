/** Chronik's own settings, where Kafka has none: the write-ahead log, reads, and HTTP. */
import { boolean, int, long, string } from "../setting.ts";

const MIB = 1024 * 1024;

export const STORAGE = {
  "wal.sync": string(
    "always",
    "When an acknowledgement may leave: always waits until its records are synced to disk, interval does not wait.",
    { oneOf: ["always", "interval"], importance: "high" },
  ),
  "wal.sync.interval.ms": int(100, "With `wal.sync=interval`, how often the log is synced: what a crash can lose.", {
    min: 1,
    importance: "high",
  }),
  "wal.segment.bytes": int(64 * MIB, "A file of the write-ahead log is sealed when it has this size.", {
    min: MIB,
    importance: "high",
  }),
  "wal.indexing.interval.ms": int(
    30000,
    "A file of the write-ahead log is sealed when it has this age, and becomes a segment; -1 seals by size only.",
    { min: 1, or: -1 },
  ),
  "wal.backlog.max.bytes": long(
    16384 * MIB,
    "Sealed files that wait for becoming segments. While clients are busy they wait up to half of it, up to three quarters while clients only read. Producers are slowed from three quarters of it on, and stopped at all of it: with less than many times wal.segment.bytes they are stopped without being slowed first.",
    { min: MIB },
  ),
  "wal.recycle.max.bytes": long(
    2048 * MIB,
    "Files of the write-ahead log that are of no more use and are kept to be written over, which costs less than new ones, of no more than a quarter of the disk that is free beyond wal.min.free.bytes; what they held can be read in them until then; 0 keeps none.",
    { min: 0 },
  ),
  "segment.delete.delay.ms": long(60000, "How long a segment stays after nothing refers to it any more.", { min: 0 }),
  "wal.group.max.bytes": int(4 * MIB, "Bytes gathered for one write and sync; one larger request goes alone.", {
    min: 64 * 1024,
    max: 64 * MIB,
    importance: "low",
  }),
  "wal.max.pending.bytes": long(64 * MIB, "Bytes waiting to be synced; beyond it no further requests are read.", {
    min: MIB,
    importance: "low",
  }),
  "wal.tail.cache.bytes": long(64 * MIB, "Memory that holds the end of the log for consumers who keep up.", {
    min: MIB,
  }),
  "wal.index.cache.bytes": long(32 * MIB, "Memory for indexes of sealed files.", { min: MIB }),
  "wal.min.free.bytes": long(
    256 * MIB,
    "With less free disk than this, produce requests are refused (KAFKA_STORAGE_ERROR) while reads and deletes go on.",
    { min: 0, importance: "high" },
  ),
  "wal.recovery.accept.loss": boolean(
    false,
    "Start although a damaged log may have lost changes of topics or settings; read what recovery printed first.",
    { importance: "low" },
  ),
  "snapshot.interval.bytes": long(
    256 * MIB,
    "Bytes of log between two snapshots of the state: what a start reads again at most.",
    { min: 1 },
  ),
  "read.buffer.bytes": long(
    64 * MIB,
    "Memory for reads from disk: half for those under way, half for what lies beside and ahead.",
    { min: MIB },
  ),
  "max.partitions": int(
    1_000_000,
    "Partitions of all topics together; each takes some 600 bytes of memory. More are refused (POLICY_VIOLATION).",
    { min: 0 },
  ),
  "advertised.addr": string(
    null,
    "What clients are told to connect to, as HOST or HOST:PORT, where there is one listener.",
    { importance: "high" },
  ),
  "http.host": string("127.0.0.1", "The address /healthz, /readyz and /metrics are served on.", { notEmpty: true }),
  "http.port": int(6092, "Their port; 0 picks a free one, -1 serves none.", { min: -1, max: 65535 }),
  "metrics.max.topics": int(
    1000,
    "Topics with numbers of their own on /metrics, the oldest: 1,000 take it some 10 ms. Those of all are always there.",
    { min: 0, max: 10_000, scope: "cluster-wide", importance: "low" },
  ),
  "metrics.max.group.lags": int(
    0,
    "Lags on /metrics, one for each group and topic that it has offsets of: looked up anew each time. 0 shows none.",
    { min: 0, max: 10_000, scope: "cluster-wide", importance: "low" },
  ),
};
