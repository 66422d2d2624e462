/**
 * A setting that claims an effect is read by the program. (The other way round the compiler sees to: a setting without
 * meaning is not in the type of what the program reads.)
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Setting } from "../../src/config/setting.ts";
import { BROKER_FOR_TOPIC } from "../../src/config/synonyms.ts";
import { BROKER_SETTINGS, GROUP_SETTINGS, TOPIC_SETTINGS } from "../../src/config/tables.ts";

const SRC = fileURLToPath(new URL("../../src/", import.meta.url));
/** Where settings are named without being read. */
const TABLES = /^config\/(table\/|synonyms\.ts$)/;

const program = globSync("**/*.ts", { cwd: SRC })
  .filter((file) => !file.endsWith(".test.ts") && !TABLES.test(file))
  .map((file) => readFileSync(join(SRC, file), "utf8"))
  .join("\n");

/** Settings that claim an effect and are nowhere in `text`. */
function unread(settings: ReadonlyMap<string, Setting>, text: string): string[] {
  const isRead = (key: string): boolean => text.includes(key.includes(".") ? `"${key}"` : `config.${key}`);
  return [...settings].filter(([key, { noMeaning }]) => noMeaning === null && !isRead(key)).map(([key]) => key);
}

test("every setting of a topic that claims an effect is read", () => {
  assert.deepEqual(unread(TOPIC_SETTINGS, program), []);
});

test("every setting of the broker that claims an effect is read, or is the default of a topic's or a group's", () => {
  const defaults: ReadonlySet<string> = new Set([
    ...Object.values(BROKER_FOR_TOPIC).flat(),
    ...[...GROUP_SETTINGS.keys()].map((key) => `group.${key}`),
  ]);
  assert.deepEqual(
    unread(BROKER_SETTINGS, program).filter((key) => !defaults.has(key)),
    [],
  );
});

test("every setting of a group that claims an effect is read", () => {
  assert.deepEqual(unread(GROUP_SETTINGS, program), []);
});

test("a setting that nobody reads is found (canary)", () => {
  assert.deepEqual(unread(TOPIC_SETTINGS, program.replaceAll('"retention.ms"', '"retention.m"')), ["retention.ms"]);
});
