/**
 * Writes docs/configuration.md from the tables of settings. A test fails while the two differ.
 *
 * Usage: node scripts/write-configuration-doc.ts
 */
import { writeFileSync } from "node:fs";
import { MAX_ANSWER_BYTES } from "../src/broker/broker.ts";
import { MAX_FOLLOWED_PARTITIONS, MAX_SESSION_PARTITIONS } from "../src/broker/fetch-sessions.ts";
import { MAX_RESOURCES } from "../src/broker/handlers/32-describe-configs.ts";
import { MAX_PARKED_OF_CONNECTION, MAX_PARKED_PARTITIONS } from "../src/broker/parked-fetches.ts";
import { MAX_FALSE_BATCHES } from "../src/broker/timestamp-search.ts";
import { MAX_PARTITIONS_PER_REQUEST } from "../src/broker/topic-creation.ts";
import type { Setting } from "../src/config/setting.ts";
import { ALIASES, BROKER_FOR_TOPIC } from "../src/config/synonyms.ts";
import { STORAGE } from "../src/config/table/storage.ts";
import {
  BROKER_SETTINGS,
  CLIENT_METRICS_SETTINGS,
  GROUP_SETTINGS,
  TOPIC_SETTINGS,
  type TopicKey,
} from "../src/config/tables.ts";
import { code, markdownTable } from "./markdown.ts";

export const CONFIGURATION_DOC = new URL("../docs/configuration.md", import.meta.url);

const INTRODUCTION = `<!-- Written by scripts/write-configuration-doc.ts from src/config: change the tables there. -->
# Configuration

Chronik has Kafka's settings under Kafka's names, and a few of its own. They come, the later ones counting more, from

1. the defaults below,
2. a file, \`chronik start --config FILE\`, in the format of Kafka's \`server.properties\` (UTF-8),
3. \`--set key=value\`, as often as needed,
4. the flags \`--data-dir\` (\`log.dirs\`), \`--host\` and \`--port\` (\`listeners\`), \`--advertised-addr\` (\`advertised.addr\`).

A key that does not exist stops the start, and so does a value that is not valid. A setting that Kafka has and that
means nothing here is accepted, said once at the start, and listed below with the reason.

"Changes" says when a new value counts: after a restart, or at once. What changes at once can be set while the broker runs,
for one broker or for all of them, and comes before everything above:

    kafka-configs.sh --bootstrap-server HOST:PORT --alter --entity-type brokers --entity-default --add-config log.retention.ms=3600000

Settings of topics, groups and subscriptions of client metrics are set in the same way. A value may have up to 32,767
bytes, and up to 10,000 groups, and as many subscriptions, may have settings.

A 64-bit number beyond 2^53-1, such as 9223372036854775807 for "never", is kept and shown exactly; the broker works
with 2^53-1 in its place.

## Addresses

A client connects to any one address first, and from then on to the addresses that the broker tells it. By default the
broker listens on loopback only. To be reached from elsewhere it needs to know under which address:

    chronik start --host 0.0.0.0 --advertised-addr broker.example.org

Clients inside and outside of a container network, each with an address of their own:

    listeners=INSIDE://0.0.0.0:29092,HOST://0.0.0.0:9092
    advertised.listeners=INSIDE://chronik:29092,HOST://localhost:9092
    listener.security.protocol.map=INSIDE:PLAINTEXT,HOST:PLAINTEXT
`;

