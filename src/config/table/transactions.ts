/** Idempotent and transactional producers. */
import { boolean, int, short, withoutMeaning } from "../setting.ts";

export const TRANSACTIONS = {
  "producer.id.expiration.ms": int(
    86400000,
    "A producer id unused for this long is forgotten, with its sequence numbers.",
    { min: 1, importance: "low", scope: "cluster-wide" },
  ),
  ...withoutMeaning("transactions are not part of this version yet", {
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": int(
      10000,
      "How often transactions beyond their timeout are aborted.",
      { min: 1, importance: "low" },
    ),
    "transaction.max.timeout.ms": int(900000, "The longest timeout a transaction may have.", {
      min: 1,
      importance: "high",
    }),
    "transaction.partition.verification.enable": boolean(
      true,
      "Whether a partition must be part of the transaction that writes to it.",
      { importance: "low", scope: "cluster-wide" },
    ),
    "transaction.remove.expired.transaction.cleanup.interval.ms": int(
      3600000,
      "How often transactional ids unused for long are removed.",
      { min: 1, importance: "low" },
    ),
    "transaction.two.phase.commit.enable": boolean(
      false,
      "Whether a producer may prepare a transaction for an outside coordinator (KIP-939).",
      { importance: "low" },
    ),
    "transactional.id.expiration.ms": int(604800000, "A transactional id unused for this long is forgotten.", {
      min: 1,
      importance: "high",
    }),
  }),
  ...withoutMeaning("state of transactions lies in the one log, not in a topic of its own", {
    "add.partitions.to.txn.retry.backoff.max.ms": int(
      100,
      "How long adding a partition to a transaction is retried within the broker.",
      { min: 0, importance: "high" },
    ),
    "add.partitions.to.txn.retry.backoff.ms": int(20, "The wait between such retries.", { min: 1, importance: "high" }),
    "transaction.state.log.load.buffer.size": int(5242880, "Bytes read at once when transactions are loaded.", {
      min: 1,
      importance: "high",
    }),
    "transaction.state.log.min.isr": int(2, "`min.insync.replicas` of Kafka's topic of transactions.", {
      min: 1,
      importance: "high",
    }),
    "transaction.state.log.num.partitions": int(50, "Partitions of Kafka's topic of transactions.", {
      min: 1,
      importance: "high",
    }),
    "transaction.state.log.replication.factor": short(3, "Replicas of Kafka's topic of transactions.", {
      min: 1,
      importance: "high",
    }),
    "transaction.state.log.segment.bytes": int(104857600, "`segment.bytes` of Kafka's topic of transactions.", {
      min: 1,
      importance: "high",
    }),
  }),
};
