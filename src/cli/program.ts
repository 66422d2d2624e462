/**
 * The one table of commands: what there is, which options each has, and examples. Help and completion come from it. Each
 * action imports its own file when it runs.
 */
import { createRequire } from "node:module";
import { Command, Option, type OptionValues } from "commander";
import {
  brokerList,
  duration,
  format,
  header,
  keyValue,
  offset,
  partitionList,
  position,
  positiveNumber,
  repeated,
  shift,
  storedOffset,
  text,
  time,
  topicPartitions,
  wholeNumber,
} from "./option-values.ts";
import { FORMAT_LETTERS } from "./output-format.ts";
import { POSITION_FORMS } from "./position.ts";

const DEFAULT_BROKERS = "localhost:9092";
const DEFAULT_DATA_FOLDER = "./data";

/** What an argument is called. Completion knows names by these. */
const TOPIC = "topic";
const TOPICS = "topics";
const GROUP = "group";
const GROUPS = "groups";
const FILES = "files";

export function createProgram(): Command {
  const chronik = new Command("chronik")
    .description("An event store that speaks the Kafka protocol.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .exitOverride()
    .configureOutput({ outputError: (message, write) => write(message.replace(/^error: /, "chronik: ")) })
    .showHelpAfterError("(chronik --help shows what there is)");
  addStart(chronik);
  addTopics(chronik);
  addProduce(chronik);
  addConsume(chronik);
  addGroups(chronik);
  addStorage(chronik);
  addWal(chronik);
  addCompletion(chronik);
  return chronik;
}

function addStart(chronik: Command): void {
  chronik
    .command("start")
    .alias("standalone")
    .description("run a broker")
    .option("--data-dir <folder>", "folder of all data (default: ./data)")
    .option("--host <host>", "address to listen on (default: 127.0.0.1)")
    .option("--port <port>", "port to listen on, 0 picks a free one (default: 9092)")
    .option(
      "--advertised-addr <host[:port]>",
      "address that clients are told to connect to (default: the one listened on)",
    )
    .option("--config <file>", "file of settings, as Kafka's server.properties")
    .option("--set <key=value>", "one setting; may be repeated", repeated(text))
    .addHelpText(
      "after",
      help({
        text: "Flags count more than --set, --set more than the file. docs/configuration.md lists all settings.",
        examples: [
          "chronik start",
          "chronik start --data-dir /var/lib/chronik --port 9192",
          "chronik start --host 0.0.0.0 --advertised-addr broker.example.org",
          "chronik start --config server.properties --set log.retention.hours=24",
        ],
      }),
    )
    .action(async (options) => (await import("./commands/start.ts")).start(options));
}

function addTopics(chronik: Command): void {
  const topics = chronik.command("topics").alias("topic").description("list, create, change and delete topics");
  client(topics.command("list").alias("ls"))
    .description("list topics")
    .addOption(json())
    .option("--names", "only names, one a line")
    .option("--internal", "internal topics too")
    .addHelpText("after", help({ examples: ["chronik topics list", "chronik topics list --names | grep orders"] }))
    .action(async (options) => (await import("./commands/topics.ts")).listTopics(options));
  client(topics.command("create"))
    .argument(`<${TOPICS}...>`, "names of the new topics")
    .description("create topics")
    .option("-p, --partitions <n>", "number of partitions (default: as the broker is set)", positiveNumber)
    .option("-r, --replicas <n>", "copies of each partition (default: as the broker is set)", positiveNumber)
    .option("-c, --config <key=value>", "a setting; may be repeated", repeated(keyValue))
    .addOption(json())
    .addHelpText(
      "after",
      help({
        examples: [
          "chronik topics create orders",
          "chronik topics create orders --partitions 6 --config retention.ms=86400000",
        ],
      }),
    )
    .action(async (names, options) => (await import("./commands/topics.ts")).createTopics(names, options));
  client(topics.command("describe"))
    .argument(`<${TOPICS}...>`)
    .description("show partitions, offsets, and the settings that differ from the broker's")
    .addOption(json())
    .addHelpText("after", help({ examples: ["chronik topics describe orders"] }))
    .action(async (names, options) => (await import("./commands/topics.ts")).describeTopics(names, options));
  client(topics.command("configs"))
    .argument(`<${TOPICS}...>`)
    .description("show all settings, and where each comes from")
    .addOption(json())
    .addHelpText(
      "after",
      help({ examples: ["chronik topics configs orders", "chronik topics configs orders --json | jq -r .name"] }),
    )
    .action(async (names, options) => (await import("./commands/topics.ts")).showConfigs(names, options));
  client(topics.command("alter"))
    .argument(`<${TOPICS}...>`)
    .description("change settings, or add partitions")
    .option("--set <key=value>", "set a setting; may be repeated", repeated(keyValue))
    .option("--delete <key>", "back to the broker's value; may be repeated", repeated(text))
    .option("--append <key=value>", "add to a list; may be repeated", repeated(keyValue))
    .option("--subtract <key=value>", "take out of a list; may be repeated", repeated(keyValue))
    .option("-p, --partitions <n>", "number of partitions, more than now", positiveNumber)
    .addOption(json())
    .addHelpText(
      "after",
      help({
        examples: [
          "chronik topics alter orders --set retention.ms=3600000 --delete max.message.bytes",
          "chronik topics alter orders --append cleanup.policy=compact",
          "chronik topics alter orders --partitions 12",
        ],
      }),
    )
    .action(async (names, options) => (await import("./commands/topics.ts")).alterTopics(names, options));
  client(topics.command("delete").alias("rm"))
    .argument(`<${TOPICS}...>`)
    .description("delete topics with all their records")
    .addOption(json())
    .addHelpText("after", help({ examples: ["chronik topics delete orders"] }))
    .action(async (names, options) => (await import("./commands/topics.ts")).deleteTopics(names, options));
}

function addProduce(chronik: Command): void {
  client(chronik.command("produce"))
    .argument(`<${TOPIC}>`)
    .description("write a record for each line of standard input")
    .option("-k, --key <key>", "the key of every record")
    .option("-K, --key-separator <text>", "what stands between key and value; a line without it has no key")
    .option(
      "-H, --header <key=value>",
      "a header of every record, key alone for null; may be repeated",
      repeated(header),
    )
    .option("-Z, --null-marker <text>", "a key or value that is this is null")
    .option("-J, --json", "lines are JSON, as consume --json writes them")
    .option("-p, --partition <n>", "the partition (default: chosen by the key, as Kafka's clients do)", wholeNumber)
    .addOption(new Option("-a, --acks <acks>", "who confirms").choices(["all", "1", "0"]).default("all"))
    .addOption(
      new Option("-z, --compression <codec>", "how batches are packed")
        .choices(["none", "gzip", "snappy", "lz4", "zstd"])
        .default("none"),
    )
    .option("--allow-auto-topic-creation", "create the topic when there is none")
    .addHelpText(
      "after",
      help({
        text: [
          "With --acks all each record is stored exactly once, however often it had to be sent. A record that cannot be",
          "stored ends the command with exit code 1 and the number of its line.",
          "",
          'A line of JSON has "value", and may have "key", "headers", "partition" and "timestamp" (milliseconds):',
          '  {"key":"k","value":"v","headers":[{"key":"h","value":"x"}],"timestamp":1700000000000}',
          'Bytes that are no text go into "keyBase64" and "valueBase64". null is no value.',
        ].join("\n"),
        examples: [
          "echo hello | chronik produce events",
          "chronik produce users -K : < users.txt",
          "echo 42: | chronik produce users -K : -Z ''",
          "chronik consume a --to end --json | chronik produce b --json",
        ],
      }),
    )
    .action(async (name, options) => (await import("./commands/produce.ts")).produce(name, options));
}

function addConsume(chronik: Command): void {
  const letters = Object.entries(FORMAT_LETTERS).map(([letter, meaning]) => `  %${letter}  ${meaning}`);
  client(chronik.command("consume"))
    .argument(`<${TOPIC}>`)
    .description("print the records of a topic, and then those that come (Ctrl-C ends)")
    .addOption(
      new Option("-o, --from <where>", "where to begin")
        .argParser(position)
        .default({ kind: "beginning" }, "beginning"),
    )
    .option("-t, --to <where>", "where to end, this one excluded (default: never)", position)
    .addOption(new Option("-u, --until <where>").argParser(position).hideHelp())
    .option("-e, --exit", "end where the topic ends at the moment of the start")
    .option("-n, --count <n>", "end after so many records", wholeNumber)
    .option("-p, --partition <n,…>", "only these partitions (default: all)", partitionList)
    .option("-f, --format <format>", 'what to print of each record (default: "%v\\n")', format)
    .option("-J, --json", "print lines of JSON, with nothing lost")
    .addOption(new Option("-Z, --null-marker <text>", "what to print for null").default("", "nothing"))
    .addHelpText(
      "after",
      help({
        text: [
          `WHERE is ${POSITION_FORMS}.`,
          "Times are UTC unless they name their zone. In each partition a time is the offset of the first record of that time or",
          "later, as Kafka's clients look it up; with timestamps out of order, records between two times may be older or younger.",
          "A --to that is still to come ends the command when it has come, or when every partition has a record of it or later.",
          "`--to end` is the end at the moment of the start.",
          "No group is joined and nothing is committed. Aborted transactions are shown.",
          "",
          "Formats, with \\n \\t \\r \\0 \\xHH \\\\:",
          ...letters,
        ].join("\n"),
        examples: [
          "chronik consume events",
          "chronik consume events --from -10 --to end",
          "chronik consume events --from 2026-01-31T12:00 --to 2026-01-31T13:00 --json | jq .value",
          "chronik consume events --from -1h30m",
          "chronik consume events -e -f '%p %o %k=%v\\n'",
          "chronik consume events | head -1",
        ],
      }),
    )
    .action(async (name, options) => (await import("./commands/consume.ts")).consume(name, options));
}

function addGroups(chronik: Command): void {
  const groups = chronik
    .command("groups")
    .alias("group")
    .description("list, describe, reset and delete consumer groups");
  client(groups.command("list").alias("ls"))
    .description("list groups")
    .addOption(json())
    .option("--names", "only names, one a line")
    .addHelpText("after", help({ examples: ["chronik groups list"] }))
    .action(async (options) => (await import("./commands/groups.ts")).listGroups(options));
  client(groups.command("describe"))
    .argument(`<${GROUPS}...>`)
    .description("show members, committed offsets and lag")
    .addOption(json())
    .addHelpText("after", help({ examples: ["chronik groups describe billing"] }))
    .action(async (names, options) => (await import("./commands/groups.ts")).describeGroups(names, options));
  client(groups.command("reset-offsets"))
    .argument(`<${GROUP}>`)
    .description("show where a group would go on; with --execute, make it so")
    .option(
      "-t, --topic <name[:n,…]>",
      "a topic, or some of its partitions; may be repeated",
      repeated(topicPartitions),
    )
    .option("--all-topics", "all topics that the group has committed")
    .option("--to-earliest", "to the first record there is")
    .option("--to-latest", "to the end")
    .option("--to-offset <offset>", "to this offset", offset)
    .option("--to-datetime <time>", "to the first record of this time or later", time)
    .option("--by-duration <duration>", "to the first record that is no older than this", duration)
    .option("--shift-by <n>", "so many records on, or back with a minus", shift)
    .option("--execute", "do it; without, nothing is changed")
    .addOption(json())
    .addHelpText(
      "after",
      help({
        text: [
          "The group's consumers must be stopped. An offset outside of a partition becomes its nearest end, and so does a time",
          "that no record has reached. Times are as 2026-01-31T12:00:00Z, UTC unless they name their zone, or @milliseconds;",
          "durations as 90s, 1h30m, 2d or P1DT12H, back from now.",
        ].join("\n"),
        examples: [
          "chronik groups reset-offsets billing --all-topics --to-earliest",
          "chronik groups reset-offsets billing --topic orders:0,1 --shift-by -10 --execute",
          "chronik groups reset-offsets billing --topic orders --to-datetime 2026-01-31T12:00 --execute",
          "chronik groups reset-offsets billing --all-topics --by-duration PT1H --execute",
        ],
      }),
    )
    .action(async (name, options) => (await import("./commands/groups.ts")).resetOffsets(name, options));
  client(groups.command("delete").alias("rm"))
    .argument(`<${GROUPS}...>`)
    .description("delete groups with their committed offsets")
    .addOption(json())
    .addHelpText("after", help({ examples: ["chronik groups delete billing"] }))
    .action(async (names, options) => (await import("./commands/groups.ts")).deleteGroups(names, options));
}

function addStorage(chronik: Command): void {
  const storage = local(stored(chronik.command("storage")))
    .enablePositionalOptions()
    .description("show where the records of a data folder lie: which offsets in which tier, and what the files are for")
    .option("--topic <topic>", "only this topic")
    .addOption(json())
    .addHelpText(
      "after",
      help({
        text: [
          "The folder is read as it is, whether its broker runs or not: nothing is changed or locked, and the broker is not asked.",
          "A record is first in the log (tier wal), then in a segment. FROM and TO are the timestamps of the first record and the",
          "newest one. Batches that retention, deletion or compaction have made dead stay in a segment until it is written anew.",
        ].join("\n"),
        examples: [
          "chronik storage",
          "chronik storage --data-dir /var/lib/chronik --topic orders",
          "chronik storage --json | jq 'select(.kind == \"total\").backlogBytes'",
        ],
      }),
    )
    .action(async (options) => (await import("./commands/storage.ts")).showStorage(options));
  stored(storage.command("verify"))
    .description("check every checksum of segments, log, indexes and snapshots, and that all of it belongs together")
    .addOption(json())
    .addHelpText(
      "after",
      help({
        text: [
          "Every file that the state or a snapshot refers to must be there and be what they say, and every offset of every",
          "partition must lie in exactly one place, but for what compaction has removed. All data is read once. Exit code 0: all",
          "well, 1: damage was found. A torn tail at the end of the log is no damage, nor is a file that belongs to nothing: both",
          "are shown. Nothing is changed, and the broker may run.",
        ].join("\n"),
        examples: [
          "chronik storage verify",
          "chronik storage verify --data-dir /var/lib/chronik --json | jq 'select(.ok == false)'",
        ],
      }),
    )
    .action(async (_, command) => (await import("./commands/storage.ts")).verifyStorage(optionsOf(command)));
  stored(storage.command("locate"))
    .argument(`<${TOPIC}>`)
    .argument("<partition>", "its number", wholeNumber)
    .argument("<offset>", "the offset of a record", storedOffset)
    .description("explain where an offset lies: tier, file, record and batch, or why it is not there")
    .addOption(json())
    .addHelpText(
      "after",
      help({
        text: "Exit code 1: the offset should be there and is not, or cannot be read.",
        examples: [
          "chronik storage locate orders 0 4711",
          "chronik storage locate orders 0 4711 --json | jq -r .range.file",
        ],
      }),
    )
    .action(async (topic, partition, at, _, command) =>
      (await import("./commands/storage.ts")).locateOffset({ topic, partition, offset: at }, optionsOf(command)),
    );
}

function addWal(chronik: Command): void {
  const wal = chronik
    .command("wal")
    .description("look into files of the write-ahead log, and into segments, without a broker");
  local(wal.command("inspect"))
    .argument(`<${FILES}...>`, "files of the folders wal and segments, or copies of them")
    .description("print what stands in them: groups, batches, state records, ranges of segments")
    .addOption(json())
    .option("--records", "only the records, as consume --json prints them")
    .addHelpText(
      "after",
      help({
        text: [
          "A running broker is not disturbed, and what it is still writing is shown as a torn tail;",
          "zeros that it has written ahead are shown as room. Files of Chronik Stream,",
          "which hold single records, are read too. With --records control batches are left out.",
        ].join("\n"),
        examples: [
          "chronik wal inspect data/wal/*.wal data/segments/*.segment",
          "chronik wal inspect --json data/wal/*.wal | jq 'select(.kind == \"state\")'",
          "chronik wal inspect --records data/wal/*.wal | jq -c 'select(.topic == \"orders\")' | chronik produce orders --json",
        ],
      }),
    )
    .action(async (files, options) => (await import("./commands/wal.ts")).inspectWal(files, options));
  local(wal.command("verify"))
    .argument(`<${FILES}...>`, "files of the folders wal and segments, or copies of them")
    .description("check every checksum, the chain of groups, the order of offsets, and the index of each file")
    .addOption(json())
    .addHelpText(
      "after",
      help({
        text: [
          "Exit code 0: all well, 1: damage was found, or a file could not be read. A torn tail at the end of the log, which",
          "a crash leaves and a start cuts off, is shown and is no damage. Nothing is changed. chronik storage verify checks",
          "that the files belong together, too.",
        ].join("\n"),
        examples: [
          "chronik wal verify data/wal/*.wal",
          "chronik wal verify --json data/wal/*.wal | jq 'select(.ok | not)'",
        ],
      }),
    )
    .action(async (files, options) => (await import("./commands/wal.ts")).verifyWal(files, options));
}

function addCompletion(chronik: Command): void {
  const completion = chronik
    .command("completion")
    .description("print a script that completes commands, options, and the names of topics and groups")
    .addHelpText(
      "after",
      help({
        examples: [
          "source <(chronik completion bash)",
          "chronik completion zsh > ~/.zfunc/_chronik",
          "chronik completion fish > ~/.config/fish/completions/chronik.fish",
        ],
      }),
    );
  completion.addArgument(
    completion.createArgument("<shell>", "the shell that reads the script").choices(["bash", "zsh", "fish"]),
  );
  completion.action(async (shell) => {
    const { completionScript } = await import("./commands/completion.ts");
    const { endWithReader, write } = await import("./output.ts");
    endWithReader();
    await write(completionScript(shell, chronik));
  });
}

/** A command that works without a cluster. */
function local(command: Command): Command {
  return command.hook("preAction", async () => (await import("./output.ts")).endWithReader());
}

/** A command that reads the folder of a broker. */
function stored(command: Command): Command {
  return command.option("--data-dir <folder>", "the folder that the broker was started with", DEFAULT_DATA_FOLDER);
}

/** The options of a command below another one, those that were given before its name included. */
function optionsOf<Options extends OptionValues>(command: Command): Options {
  const above = command.parent!;
  const options: OptionValues = { ...command.opts() };
  for (const option of above.options) {
    const key = option.attributeName();
    const source = above.getOptionValueSource(key);
    if (source === undefined || source === "default") continue;
    if (!command.options.some((own) => own.attributeName() === key))
      command.error(`error: option ${option.long} does not go with ${above.name()} ${command.name()}`);
    const own = command.getOptionValueSource(key);
    if (own === undefined || own === "default") options[key] = above.getOptionValue(key);
  }
  return options as Options;
}

/** A command that talks to a cluster. */
function client(command: Command): Command {
  return command
    .addOption(
      new Option("-b, --brokers <host:port,…>", "brokers to begin with")
        .argParser(brokerList)
        .env("CHRONIK_BROKERS")
        .default(brokerList(DEFAULT_BROKERS), DEFAULT_BROKERS),
    )
    .hook("preAction", async () => (await import("./output.ts")).endWithReader());
}

function json(): Option {
  return new Option("--json", "print lines of JSON");
}

function help({ text: prose, examples }: { readonly text?: string; readonly examples: readonly string[] }): string {
  return ["", ...(prose === undefined ? [] : [prose, ""]), "Examples:", ...examples.map((line) => `  ${line}`)].join(
    "\n",
  );
}

function version(): string {
  const manifest = createRequire(import.meta.url)("../../package.json") as { readonly version: string };
  return manifest.version;
}
