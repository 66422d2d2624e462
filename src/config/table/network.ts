/** Sockets, listeners, and what a connection or a request may cost. */
import { int, list, long, MAX_INT, string, withoutMeaning } from "../setting.ts";

export const NETWORK = {
  listeners: list(
    ["PLAINTEXT://127.0.0.1:9092"],
    "Where the broker listens: a list of NAME://HOST:PORT. No host means every address; port 0 picks a free one.",
    { notEmpty: true, importance: "high" },
  ),
  "advertised.listeners": list(
    null,
    "What clients are told to connect to: a list of NAME://HOST:PORT. Without it, what `listeners` says.",
    { notEmpty: true, importance: "high" },
  ),
  "listener.security.protocol.map": string(
    "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT",
    "Which protocol each listener speaks: NAME:PROTOCOL. Only PLAINTEXT can be listened on so far.",
    { importance: "low" },
  ),
  "controller.listener.names": list(
    null,
    "Listeners of Kafka's controllers: they are left out, so that a Kafka broker's file can be used as it is.",
    { notEmpty: true, importance: "high" },
  ),
  "connections.max.idle.ms": long(600000, "A connection without a request for this long is closed."),
  "max.connections": int(
    10000,
    "Connections open at once; further ones are closed as they come. Here 10000, Kafka's default has no bound.",
    { min: 0, scope: "cluster-wide" },
  ),
  "socket.request.max.bytes": int(
    104857600,
    "The largest request; a connection that announces a larger one is closed.",
    { min: 1, importance: "high" },
  ),
  "socket.send.buffer.bytes": int(
    262144,
    "Send buffer of a socket (SO_SNDBUF, on Linux). -1: the system chooses, which suits consumers that are far away. Here 256 KiB, Kafka's default is 100 KiB.",
    { min: -1, importance: "high" },
  ),
  "socket.receive.buffer.bytes": int(
    -1,
    "Receive buffer of a socket (SO_RCVBUF, on Linux). -1: the system chooses. Kafka's default is 100 KiB.",
    { min: -1, importance: "high" },
  ),
  "queued.max.request.bytes": long(
    134217728,
    "Memory for requests being read or handled; beyond it sockets wait. Here 128 MiB, Kafka's default has no bound.",
  ),
  "fetch.max.bytes": int(
    57671680,
    "The largest answer to a fetch, whatever the consumer asks for (one batch is always returned).",
    { min: 1024 },
  ),
  "max.incremental.fetch.session.cache.slots": int(1000, "Incremental fetch sessions (KIP-227) remembered at once.", {
    min: 0,
  }),
  "max.request.partition.size.limit": int(
    2000,
    "Partitions described at most in one answer to DescribeTopicPartitions.",
    { min: 1 },
  ),
  ...withoutMeaning("sockets are sized by the operating system", {
    "socket.listen.backlog.size": int(50, "Connections waiting to be accepted.", { min: 1 }),
  }),
  ...withoutMeaning("one thread serves all connections and requests", {
    "num.network.threads": int(3, "Threads that read requests and write answers.", {
      min: 1,
      importance: "high",
      scope: "cluster-wide",
    }),
    "num.io.threads": int(8, "Threads that handle requests.", { min: 1, importance: "high", scope: "cluster-wide" }),
    "background.threads": int(10, "Threads for background work.", {
      min: 1,
      importance: "high",
      scope: "cluster-wide",
    }),
  }),
  ...withoutMeaning("requests are bounded by their bytes, see queued.max.request.bytes", {
    "queued.max.requests": int(500, "Requests waiting to be handled before network threads stop reading.", {
      min: 1,
      importance: "high",
    }),
  }),
  ...withoutMeaning("a waiting request is forgotten as soon as it is answered", {
    "delete.records.purgatory.purge.interval.requests": int(
      1,
      "Requests after which waiting DeleteRecords requests are purged.",
    ),
    "fetch.purgatory.purge.interval.requests": int(1000, "Requests after which waiting fetches are purged."),
    "producer.purgatory.purge.interval.requests": int(1000, "Requests after which waiting produces are purged."),
    "share.fetch.purgatory.purge.interval.requests": int(
      1000,
      "Requests after which waiting share fetches are purged.",
    ),
  }),
  ...withoutMeaning("connections are counted together, not by address, and their rate is not limited", {
    "max.connection.creation.rate": int(MAX_INT, "New connections a second.", { min: 0, scope: "cluster-wide" }),
    "max.connections.per.ip": int(MAX_INT, "Connections from one address.", { min: 0, scope: "cluster-wide" }),
    "max.connections.per.ip.overrides": string(
      "",
      "Connections from particular addresses or host names, as a list of HOST:COUNT.",
      { scope: "cluster-wide" },
    ),
  }),
  ...withoutMeaning("the broker opens no connections to other brokers", {
    "controller.socket.timeout.ms": int(30000, "How long a request to a controller may take."),
    "inter.broker.listener.name": string(null, "The listener brokers use among themselves."),
    "request.timeout.ms": int(30000, "How long a request to another broker may take.", { importance: "high" }),
    "security.inter.broker.protocol": string("PLAINTEXT", "The protocol brokers use among themselves.", {
      oneOf: ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
    }),
    "socket.connection.setup.timeout.max.ms": long(30000, "The longest wait for a connection to be set up."),
    "socket.connection.setup.timeout.ms": long(10000, "How long to wait for a connection to be set up."),
  }),
  ...withoutMeaning("all listeners open together, when the log has been recovered", {
    "early.start.listeners": list(null, "Listeners that open before authorization is ready.", { importance: "high" }),
  }),
};
