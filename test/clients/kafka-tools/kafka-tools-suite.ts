/**
 * What somebody who knows Kafka does by hand: its command line tools for topics, settings, offsets, records and producers,
 * against the broker. Each case says what the tool must print.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { KAFKA_SCRIPT } from "../../../bench/brokers/kinds.ts";
import { runSuite, type Suite } from "../suite.ts";

const TOOL_DEADLINE_MS = 60_000;

const TOPICS = "org.apache.kafka.tools.TopicCommand";
const CONFIGS = "kafka.admin.ConfigCommand";
const OFFSETS = "org.apache.kafka.tools.GetOffsetShell";
const DELETE_RECORDS = "org.apache.kafka.tools.DeleteRecordsCommand";
const LOG_DIRS = "org.apache.kafka.tools.LogDirsCommand";
const LEADER_ELECTION = "org.apache.kafka.tools.LeaderElectionCommand";
const REASSIGN = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand";
const TRANSACTIONS = "org.apache.kafka.tools.TransactionsCommand";
const CLUSTER = "org.apache.kafka.tools.ClusterTool";
const API_VERSIONS = "org.apache.kafka.tools.BrokerApiVersionsCommand";
const ACLS = "org.apache.kafka.tools.AclCommand";
const VERIFIABLE_PRODUCER = "org.apache.kafka.tools.VerifiableProducer";
const CONSOLE_PRODUCER = "org.apache.kafka.tools.ConsoleProducer";
const CONSUMER_PERFORMANCE = "org.apache.kafka.tools.ConsumerPerformance";
const VERIFIABLE_CONSUMER = "org.apache.kafka.tools.VerifiableConsumer";
const CONSUMER_GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const GROUPS = "org.apache.kafka.tools.GroupsCommand";
const CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer";

interface Ran {
  readonly status: number | null;
  /** Standard output, then standard error. */
  readonly output: string;
}

/** The tool that runs. */
let running: ChildProcess | undefined;
process.once("exit", () => running?.kill("SIGKILL"));

/** Runs one tool to its end. */
async function run(tool: string, args: readonly string[], input = ""): Promise<Ran> {
  const child = spawn(KAFKA_SCRIPT, ["run", tool, ...args], { stdio: "pipe", timeout: TOOL_DEADLINE_MS });
  running = child;
  const status = new Promise<number | null>((resolve) => void child.once("close", resolve));
  child.stdin.on("error", () => undefined); // a tool that has ended does not read
  child.stdin.end(input);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { status: await status, output: `${out}\n${err}` };
}

interface Expected {
  /** What the output must have, and what it must not. */
  readonly has?: readonly (string | RegExp)[];
  readonly lacks?: readonly string[];
  readonly fails?: true;
  readonly input?: string;
}

class Tools {
  readonly #suite: Suite;

  constructor(suite: Suite) {
    this.#suite = suite;
  }

  get #bootstrap(): readonly string[] {
    return ["--bootstrap-server", this.#suite.broker.address];
  }

