/** A setting as DescribeConfigs answers it, with the numbers that stand for sources and types on the wire. */
import { isSensitive, type Setting, type SettingType } from "./setting.ts";

export interface DescribedConfig {
  readonly name: string;
  /** null: nothing is set, or it is a secret. */
  readonly value: string | null;
  readonly source: ConfigSource;
  readonly readOnly: boolean;
  readonly sensitive: boolean;
  readonly type: number;
  readonly documentation: string;
  /** Where the value comes from, and what would count without it: strongest first. */
  readonly synonyms: readonly ConfigSynonym[];
}

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: ConfigSource;
}

/** Kafka's ids of where a value is set. */
export const CONFIG_SOURCE = {
  dynamicTopic: 1,
  dynamicBroker: 2,
  dynamicDefaultBroker: 3,
  staticBroker: 4,
  default: 5,
  clientMetrics: 7,
  group: 8,
} as const;

export type ConfigSource = (typeof CONFIG_SOURCE)[keyof typeof CONFIG_SOURCE];

/** Kafka's ids of types. */
const CONFIG_TYPE: Readonly<Record<SettingType, number>> = {
  BOOLEAN: 1,
  STRING: 2,
  INT: 3,
  SHORT: 4,
  LONG: 5,
  DOUBLE: 6,
  LIST: 7,
  CLASS: 8,
  PASSWORD: 9,
};

/** `text`: the value; `synonyms` start with what it comes from. */
export function described(
  name: string,
  setting: Setting,
  { text, synonyms, readOnly }: { text: string | null; synonyms: readonly ConfigSynonym[]; readOnly: boolean },
): DescribedConfig {
  const sensitive = isSensitive(setting);
  return {
    name,
    value: sensitive ? null : text,
    source: synonyms[0]?.source ?? CONFIG_SOURCE.default,
    readOnly,
    sensitive,
    type: CONFIG_TYPE[setting.type],
    documentation: setting.documentation,
    synonyms,
  };
}
