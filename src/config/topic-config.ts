/** What a topic's settings are: its own, and the broker's where it has none. */
import { type BrokerLayers, brokerValue, describedSynonyms, type Texts } from "./broker-config.ts";
import { CONFIG_SOURCE, type DescribedConfig, described } from "./described.ts";
import { type Checked, type Setting } from "./setting.ts";
import { BROKER_FOR_TOPIC, UNIT_MS } from "./synonyms.ts";
import { TOPIC_SETTINGS, type TopicConfig, type TopicKey } from "./tables.ts";
import { unknownKey, valueProblem } from "./texts-check.ts";

/** What a topic without settings of its own runs with. Resolve it again when the broker's settings change. */
export function topicDefaults(layers: BrokerLayers): TopicConfig {
  const values: Record<string, unknown> = {};
  for (const [key, setting] of TOPIC_SETTINGS) {
    if (setting.noMeaning === null) values[key] = brokerDefault(key as TopicKey, setting, layers).value;
  }
  return values as unknown as TopicConfig;
}

/**
 * What a topic with `overrides` runs with: `defaults` itself when there are none, so that thousands of plain topics
 * share one object.
 */
export function resolveTopic(overrides: Texts, defaults: TopicConfig): TopicConfig {
  if (overrides.size === 0) return defaults;
  const values: Record<string, unknown> = { ...defaults };
  for (const [key, setting] of TOPIC_SETTINGS) {
    const own = setting.noMeaning === null ? ownValue(key, setting, overrides) : null;
    if (own !== null) values[key] = own.value;
  }
  return values as unknown as TopicConfig;
}

/**
 * Checks the settings a topic shall have: all of them, as they will be after the change. Kafka's message of what is
 * wrong first (the error is INVALID_CONFIG), or null.
 */
export function topicConfigProblem(overrides: ReadonlyMap<string, string | null>, layers: BrokerLayers): string | null {
  const nulls = [...overrides].filter(([, text]) => text === null).map(([key]) => key);
  if (nulls.length > 0) return `Null value not supported for topic configs: ${nulls.join(",")}`;
  const texts = overrides as Texts;
  const unknown = unknownKey(TOPIC_SETTINGS, texts);
  if (unknown !== undefined) return `Unknown topic config name: ${unknown}`;
  return valueProblem(TOPIC_SETTINGS, texts) ?? conflict(texts, layers);
}

/** What is wrong with the broker's settings as the defaults of topics. */
export function topicDefaultsProblems(layers: BrokerLayers): string[] {
  const problem = conflict(new Map(), layers);
  const keepsNothing = topicDefaults(layers)["retention.ms"] === 0;
  return [
    ...(problem === null ? [] : [problem]),
    ...(keepsNothing ? ["log.retention.ms is 0: give -1 (no limit) or at least 1"] : []),
  ];
}

/** What is wrong with settings that are right one by one, or null. */
function conflict(overrides: Texts, layers: BrokerLayers): string | null {
  const text = (key: TopicKey): string => resolveKey(key, overrides, layers).text!;
  const [minLag, maxLag] = [text("min.compaction.lag.ms"), text("max.compaction.lag.ms")];
  if (BigInt(minLag) > BigInt(maxLag)) {
    return `conflict topic config setting min.compaction.lag.ms (${minLag}) > ` + `max.compaction.lag.ms (${maxLag})`;
  }
  if (text("remote.storage.enable") === "true") {
    return (
      "Tiered Storage functionality is disabled in the broker. " + "Topic cannot be configured with remote log storage."
    );
  }
  return null;
}

/** All settings of a topic, as DescribeConfigs answers. Sorted by name. */
export function describeTopic(overrides: Texts, layers: BrokerLayers): DescribedConfig[] {
  return [...TOPIC_SETTINGS].map(([key, setting]) => {
    const own = ownValue(key, setting, overrides);
    const { text } = own ?? brokerDefault(key as TopicKey, setting, layers);
    const [broker] = BROKER_FOR_TOPIC[key as TopicKey] ?? [];
    const synonyms = broker === undefined ? [] : describedSynonyms(broker, layers);
    if (own !== null) synonyms.unshift({ name: key, value: text, source: CONFIG_SOURCE.dynamicTopic });
    return described(key, setting, { text, synonyms, readOnly: false });
  });
}

function resolveKey(key: TopicKey, overrides: Texts, layers: BrokerLayers): Checked<unknown> {
  const setting = TOPIC_SETTINGS.get(key)!;
  return ownValue(key, setting, overrides) ?? brokerDefault(key, setting, layers);
}

/** A text that a newer version accepted and this one refuses does not count. */
function ownValue(key: string, setting: Setting, overrides: Texts): Checked<unknown> | null {
  const text = overrides.get(key);
  if (text === undefined) return null;
  const checked = setting.check(key, text);
  return "error" in checked ? null : checked;
}

/** The first of the broker's settings for `key` that is not null, in milliseconds where it is in another unit. */
function brokerDefault(key: TopicKey, setting: Setting, layers: BrokerLayers): Checked<unknown> {
  for (const name of BROKER_FOR_TOPIC[key] ?? []) {
    const checked = brokerValue(name, layers);
    if (checked.text === null) continue;
    // Any negative retention is Kafka's -1, no limit; so it is for -1 hours.
    if (key === "retention.ms" && (checked.value as number) < 0) return { value: -1, text: "-1" };
    const unitMs = UNIT_MS[name];
    if (unitMs === undefined) return checked;
    const value = (checked.value as number) * unitMs;
    return { value, text: String(value) };
  }
  return setting.default;
}
