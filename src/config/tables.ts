/** All settings, by what they belong to: a broker, a topic, a group, a subscription of client metrics. */
import type { Setting, Values } from "./setting.ts";
import { BROKER } from "./table/broker.ts";
import { CLIENT_METRICS } from "./table/client-metrics.ts";
import { GROUP } from "./table/group.ts";
import { GROUPS } from "./table/groups.ts";
import { LOG } from "./table/log.ts";
import { NETWORK } from "./table/network.ts";
import { REMOTE_STORAGE } from "./table/remote.ts";
import { REPLICATION } from "./table/replication.ts";
import { SECURITY } from "./table/security.ts";
import { STORAGE } from "./table/storage.ts";
import { TOPIC } from "./table/topic.ts";
import { TRANSACTIONS } from "./table/transactions.ts";

const BROKER_TABLE = {
  ...NETWORK,
  ...LOG,
  ...STORAGE,
  ...BROKER,
  ...GROUPS,
  ...TRANSACTIONS,
  ...REPLICATION,
  ...REMOTE_STORAGE,
  ...SECURITY,
};

export type BrokerKey = keyof typeof BROKER_TABLE;
export type TopicKey = keyof typeof TOPIC;
export type GroupKey = keyof typeof GROUP;

/**
 * What the broker runs with, by key. Only settings that have an effect are in it: `config["segment.bytes"]` does not
 * compile. Times and sizes are in the unit their key ends with; a value beyond 2^53-1 is 2^53-1.
 */
export type BrokerConfig = Values<typeof BROKER_TABLE>;
/** What a topic runs with, by key; as `BrokerConfig`. */
export type TopicConfig = Values<typeof TOPIC>;

export const BROKER_SETTINGS = settingsByKey<BrokerKey>(BROKER_TABLE);
export const TOPIC_SETTINGS = settingsByKey<TopicKey>(TOPIC);
export const GROUP_SETTINGS = settingsByKey<GroupKey>(GROUP);
export const CLIENT_METRICS_SETTINGS = settingsByKey<keyof typeof CLIENT_METRICS>(CLIENT_METRICS);

/** Sorted by key. A Map, because keys come from outside: "constructor" is none of them. */
function settingsByKey<K extends string>(table: Readonly<Record<K, Setting>>): ReadonlyMap<string, Setting> {
  return new Map(Object.entries<Setting>(table).sort(([a], [b]) => (a < b ? -1 : 1)));
}