const LIMITS = `## Limits that are no settings

| Of | At most | Beyond that |
| --- | --- | --- |
| a fetch session (KIP-227) | ${number(MAX_SESSION_PARTITIONS)} partitions; all sessions together ${number(MAX_FOLLOWED_PARTITIONS)} | each fetch is answered in full, without a session |
| fetches that wait for records | ${number(MAX_PARKED_OF_CONNECTION)} partitions on one connection, ${number(MAX_PARKED_PARTITIONS)} in all | a fetch is answered at once, with what there is |
| CreateTopics, CreatePartitions, Metadata that creates topics | ${number(MAX_PARTITIONS_PER_REQUEST)} partitions in one request | POLICY_VIOLATION; Metadata says that the others are unknown, and creates them when it is asked again |
| an answer | ${MAX_ANSWER_BYTES / 1024 / 1024} MiB, not counting records and what members of groups sent | the connection is closed |
| DescribeConfigs | ${number(MAX_RESOURCES)} resources in one request, each once | INVALID_REQUEST |
| ListOffsets by timestamp | ${MAX_FALSE_BATCHES} batches in one request whose header claims a later timestamp than their records have | CORRUPT_MESSAGE; asked again it gets further |
`;

function number(value: number): string {
  return value.toLocaleString("en-US");
}

/** The whole page. */
export function configurationDoc(): string {
  const own = (key: string): boolean => Object.hasOwn(STORAGE, key);
  const broker = [...BROKER_SETTINGS];
  return [
    INTRODUCTION,
    "## Chronik's own settings\n",
    settingTable(broker.filter(([key]) => own(key))),
    "Other names:\n",
    markdownTable(
      ["Name", "Type", "Stands for"],
      [...ALIASES].map(([name, { setting }]) => [code(name), setting.type.toLowerCase(), setting.documentation]),
    ),
    "## Kafka's settings of the broker\n",
    settingTable(broker.filter(([key, setting]) => !own(key) && setting.noMeaning === null)),
    "## Settings of a topic\n",
    "What a topic does not set comes from the broker.\n",
    topicTable([...TOPIC_SETTINGS].filter(([, setting]) => setting.noMeaning === null)),
    "## Without meaning here\n",
    "Accepted as Kafka accepts them, with its checks, and described to clients; nothing else follows from them.\n",
    ...withoutMeaning("the broker", broker),
    ...withoutMeaning("a topic", [...TOPIC_SETTINGS]),
    ...withoutMeaning("a group", [...GROUP_SETTINGS]),
    ...withoutMeaning("a subscription of client metrics", [...CLIENT_METRICS_SETTINGS]),
    LIMITS,
  ].join("\n");
}

type Settings = readonly (readonly [key: string, setting: Setting])[];

const CHANGES = { "read-only": "restart", "per-broker": "at once, one", "cluster-wide": "at once, all" };

function settingTable(settings: Settings): string {
  return markdownTable(
    ["Setting", "Type", "Default", "Valid", "Changes", "What it does"],
    settings.map(([key, setting]) => [...columns(key, setting), CHANGES[setting.scope], setting.documentation]),
  );
}

function topicTable(settings: Settings): string {
  return markdownTable(
    ["Setting", "Type", "Default", "Valid", "From the broker", "What it does"],
    settings.map(([key, setting]) => {
      const broker = BROKER_FOR_TOPIC[key as TopicKey] ?? [];
      return [...columns(key, setting), broker.map(code).join(", "), setting.documentation];
    }),
  );
}

/** One table for each reason. */
function withoutMeaning(owner: string, settings: Settings): string[] {
  const unused = settings.filter(([, setting]) => setting.noMeaning !== null);
  return [...Map.groupBy(unused, ([, setting]) => setting.noMeaning)].flatMap(([reason, group]) => [
    `### Of ${owner}: ${reason}\n`,
    markdownTable(
      ["Setting", "Type", "Default", "What it is in Kafka"],
      group.map(([key, setting]) => [...columns(key, setting).slice(0, 3), setting.documentation]),
    ),
  ]);
}

function columns(key: string, { type, default: { text }, valid }: Setting): string[] {
  const shown = text === null ? "none" : text === "" ? "empty" : code(text);
  return [code(key), type.toLowerCase(), shown, valid];
}

if (import.meta.main) writeFileSync(CONFIGURATION_DOC, configurationDoc());
