/**
 * What the broker's settings are, from the layers they can be set in (KIP-226). Pure: nothing is remembered, so
 * whoever holds the layers resolves them again when one changes.
 */
import { CONFIG_SOURCE, type ConfigSource, type ConfigSynonym, type DescribedConfig, described } from "./described.ts";
import { type Checked, isSensitive, type Setting } from "./setting.ts";
import { brokerSynonyms } from "./synonyms.ts";
import { BROKER_SETTINGS, type BrokerConfig, type BrokerKey } from "./tables.ts";

/** Texts as given, by key. */
export type Texts = ReadonlyMap<string, string>;

/** Where a setting of the broker can come from, strongest first; behind them all is its default. */
export interface BrokerLayers {
  /** Set for this broker while it runs. */
  readonly perBroker: Texts;
  /** Set for all brokers while they run. */
  readonly clusterWide: Texts;
  /** Given at start. */
  readonly atStart: Texts;
}

const LAYERS: readonly { readonly name: keyof BrokerLayers; readonly source: ConfigSource }[] = [
  { name: "perBroker", source: CONFIG_SOURCE.dynamicBroker },
  { name: "clusterWide", source: CONFIG_SOURCE.dynamicDefaultBroker },
  { name: "atStart", source: CONFIG_SOURCE.staticBroker },
];

/** The layers of a broker whose settings were all given at start. */
export function layersAtStart(atStart: Texts): BrokerLayers {
  return { perBroker: new Map(), clusterWide: new Map(), atStart };
}

/** Resolves all settings. Keep the result: this goes through every key. */
export function resolveBroker(layers: BrokerLayers): BrokerConfig {
  const values: Record<string, unknown> = {};
  for (const [key, setting] of BROKER_SETTINGS) {
    if (setting.noMeaning === null) values[key] = resolveSetting(key, setting, layers).value;
  }
  return values as unknown as BrokerConfig;
}

/** One setting of the broker, also one without a meaning here. */
export function brokerValue(key: BrokerKey, layers: BrokerLayers): Checked<unknown> {
  return resolveSetting(key, BROKER_SETTINGS.get(key)!, layers);
}

/** A text that a newer version accepted and this one refuses does not count: the next layer does. */
function resolveSetting(key: string, setting: Setting, layers: BrokerLayers): Checked<unknown> {
  for (const { name } of LAYERS) {
    const text = layers[name].get(key);
    if (text === undefined) continue;
    const checked = setting.check(key, text);
    if (!("error" in checked)) return checked;
  }
  return setting.default;
}

/** All settings of this broker, as DescribeConfigs answers for its id. Sorted by name. */
export function describeBroker(layers: BrokerLayers): DescribedConfig[] {
  return [...BROKER_SETTINGS].map(([key, setting]) => {
    const { text } = resolveSetting(key, setting, layers);
    const synonyms = describedSynonyms(key, layers);
    return described(key, setting, { text, synonyms, readOnly: setting.scope === "read-only" });
  });
}

/** What is set for all brokers, as DescribeConfigs answers for the empty broker name. */
export function describeClusterWide(layers: BrokerLayers): DescribedConfig[] {
  return [...layers.clusterWide].flatMap(([key, text]) => {
    const setting = BROKER_SETTINGS.get(key);
    if (setting === undefined) return [];
    const synonyms = describedSynonyms(key, layers).filter(
      ({ source }) => source === CONFIG_SOURCE.dynamicDefaultBroker,
    );
    return [described(key, setting, { text, synonyms, readOnly: setting.scope === "read-only" })];
  });
}

/**
 * Every place that sets `key` or a setting that stands for it, strongest first, with texts as given. As in Kafka the
 * list starts at the first that is `key` itself: with only `log.retention.hours` given, `log.retention.ms` has none.
 */
export function describedSynonyms(key: string, layers: BrokerLayers): ConfigSynonym[] {
  const names = brokerSynonyms(key);
  const shown = (name: string, text: string): string | null => (isSensitive(BROKER_SETTINGS.get(name)!) ? null : text);
  const synonyms: ConfigSynonym[] = [];
  for (const layer of LAYERS) {
    for (const name of names) {
      const text = layers[layer.name].get(name);
      if (text !== undefined) synonyms.push({ name, value: shown(name, text), source: layer.source });
    }
  }
  for (const name of names) {
    const { text } = BROKER_SETTINGS.get(name)!.default;
    if (text !== null) synonyms.push({ name, value: shown(name, text), source: CONFIG_SOURCE.default });
  }
  const start = synonyms.findIndex(({ name }) => name === key);
  return start < 0 ? [] : synonyms.slice(start);
}
