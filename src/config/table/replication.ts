/** Copies between brokers and the controller quorum: Kafka's, none of it exists here. */
import { boolean, int, list, long, string, withoutMeaning } from "../setting.ts";

export const REPLICATION = {
  ...withoutMeaning("every partition has one replica, which is its leader", {
    "auto.leader.rebalance.enable": boolean(true, "Whether leadership goes back to preferred replicas by itself.", {
      importance: "high",
    }),
    "default.replication.factor": int(1, "Replicas of a topic made without a number of them."),
    "leader.imbalance.check.interval.seconds": long(300, "How often the balance of leaders is checked.", {
      min: 1,
      importance: "high",
    }),
    "min.insync.replicas": int(1, "The default of topic `min.insync.replicas`.", {
      min: 1,
      importance: "high",
      scope: "cluster-wide",
    }),
    "num.replica.fetchers": int(1, "Threads that copy from each other broker.", {
      min: 1,
      importance: "high",
      scope: "cluster-wide",
    }),
    "replica.fetch.backoff.ms": int(1000, "The wait after a failed copy.", { min: 0 }),
    "replica.fetch.max.bytes": int(1048576, "Bytes copied of one partition at once.", { min: 0 }),
    "replica.fetch.min.bytes": int(1, "Bytes a copy waits for.", { importance: "high" }),
    "replica.fetch.response.max.bytes": int(10485760, "Bytes copied at once in all.", { min: 0 }),
    "replica.fetch.wait.max.ms": int(500, "How long a copy waits for bytes.", { importance: "high" }),
    "replica.high.watermark.checkpoint.interval.ms": long(5000, "How often high watermarks are written down.", {
      importance: "high",
    }),
    "replica.lag.time.max.ms": long(30000, "How long a follower may lag and still count as in sync.", {
      importance: "high",
    }),
    "replica.selector.class": string(null, "Class that picks the replica a consumer reads from."),
    "replica.socket.receive.buffer.bytes": int(65536, "Receive buffer of the sockets replicas are copied through.", {
      importance: "high",
    }),
    "replica.socket.timeout.ms": int(30000, "How long a request to a leader may take.", { importance: "high" }),
    "unclean.leader.election.enable": boolean(false, "The default of topic `unclean.leader.election.enable`.", {
      importance: "high",
      scope: "cluster-wide",
    }),
  }),
  ...withoutMeaning("there is no controller quorum: the one log holds the metadata", {
    "broker.heartbeat.interval.ms": int(2000, "How often a broker sends a heartbeat to the controller."),
    "broker.session.timeout.ms": int(9000, "How long a broker may be silent before the controller fences it."),
    "controller.quorum.append.linger.ms": int(
      25,
      "How long the quorum's leader gathers records before it writes them.",
      { min: 0 },
    ),
    "controller.quorum.auto.join.enable": boolean(false, "Whether a controller joins the quorum by itself.", {
      importance: "low",
    }),
    "controller.quorum.bootstrap.servers": list([], "Where the quorum is found, as a list of HOST:PORT.", {
      importance: "high",
    }),
    "controller.quorum.election.backoff.max.ms": int(1000, "The longest wait before another election.", {
      min: 0,
      importance: "high",
    }),
    "controller.quorum.election.timeout.ms": int(1000, "How long an election may take.", {
      min: 0,
      importance: "high",
    }),
    "controller.quorum.fetch.timeout.ms": int(
      2000,
      "How long a controller may go without the leader before it starts an election.",
      { min: 0, importance: "high" },
    ),
    "controller.quorum.request.timeout.ms": int(2000, "How long a request within the quorum may take.", { min: 0 }),
    "controller.quorum.retry.backoff.ms": int(20, "The wait before a request within the quorum is repeated.", {
      min: 0,
      importance: "low",
    }),
    "controller.quorum.voters": list([], "The members of the quorum, as a list of ID@HOST:PORT.", {
      importance: "high",
    }),
    "initial.broker.registration.timeout.ms": int(60000, "How long a broker tries to register at start."),
    "metadata.log.dir": string(null, "The folder of the metadata log.", { importance: "high" }),
    "metadata.log.max.record.bytes.between.snapshots": long(20971520, "Bytes of metadata between two snapshots.", {
      min: 1,
      importance: "high",
    }),
    "metadata.log.max.snapshot.interval.ms": long(3600000, "The longest time between two snapshots of metadata.", {
      min: 0,
      importance: "high",
    }),
    "metadata.log.segment.bytes": int(1073741824, "`segment.bytes` of the metadata log.", {
      min: 8388608,
      importance: "high",
    }),
    "metadata.log.segment.ms": long(604800000, "`segment.ms` of the metadata log.", { importance: "high" }),
    "metadata.max.idle.interval.ms": int(500, "How often the quorum's leader writes when nothing happens.", {
      min: 0,
      importance: "low",
    }),
    "metadata.max.retention.bytes": long(104857600, "`retention.bytes` of the metadata log.", { importance: "high" }),
    "metadata.max.retention.ms": long(604800000, "`retention.ms` of the metadata log.", { importance: "high" }),
    "process.roles": list(null, "What the process is: broker, controller or both.", {
      members: ["broker", "controller"],
      notEmpty: true,
      importance: "high",
    }),
  }),
};
