/** The part of @platformatic/kafka in ../group-suite.ts. */
import { Consumer, findErrorBy, MessagesStreamFallbackModes, MessagesStreamModes } from "@platformatic/kafka";
import {
  COMMIT_INTERVAL_MS,
  HEARTBEAT_INTERVAL_MS,
  type Membership,
  type Report,
  SESSION_TIMEOUT_MS,
  serve,
} from "../membership.ts";

/** For 5 s: only after the last of them the library asks for the leader epoch that a restarted broker has raised. */
const RETRIES = 20;
const RETRY_DELAY_MS = 250;
const FETCH_WAIT_MS = 100;
const REBALANCE_TIMEOUT_MS = 60_000;
/** Without a heartbeat for so long, the broker may have taken the partitions away. */
const SESSION_MARGIN_MS = SESSION_TIMEOUT_MS - HEARTBEAT_INTERVAL_MS;

const MODES = ["roundrobin", "cooperative", "consumer"];

interface Position {
  readonly next: bigint;
  readonly leaderEpoch: number;
}

function optionsOf(mode: string) {
  if (mode === "consumer") return { groupProtocol: "consumer" } as const;
  return {
    sessionTimeout: SESSION_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_INTERVAL_MS,
    rebalanceTimeout: REBALANCE_TIMEOUT_MS,
    protocols: [{ name: mode === "cooperative" ? "cooperative-sticky" : mode, version: 1 }],
  };
}

async function consume({ group, topic, mode, instance }: Membership, report: Report, signal: AbortSignal) {
  const consumer = new Consumer({
    clientId: "group-member",
    bootstrapBrokers: [process.argv.at(-1)!],
    groupId: group,
    ...(instance === null ? {} : { groupInstanceId: instance }),
    autocommit: false,
    maxWaitTime: FETCH_WAIT_MS,
    retries: RETRIES,
    retryDelay: RETRY_DELAY_MS,
    ...optionsOf(mode),
  });
  const owned = () => consumer.assignments?.find((assignment) => assignment.topic === topic)?.partitions ?? [];
  const ended = Promise.withResolvers<void>();
  ended.promise.catch(() => {}); // until it is awaited
  signal.addEventListener("abort", () => ended.resolve());
  consumer.on("error", ended.reject);
  consumer.on("consumer:heartbeat:error", ({ error }) => {
    console.error(error);
    // With the new protocol the library does not join again: it would ask with its old epoch for ever.
    if (mode === "consumer" && findErrorBy(error, "apiId", "UNKNOWN_MEMBER_ID")) ended.reject(error);
  });

  let uncommitted = new Map<number, Position>();
  // Where a partition has gone to another member and come back, what was read before must not be committed.
  let rebalances = 0;
  const forget = () => {
    rebalances++;
    uncommitted.clear();
  };
  consumer.on("consumer:group:rebalance", forget);
  consumer.on("consumer:group:join", forget);

  let committing = false;
  let stale = false;
  let awakeAt = performance.now();
  const commit = async () => {
    report.owns(owned());
    // A commit that is answered with UNKNOWN_MEMBER_ID makes the library join again and commit the same once more, though
    // others have read on from there by then. So nothing is committed that may be answered like that.
    const before = awakeAt;
    awakeAt = performance.now();
    if (awakeAt - before > SESSION_MARGIN_MS) {
      stale = true;
      ended.reject(new Error("stood still for as long as its session"));
    }
    const alive = Date.now() - Number(consumer.lastHeartbeat ?? Date.now()) < SESSION_MARGIN_MS;
    if (committing || stale || !alive || !consumer.isActive()) return;
    const offsets = owned().flatMap((partition) => {
      const position = uncommitted.get(partition);
      if (position === undefined) return [];
      return [{ topic, partition, offset: position.next, leaderEpoch: position.leaderEpoch }];
    });
    if (offsets.length === 0) return;
    const asked = { positions: uncommitted, rebalances };
    uncommitted = new Map();
    committing = true;
    try {
      await consumer.commit({ offsets });
      for (const { partition, offset } of offsets) report.committed(partition, Number(offset));
    } catch (error) {
      console.error(error);
      if (asked.rebalances === rebalances) uncommitted = new Map([...asked.positions, ...uncommitted]);
    } finally {
      committing = false;
    }
  };

  const committer = setInterval(() => void commit(), COMMIT_INTERVAL_MS);
  try {
    const stream = await consumer.consume({
      topics: [topic],
      mode: MessagesStreamModes.COMMITTED,
      fallbackMode: MessagesStreamFallbackModes.EARLIEST,
    });
    stream.on("error", ended.reject);
    stream.on("close", () => ended.reject(new Error("the stream has ended")));
    stream.on("data", ({ partition, offset, leaderEpoch }) => {
      report.read(partition, [Number(offset)]);
      uncommitted.set(partition, { next: offset + 1n, leaderEpoch });
    });
    await ended.promise;
    await commit();
  } finally {
    clearInterval(committer);
    await consumer.close(true);
  }
}

await serve({ modes: MODES, consume });