  /** A text as it is, anything else as JSON. */
  file(name: string, content: unknown): string {
    const path = join(this.#suite.folder, name);
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
    return path;
  }

  /** One case. */
  async check(name: string, tool: string, args: readonly string[], expected: Expected): Promise<void> {
    const { has = [], lacks = [], fails = false, input } = expected;
    // Where the address belongs to the subcommand, it comes behind it; this one tool wants it before.
    const all = tool === TRANSACTIONS ? [...this.#bootstrap, ...args] : [...args, ...this.#bootstrap];
    const { status, output } = await run(tool, all, input);
    const problems = [
      ...has.filter((part) => !isIn(part, output)).map((part) => `lacks ${String(part)}`),
      ...lacks.filter((part) => output.includes(part)).map((part) => `has ${part}`),
    ];
    if ((status !== 0) !== fails) problems.push(`exit status ${status}`);
    if (problems.length > 0) problems.push(...output.split("\n").filter((line) => line.trim() !== ""));
    this.#suite.check(name, problems);
  }
}

function isIn(part: string | RegExp, output: string): boolean {
  return typeof part === "string" ? output.includes(part) : part.test(output);
}

await runSuite("kafka-tools", {}, async (suite) => {
  const tools = new Tools(suite);
  await topics(tools);
  await settings(tools);
  await records(tools);
  await cluster(tools);
  for (const protocol of ["classic", "consumer"] as const) await groups(tools, protocol);
});

async function topics(tools: Tools): Promise<void> {
  const events = ["--topic", "events"];
  await tools.check(
    "topics --create",
    TOPICS,
    [
      "--create",
      ...events,
      "--partitions",
      "3",
      "--config",
      "retention.ms=86400000",
      "--config",
      "max.message.bytes=99999",
    ],
    { has: ["Created topic events."] },
  );
  await tools.check("topics --create, there already", TOPICS, ["--create", ...events], {
    has: ["Topic 'events' already exists"],
    fails: true,
  });
  await tools.check(
    "topics --create, too many replicas",
    TOPICS,
    ["--create", "--topic", "x", "--replication-factor", "2"],
    {
      has: ["Unable to replicate the partition 2 time(s)"],
      fails: true,
    },
  );
  await tools.check("topics --list", TOPICS, ["--list"], { has: [/^events$/m] });
  await tools.check("topics --describe", TOPICS, ["--describe", ...events], {
    has: [
      /Topic: events\s+TopicId: \S{22}\s+PartitionCount: 3\s+ReplicationFactor: 1/,
      "retention.ms=86400000",
      "max.message.bytes=99999",
      /Partition: 2\s+Leader: 1\s+Replicas: 1\s+Isr: 1/,
    ],
  });
  await tools.check("topics --alter --partitions", TOPICS, ["--alter", ...events, "--partitions", "5"], {});
  await tools.check("topics --describe, more partitions", TOPICS, ["--describe", ...events], {
    has: ["PartitionCount: 5", "Partition: 4"],
  });
  await tools.check("topics --describe, not there", TOPICS, ["--describe", "--topic", "none"], {
    has: ["Topic 'none' does not exist as expected"],
    fails: true,
  });
  await tools.check("topics --delete", TOPICS, ["--delete", ...events], {});
  await tools.check("topics --list, deleted", TOPICS, ["--list"], { lacks: ["events"] });
}

async function settings(tools: Tools): Promise<void> {
  await tools.check("topics --create, defaults", TOPICS, ["--create", "--topic", "set"], {
    has: ["Created topic set."],
  });
  const topic = ["--entity-type", "topics", "--entity-name", "set"];
  const add = "retention.ms=77,cleanup.policy=[compact,delete]";
  await tools.check("configs topics --alter --add-config", CONFIGS, [...topic, "--alter", "--add-config", add], {
    has: ["Completed updating config for topic set."],
  });
  await tools.check("configs topics --describe", CONFIGS, [...topic, "--describe"], {
    has: [
      "retention.ms=77 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=77}",
      "cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete}",
    ],
  });
  await tools.check(
    "configs topics --add-config, not valid",
    CONFIGS,
    [...topic, "--alter", "--add-config", "retention.ms=x"],
    {
      has: ["Invalid value x for configuration retention.ms: Not a number of type LONG"],
      fails: true,
    },
  );
  await tools.check(
    "configs topics --delete-config",
    CONFIGS,
    [...topic, "--alter", "--delete-config", "cleanup.policy"],
    {
      has: ["Completed updating config for topic set."],
    },
  );
  await tools.check("configs topics --describe --all", CONFIGS, [...topic, "--describe", "--all"], {
    has: ["cleanup.policy=delete sensitive=false synonyms={DEFAULT_CONFIG:log.cleanup.policy=delete}"],
  });
  for (const [name, entity, source] of [
    ["brokers, one", ["--entity-name", "1"], "DYNAMIC_BROKER_CONFIG"],
    ["brokers, default", ["--entity-default"], "DYNAMIC_DEFAULT_BROKER_CONFIG"],
  ] as const) {
    const brokers = ["--entity-type", "brokers", ...entity];
    const key = "message.max.bytes";
    await tools.check(
      `configs ${name} --alter --add-config`,
      CONFIGS,
      [...brokers, "--alter", "--add-config", `${key}=200000`],
      {
        has: ["Completed updating"],
      },
    );
    await tools.check(`configs ${name} --describe`, CONFIGS, [...brokers, "--describe"], {
      has: [`${key}=200000 sensitive=false synonyms={${source}:${key}=200000`],
    });
    await tools.check(
      `configs ${name} --alter --delete-config`,
      CONFIGS,
      [...brokers, "--alter", "--delete-config", key],
      {
        has: ["Completed updating"],
      },
    );
  }
  await tools.check(
    "configs brokers, only with a restart",
    CONFIGS,
    ["--entity-type", "brokers", "--entity-name", "1", "--alter", "--add-config", "num.partitions=2"],
    { has: ["Cannot update these configs dynamically: Set(num.partitions)"], fails: true },
  );
  const group = ["--entity-type", "groups", "--entity-name", "g"];
  const session = "consumer.session.timeout.ms=50000";
  await tools.check("configs groups --alter --add-config", CONFIGS, [...group, "--alter", "--add-config", session], {
    has: ["Completed updating"],
  });
  const subscription = ["--entity-type", "client-metrics", "--entity-name", "s"];
  await tools.check(
    "configs client-metrics --alter",
    CONFIGS,
    [...subscription, "--alter", "--add-config", "interval.ms=1000"],
    {
      has: ["Completed updating"],
    },
  );
  await tools.check("configs client-metrics --describe", CONFIGS, ["--entity-type", "client-metrics", "--describe"], {
    has: [/client-metric\S* s are:[^]*interval\.ms=1000/],
  });
}

async function records(tools: Tools): Promise<void> {
  await tools.check(
    "topics --create, packed",
    TOPICS,
    ["--create", "--topic", "lines", "--config", "compression.type=zstd"],
    {
      has: ["Created topic lines."],
    },
  );
  const keyed = ["--reader-property", "parse.key=true", "--reader-property", "key.separator=:"];
  await tools.check(
    "console producer",
    CONSOLE_PRODUCER,
    ["--topic", "lines", ...keyed, "--compression-codec", "gzip"],
    {
      input: "a:one\nb:zwei\nc:trois\nd:четыре\n",
    },
  );
  const from = ["--topic", "lines", "--partition", "0", "--offset"];
  const shown = ["--formatter-property", "print.key=true", "--formatter-property", "print.offset=true"];
  await tools.check("console consumer", CONSOLE_CONSUMER, [...from, "earliest", "--max-messages", "4", ...shown], {
    has: ["Offset:0\ta\tone", "Offset:3\td\tчетыре", "Processed a total of 4 messages"],
  });
  await tools.check(
    "console consumer, from an offset",
    CONSOLE_CONSUMER,
    [...from, "2", "--max-messages", "2", ...shown],
    {
      has: ["Offset:2\tc\ttrois"],
      lacks: ["zwei"],
    },
  );
  await tools.check(
    "verifiable producer",
    VERIFIABLE_PRODUCER,
    ["--topic", "set", "--max-messages", "2000", "--acks", "-1"],
    {
      has: ['"name":"producer_send_success"', '"sent":2000,"acked":2000'],
    },
  );
  await tools.check("get-offsets", OFFSETS, ["--topic", "set"], { has: [/^set:0:2000$/m] });
  await tools.check("get-offsets, the earliest", OFFSETS, ["--topic", "lines", "--time", "earliest"], {
    has: [/^lines:0:0$/m],
  });
  const partitions = [{ topic: "lines", partition: 0, offset: 2 }];
  const asked = tools.file("delete.json", { partitions, version: 1 });
  await tools.check("delete-records", DELETE_RECORDS, ["--offset-json-file", asked], {
    has: [/partition: lines-0\s+low_watermark: 2/],
  });
  await tools.check("get-offsets, after delete-records", OFFSETS, ["--topic", "lines", "--time", "earliest"], {
    has: [/^lines:0:2$/m],
  });
  const wrong = tools.file("wrong.json", { partitions: [{ topic: "lines", partition: 0, offset: 9 }], version: 1 });
  await tools.check("delete-records, out of range", DELETE_RECORDS, ["--offset-json-file", wrong], {
    has: [/partition: lines-0\s+error: .*OffsetOutOfRange/],
  });
  await tools.check(
    "console consumer, after delete-records",
    CONSOLE_CONSUMER,
    [...from, "earliest", "--max-messages", "2", ...shown],
    {
      has: ["Offset:2\tc\ttrois", "Offset:3\td\tчетыре"],
      lacks: ["Offset:1"],
    },
  );
  await tools.check(
    "transactions describe-producers",
    TRANSACTIONS,
    ["describe-producers", "--topic", "lines", "--partition", "0"],
    {
      has: [/ProducerId\s+ProducerEpoch\s+LatestCoordinatorEpoch\s+LastSequence/, /^\d+\s+0\s+-1\s+3\s+\d{13}\s+None/m],
    },
  );
}

async function cluster(tools: Tools): Promise<void> {
  await tools.check("log-dirs --describe", LOG_DIRS, ["--describe", "--topic-list", "set"], {
    has: [/"partition":"set-0","size":[1-9]\d*,"offsetLag":0,"isFuture":false/],
  });
  const preferred = ["--election-type", "preferred"];
  await tools.check(
    "leader-election, one partition",
    LEADER_ELECTION,
    [...preferred, "--topic", "set", "--partition", "0"],
    {
      has: ["Valid replica already elected for partitions set-0"],
    },
  );
  await tools.check("leader-election, all", LEADER_ELECTION, [...preferred, "--all-topic-partitions"], {
    lacks: ["rror"],
  });
  await tools.check(
    "leader-election, not there",
    LEADER_ELECTION,
    [...preferred, "--topic", "none", "--partition", "0"],
    {
      has: ["UnknownTopicOrPartition"],
      fails: true,
    },
  );
  await tools.check("reassign-partitions --list", REASSIGN, ["--list"], { has: ["No partition reassignments found."] });
  const move = [{ topic: "set", partition: 0, replicas: [1] }];
  const plan = tools.file("move.json", { version: 1, partitions: move });
  await tools.check("reassign-partitions --execute", REASSIGN, ["--execute", "--reassignment-json-file", plan], {
    has: ["Successfully started partition reassignment for set-0"],
  });
  await tools.check("reassign-partitions --verify", REASSIGN, ["--verify", "--reassignment-json-file", plan], {
    has: ["Reassignment of partition set-0 is completed."],
  });
  await tools.check("cluster list-endpoints", CLUSTER, ["list-endpoints"], { has: [/^1\s+127\.0\.0\.1/m] });
  await tools.check("broker-api-versions", API_VERSIONS, [], {
    has: ["DescribeTopicPartitions(75): 0", "DeleteRecords(21): 0 to 2"],
  });
  await tools.check("acls --list", ACLS, ["--list"], {
    has: ["No Authorizer is configured on the broker"],
    fails: true,
  });
}

/** Consumers in groups of either protocol, and all that can be done to their offsets by hand. */
async function groups(tools: Tools, protocol: "classic" | "consumer"): Promise<void> {
  const name = `by-${protocol}`;
  const uses = ["--command-property", `group.protocol=${protocol}`];
  const group = ["--group", name];
  const reads = [...group, "--topic", "set"];
  const check = (what: string, tool: string, args: readonly string[], expected: Expected): Promise<void> =>
    tools.check(`${what} (${protocol})`, tool, args, expected);
  await check(
    "console consumer, in a group",
    CONSOLE_CONSUMER,
    [...reads, "--from-beginning", "--max-messages", "2000", ...uses],
    { has: ["Processed a total of 2000 messages"] },
  );
  await check("consumer-groups --list", CONSUMER_GROUPS, ["--list"], { has: [new RegExp(`^${name}$`, "m")] });
  await check("consumer-groups --list --type", CONSUMER_GROUPS, ["--list", "--type", protocol], {
    has: [new RegExp(`^${name}\\s+${protocol}`, "im")],
  });
  await check("consumer-groups --list --state", CONSUMER_GROUPS, ["--list", "--state", "Empty"], {
    has: [new RegExp(`^${name}\\s+\\S*Empty|^${name}\\s+\\S+\\s+Empty`, "m")],
  });
  await check("groups --list", GROUPS, ["--list"], { has: [new RegExp(`^${name}\\s+${protocol}\\s+consumer`, "im")] });
  await check("consumer-groups --describe", CONSUMER_GROUPS, ["--describe", ...group], {
    has: [/^\S+\s+set\s+0\s+2000\s+2000\s+0\s/m],
  });
  await check("consumer-groups --describe --state", CONSUMER_GROUPS, ["--describe", "--state", ...group], {
    has: [new RegExp(`^${name}\\s.*Empty\\s+0`, "m")],
  });
  const from = tools.file(`${name}.csv`, "set,0,4\n");
  const options: readonly (readonly [option: string, args: readonly string[], offset: number])[] = [
    ["--to-offset", ["7"], 7],
    ["--to-current", [], 2000],
    ["--shift-by", ["-3"], 1997],
    ["--to-latest", [], 2000],
    ["--by-duration", ["P1D"], 0],
    ["--to-datetime", ["2020-01-01T00:00:00.000"], 0],
    ["--from-file", [from], 4],
    ["--to-earliest", [], 0],
  ];
  for (const [option, args, offset] of options) {
    await check(
      `consumer-groups --reset-offsets ${option}`,
      CONSUMER_GROUPS,
      ["--reset-offsets", ...reads, "--dry-run", option, ...args],
      {
        has: [new RegExp(`set\\s+0\\s+${offset}\\s*$`, "m")],
      },
    );
  }
  await check(
    "consumer-groups --reset-offsets --execute",
    CONSUMER_GROUPS,
    ["--reset-offsets", ...group, "--all-topics", "--to-offset", "10", "--execute"],
    { has: [/set\s+0\s+10\s*$/m] },
  );
  await check("consumer-performance", CONSUMER_PERFORMANCE, [...reads, "--num-records", "1990", ...uses], {
    has: [/, 1990, \d/],
  });
  await check(
    "verifiable consumer",
    VERIFIABLE_CONSUMER,
    ["--topic", "set", "--group-id", `${name}-2`, "--max-messages", "2000", "--group-protocol", protocol],
    { has: ['"name":"records_consumed"', '"name":"offsets_committed"', '"success":true'] },
  );
  await check("consumer-groups --delete-offsets", CONSUMER_GROUPS, ["--delete-offsets", ...reads], {
    has: [/^set\s+0\s+Successful/m],
  });
  await check("consumer-groups --delete", CONSUMER_GROUPS, ["--delete", ...group, "--group", `${name}-2`], {
    has: ["was successful"],
    lacks: ["rror"],
  });
}
