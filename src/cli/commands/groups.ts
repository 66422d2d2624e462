/** `chronik groups`: consumer groups, how far they are, and where they go on. */

import { createNodeClock } from "../../io/node-clock.ts";
import { toJson } from "../exact-json.ts";
import { CommandFailure, Misuse } from "../failure.ts";
import { BEGINNING, type Broker, END, type Kafka, unknownName, withKafka } from "../kafka.ts";
import { offsetsAtTime } from "../offsets.ts";
import { note, writeLines } from "../output.ts";
import { type PartitionState, planReset, type ResetPlan, type ResetTarget } from "../reset-plan.ts";
import { type Cell, table } from "../table.ts";

interface Connection {
  readonly brokers: readonly Broker[];
  readonly json?: true;
}

export interface TopicPartitions {
  readonly topic: string;
  /** Undefined: all of them. */
  readonly partitions?: readonly number[];
}

export async function listGroups(options: Connection & { readonly names?: true }): Promise<void> {
  await withKafka(options.brokers, async (kafka) => {
    const groups = [...(await kafka.groups()).values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    if (options.names) return writeLines(groups.map(({ id }) => id));
    if (options.json) {
      return writeLines(
        groups.map(({ id, state, groupType, protocolType }) =>
          toJson({ group: id, state, type: groupType ?? null, protocolType }),
        ),
      );
    }
    const rows = groups.map(({ id, state, groupType, protocolType }) => [id, state, groupType ?? null, protocolType]);
    await writeLines(table(["GROUP", "STATE", "TYPE", "PROTOCOL"], rows));
  });
}

interface Member {
  readonly id: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly host: string;
}

interface Committed {
  readonly topic: string;
  readonly partition: number;
  /** Null: nothing is committed. */
  readonly committed: bigint | null;
  readonly end: bigint | null;
  readonly lag: bigint | null;
  readonly member: Member | null;
}

export async function describeGroups(names: readonly string[], options: Connection): Promise<void> {
  await withKafka(options.brokers, async (kafka) => {
    const listed = await groupsByName(kafka, names);
    for (const [index, name] of names.entries()) {
      const { state, protocolType, groupType } = listed.get(name)!;
      const { members, owners } = await membersOf(kafka, name, listed.get(name)!);
      const rows = await progressOf(kafka, name, owners);
      if (options.json) {
        const head = { group: name, state, type: groupType ?? null, protocolType };
        await writeLines([toJson({ ...head, members, partitions: rows })]);
        continue;
      }
      const cells = rows.map(({ topic, partition, committed, end, lag, member }): Cell[] => [
        ...[topic, partition, committed, end, lag],
        ...[member?.id ?? null, member?.host ?? null, member?.clientId ?? null],
      ]);
      const lag = rows.reduce((sum, row) => sum + (row.lag ?? 0n), 0n);
      await writeLines([
        ...(index > 0 ? [""] : []),
        `group   ${name}`,
        `state   ${state}`,
        `members ${members?.length ?? "not shown for this type of group"}`,
        `lag     ${lag}`,
        "",
        ...table(["TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "MEMBER", "HOST", "CLIENT"], cells),
      ]);
    }
  });
}

type ListedGroup = Awaited<ReturnType<Kafka["groups"]>> extends ReadonlyMap<string, infer G> ? G : never;

/** @throws CommandFailure when one does not exist. */
async function groupsByName(kafka: Kafka, names: readonly string[]): Promise<ReadonlyMap<string, ListedGroup>> {
  const listed = await kafka.groups();
  for (const name of names) {
    if (!listed.has(name)) throw new CommandFailure(unknownName("group", name, [...listed.keys()]));
  }
  return listed;
}

/**
 * The members, and which of them has each partition (`topic:partition`). Of members that are no consumers nobody knows what
 * they share: null.
 */
async function membersOf(
  kafka: Kafka,
  name: string,
  { protocolType, groupType = "classic" }: ListedGroup,
): Promise<{ readonly members: readonly Member[] | null; readonly owners: ReadonlyMap<string, Member> }> {
  const owners = new Map<string, Member>();
  if (groupType.toLowerCase() === "consumer") return { members: await consumersOf(kafka, name, owners), owners };
  const isReadable = groupType.toLowerCase() === "classic" && (protocolType === "consumer" || protocolType === "");
  if (!isReadable) return { members: null, owners };
  const described = (await kafka.admin.describeGroups({ groups: [name] })).get(name)!;
  const members = [...described.members.values()].map((raw) => {
    const member = {
      id: raw.id,
      instanceId: raw.groupInstanceId || null,
      clientId: raw.clientId,
      host: raw.clientHost.replace(/^\//, ""),
    };
    for (const { topic, partitions } of raw.assignments?.values() ?? []) {
      for (const partition of partitions) owners.set(`${topic}:${partition}`, member);
    }
    return member;
  });
  return { members, owners };
}

/** The members of a group of the consumer protocol. Notes what they have. */
async function consumersOf(kafka: Kafka, name: string, owners: Map<string, Member>): Promise<readonly Member[]> {
  const { members } = await kafka.consumerGroup(name);
  return members.map(({ memberId: id, instanceId, clientId, clientHost, assignment }) => {
    const member = { id, instanceId: instanceId ?? null, clientId, host: clientHost.replace(/^\//, "") };
    for (const { topicName, partitions } of assignment.topicPartitions) {
      for (const partition of partitions) owners.set(`${topicName}:${partition}`, member);
    }
    return member;
  });
}

async function progressOf(
  kafka: Kafka,
  group: string,
  owners: ReadonlyMap<string, Member>,
): Promise<readonly Committed[]> {
  const committed = await committedBy(kafka, group);
  const places = new Set([...committed.keys(), ...owners.keys()]);
  const known = new Set(await kafka.topicNames(true));
  const rows: Committed[] = [];
  for (const { topic, partitions } of placesByTopic(places)) {
    const count = known.has(topic) ? (await kafka.topic(topic)).partitionsCount : 0;
    const existing = partitions.filter((partition) => partition < count);
    const ends = await kafka.offsets(topic, existing, END);
    for (const partition of partitions) {
      const at = committed.get(`${topic}:${partition}`) ?? null;
      const end = ends.get(partition) ?? null;
      const lag = at === null || end === null ? null : end > at ? end - at : 0n;
      rows.push({ topic, partition, committed: at, end, lag, member: owners.get(`${topic}:${partition}`) ?? null });
    }
  }
  return rows;
}

/** The committed offset of each `topic:partition`. */
async function committedBy(kafka: Kafka, group: string): Promise<ReadonlyMap<string, bigint>> {
  const [offsets] = await kafka.admin.listConsumerGroupOffsets({ groups: [group] });
  return new Map(
    (offsets?.topics ?? []).flatMap(({ name, partitions }) =>
      partitions
        .filter(({ committedOffset }) => committedOffset >= 0n)
        .map(({ partitionIndex, committedOffset }) => [`${name}:${partitionIndex}`, committedOffset] as const),
    ),
  );
}

export async function deleteGroups(names: readonly string[], options: Connection): Promise<void> {
  await withKafka(options.brokers, async (kafka) => {
    await groupsByName(kafka, names);
    await kafka.admin.deleteGroups({ groups: [...names] });
    await writeLines(names.map((name) => (options.json ? toJson({ group: name }) : `deleted ${name}`)));
  });
}

export interface ResetOptions {
  readonly topic?: readonly TopicPartitions[];
  readonly allTopics?: true;
  readonly execute?: true;
  readonly toEarliest?: true;
  readonly toLatest?: true;
  readonly toOffset?: bigint;
  readonly toDatetime?: bigint;
  /** Milliseconds. */
  readonly byDuration?: bigint;
  readonly shiftBy?: bigint;
}

export async function resetOffsets(group: string, options: Connection & ResetOptions): Promise<void> {
  const target = targetOf(options);
  if ((options.topic === undefined) === (options.allTopics === undefined)) {
    throw new Misuse("say of which topics: --topic NAME, --topic NAME:0,1 or --all-topics");
  }
  await withKafka(options.brokers, async (kafka) => {
    const committed = await committedBy(kafka, group);
    const plans: ResetPlan[] = [];
    for (const { topic, partitions } of await scopeOf(kafka, options.topic, committed)) {
      plans.push(...planReset(target, await statesOf(kafka, topic, partitions, committed, target)));
    }
    if (plans.length === 0)
      throw new CommandFailure(`group ${group} has committed nothing: name the topics with --topic`);
    if (options.execute) await commit(kafka, group, plans);
    if (options.json) {
      await writeLines(plans.map((plan) => toJson({ group, ...plan, executed: options.execute ?? false })));
    } else {
      const rows = plans.map(({ topic, partition, from, to }) => [topic, partition, from, to]);
      await writeLines(table(["TOPIC", "PARTITION", "COMMITTED", "NEW"], rows));
    }
    if (!options.execute) note("nothing was changed; --execute does it");
  });
}

function targetOf(options: ResetOptions): ResetTarget {
  const { toOffset, toDatetime, byDuration, shiftBy } = options;
  const ago = byDuration === undefined ? undefined : BigInt(createNodeClock().wallMs()) - byDuration;
  const targets: ResetTarget[] = [
    ...(options.toEarliest ? [{ kind: "earliest" } as const] : []),
    ...(options.toLatest ? [{ kind: "latest" } as const] : []),
    ...(toOffset === undefined ? [] : [{ kind: "offset", offset: toOffset } as const]),
    ...(toDatetime === undefined ? [] : [{ kind: "time", ms: toDatetime } as const]),
    ...(ago === undefined ? [] : [{ kind: "time", ms: ago } as const]),
    ...(shiftBy === undefined ? [] : [{ kind: "shift", by: shiftBy } as const]),
  ];
  if (targets.length === 1) return targets[0]!;
  throw new Misuse("give one of --to-earliest, --to-latest, --to-offset, --to-datetime, --by-duration, --shift-by");
}

interface Scope {
  readonly topic: string;
  readonly partitions: readonly number[];
}

async function scopeOf(
  kafka: Kafka,
  asked: readonly TopicPartitions[] | undefined,
  committed: ReadonlyMap<string, bigint>,
): Promise<readonly Scope[]> {
  const wanted: readonly TopicPartitions[] = asked ?? placesByTopic(committed.keys());
  const topics = await kafka.topics(wanted.map(({ topic }) => topic));
  return wanted.map(({ topic, partitions }) => {
    const count = topics.get(topic)!.partitionsCount;
    const wrong = partitions?.find((partition) => partition >= count);
    if (wrong !== undefined)
      throw new CommandFailure(`topic ${topic} has no partition ${wrong}: it has ${count}, from 0`);
    return { topic, partitions: partitions ?? Array.from({ length: count }, (_, partition) => partition) };
  });
}

/** The partitions of each topic among `topic:partition`, both in order. */
function placesByTopic(places: Iterable<string>): readonly Scope[] {
  const topics = Map.groupBy(places, (place) => place.slice(0, place.lastIndexOf(":")));
  return [...topics]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([topic, some]) => ({
      topic,
      partitions: some.map((place) => Number(place.slice(topic.length + 1))).sort((a, b) => a - b),
    }));
}

async function statesOf(
  kafka: Kafka,
  topic: string,
  partitions: readonly number[],
  committed: ReadonlyMap<string, bigint>,
  target: ResetTarget,
): Promise<readonly PartitionState[]> {
  const beginnings = await kafka.offsets(topic, partitions, BEGINNING);
  const ends = await kafka.offsets(topic, partitions, END);
  const found = target.kind === "time" ? await offsetsAtTime(kafka, topic, partitions, target.ms) : undefined;
  return partitions.map((partition) => {
    return {
      ...{ topic, partition },
      committed: committed.get(`${topic}:${partition}`) ?? null,
      beginning: beginnings.get(partition)!,
      end: ends.get(partition)!,
      atTime: found?.get(partition)!.offset ?? null,
    };
  });
}

async function commit(kafka: Kafka, group: string, plans: readonly ResetPlan[]): Promise<void> {
  const listed = (await kafka.groups()).get(group);
  if (listed !== undefined && listed.state !== "Empty" && listed.state !== "Dead") {
    throw new CommandFailure(`group ${group} is in use (${listed.state}): stop its consumers first`);
  }
  const byTopic = Map.groupBy(plans, ({ topic }) => topic);
  await kafka.admin.alterConsumerGroupOffsets({
    groupId: group,
    topics: [...byTopic].map(([name, some]) => ({
      name,
      partitionOffsets: some.map(({ partition, to }) => ({ partition, offset: to })),
    })),
  });
}
