import assert from "node:assert/strict";
import { test } from "node:test";
import type { Setting } from "./setting.ts";
import { BROKER_FOR_TOPIC } from "./synonyms.ts";
import { BROKER } from "./table/broker.ts";
import { GROUPS } from "./table/groups.ts";
import { LOG } from "./table/log.ts";
import { NETWORK } from "./table/network.ts";
import { REMOTE_STORAGE } from "./table/remote.ts";
import { REPLICATION } from "./table/replication.ts";
import { SECURITY } from "./table/security.ts";
import { STORAGE } from "./table/storage.ts";
import { TRANSACTIONS } from "./table/transactions.ts";
import { BROKER_SETTINGS, type BrokerConfig, GROUP_SETTINGS, TOPIC_SETTINGS, type TopicConfig } from "./tables.ts";

const ALL: readonly (readonly [string, Setting])[] = [BROKER_SETTINGS, TOPIC_SETTINGS, GROUP_SETTINGS].flatMap(
  (settings) => [...settings],
);

test("no setting is in two files of the table", () => {
  const files = [NETWORK, LOG, STORAGE, BROKER, GROUPS, TRANSACTIONS, REPLICATION, REMOTE_STORAGE, SECURITY];
  const keys = files.flatMap((file) => Object.keys(file));
  assert.deepEqual(
    keys.filter((key, index) => keys.indexOf(key) !== index),
    [],
  );
  assert.equal(keys.length, BROKER_SETTINGS.size);
});

test("every default passes its own checks, and comes out as itself", () => {
  for (const [key, setting] of ALL) {
    if (setting.default.text === null) assert.equal(setting.default.value, null, key);
    else assert.deepEqual(setting.check(key, setting.default.text), setting.default, key);
  }
});

test("every setting is explained in one sentence or two", () => {
  for (const [key, { documentation, valid }] of ALL) {
    assert.match(documentation, /^[A-Z`][^|\n]*[.]$/, key);
    assert.notEqual(valid, "", key);
  }
});

test("a topic's setting has an effect exactly where the broker's that stand behind it have", () => {
  for (const [topicKey, brokerKeys] of Object.entries(BROKER_FOR_TOPIC)) {
    for (const brokerKey of brokerKeys) {
      const [topic, broker] = [TOPIC_SETTINGS.get(topicKey)!, BROKER_SETTINGS.get(brokerKey)!];
      assert.equal(broker.noMeaning, topic.noMeaning, `${brokerKey} and ${topicKey}`);
    }
  }
});

test("a name that is no setting is none, whatever objects have by themselves", () => {
  assert.equal(BROKER_SETTINGS.get("constructor"), undefined);
  assert.equal(TOPIC_SETTINGS.get("__proto__"), undefined);
});

test("the compiler knows each value's type, and that a setting without meaning has none", () => {
  function read(broker: BrokerConfig, topic: TopicConfig): void {
    const sync: "always" | "interval" = broker["wal.sync"];
    const address: string | null = broker["advertised.addr"];
    const bytes: number = broker["message.max.bytes"];
    const policies: readonly ("compact" | "delete")[] = topic["cleanup.policy"];
    const retentionMs: number = topic["retention.ms"];
    // @ts-expect-error null where nothing is set
    const minutes: number = broker["log.retention.minutes"];
    // @ts-expect-error it has no meaning here
    void topic["segment.jitter.ms"];
    // @ts-expect-error there is no such setting
    void broker["message.max.byte"];
    void [sync, address, bytes, policies, retentionMs, minutes];
  }
  assert.equal(typeof read, "function");
});
