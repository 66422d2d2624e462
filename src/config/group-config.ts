/**
 * The settings of a group: its own, and the broker's where it has none (KIP-848, KIP-932, KIP-1071). Checked and described
 * as in Kafka: a group may choose within the bounds that the broker sets.
 */
import { type BrokerLayers, brokerValue, type Texts } from "./broker-config.ts";
import { CONFIG_SOURCE, type DescribedConfig, described } from "./described.ts";
import type { Checked, Setting } from "./setting.ts";
import { BROKER_SETTINGS, type BrokerKey, GROUP_SETTINGS, type GroupKey } from "./tables.ts";
import { unknownKey, valueProblem } from "./texts-check.ts";

interface Bounds {
  readonly key: GroupKey;
  readonly min?: BrokerKey;
  readonly max?: BrokerKey;
}

/** In the order in which Kafka looks at them. */
const BOUNDS: readonly Bounds[] = [
  {
    key: "consumer.heartbeat.interval.ms",
    min: "group.consumer.min.heartbeat.interval.ms",
    max: "group.consumer.max.heartbeat.interval.ms",
  },
  {
    key: "consumer.session.timeout.ms",
    min: "group.consumer.min.session.timeout.ms",
    max: "group.consumer.max.session.timeout.ms",
  },
  bounds("share", "heartbeat.interval.ms"),
  bounds("share", "session.timeout.ms"),
  bounds("share", "record.lock.duration.ms"),
  bounds("streams", "heartbeat.interval.ms"),
  bounds("streams", "session.timeout.ms"),
  { key: "streams.num.standby.replicas", max: "group.streams.max.standby.replicas" },
];

/** A session must outlast a heartbeat. */
const LONGER_THAN: readonly (readonly [GroupKey, GroupKey])[] = [
  ["consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"],
  ["share.session.timeout.ms", "share.heartbeat.interval.ms"],
  ["streams.session.timeout.ms", "streams.heartbeat.interval.ms"],
];

/**
 * Checks the settings a group shall have: all of them, as they will be after the change. Kafka's message of what is wrong
 * first (the error is INVALID_CONFIG), or null.
 */
export function groupConfigProblem(texts: Texts, layers: BrokerLayers): string | null {
  const unknown = unknownKey(GROUP_SETTINGS, texts);
  if (unknown !== undefined) return `Unknown group config name: ${unknown}`;
  return valueProblem(GROUP_SETTINGS, texts) ?? conflict(texts, layers);
}

/** All settings of a group, as DescribeConfigs answers. Sorted by name. */
export function describeGroup(texts: Texts, layers: BrokerLayers): DescribedConfig[] {
  return [...GROUP_SETTINGS].map(([key, setting]) => {
    const own = ownValue(key, setting, texts);
    const { text } = own ?? groupDefault(key as GroupKey, setting, layers);
    const source = own === null ? CONFIG_SOURCE.default : CONFIG_SOURCE.group;
    return described(key, setting, { text, synonyms: [{ name: key, value: text, source }], readOnly: false });
  });
}

function conflict(texts: Texts, layers: BrokerLayers): string | null {
  const value = (key: GroupKey): number => resolveKey(key, texts, layers).value as number;
  const limit = (key: BrokerKey): number => brokerValue(key, layers).value as number;
  for (const { key, min, max } of BOUNDS) {
    if (min !== undefined && value(key) < limit(min)) return `${key} must be greater than or equal to ${min}`;
    if (max !== undefined && value(key) > limit(max)) return `${key} must be less than or equal to ${max}`;
  }
  for (const [longer, shorter] of LONGER_THAN) {
    if (value(longer) <= value(shorter)) return `${longer} must be greater than ${shorter}`;
  }
  return null;
}

/** A setting of a group as it is now, in milliseconds. */
export function groupSetting(
  key: "consumer.heartbeat.interval.ms" | "consumer.session.timeout.ms",
  texts: Texts,
  layers: BrokerLayers,
): number {
  return resolveKey(key, texts, layers).value as number;
}

function resolveKey(key: GroupKey, texts: Texts, layers: BrokerLayers): Checked<unknown> {
  const setting = GROUP_SETTINGS.get(key)!;
  return ownValue(key, setting, texts) ?? groupDefault(key, setting, layers);
}

/** A text that a newer version accepted and this one refuses does not count. */
function ownValue(key: string, setting: Setting, texts: Texts): Checked<unknown> | null {
  const text = texts.get(key);
  if (text === undefined) return null;
  const checked = setting.check(key, text);
  return "error" in checked ? null : checked;
}

/** The broker's setting of the same name behind `group.`, where there is one. */
function groupDefault(key: GroupKey, setting: Setting, layers: BrokerLayers): Checked<unknown> {
  const broker = `group.${key}`;
  return BROKER_SETTINGS.has(broker) ? brokerValue(broker as BrokerKey, layers) : setting.default;
}

function bounds(kind: string, name: string): Bounds {
  return {
    key: `${kind}.${name}` as GroupKey,
    min: `group.${kind}.min.${name}` as BrokerKey,
    max: `group.${kind}.max.${name}` as BrokerKey,
  };
}
