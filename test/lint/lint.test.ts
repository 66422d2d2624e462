/**
 * The checker is checked: every rule that .oxlintrc.json turns on by name finds its bad samples, and none finds anything in
 * the good ones. The samples are linted in a temporary folder, with the repository's own configuration.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "..", "..");
const OXLINT = join(ROOT, "node_modules", "oxlint", "bin", "oxlint");

/** A file, or a folder for one of its own; and what is in it. */
type Sample = readonly [place: string, source: string];

/** The rule that must find it, and a part of the message that says what to do. */
type BadSample = readonly [...Sample, rule: string, says?: string];

const BAD: readonly BadSample[] = [
  ["src/log", `import "../state/a.ts";`, "chronik/rooms", "log may not import state"],
  ["src/log", `import type { A } from "../state/a.ts"; export type B = A;`, "chronik/rooms", "may not import state"],
  ["src/log", `await import("../state/a.ts");`, "chronik/rooms", "may not import state"],
  ["src/log", `export { a } from "../state/a.ts";`, "chronik/rooms", "may not import state"],
  ["src/log", `export * from "../state/a.ts";`, "chronik/rooms", "may not import state"],
  ["src/log", `export const a = (name: string) => import(name);`, "chronik/rooms", "must be a plain string"],
  ["src/protocol", `declare const require: (name: string) => void; require("node:fs");`, "chronik/rooms", "use a Disk"],
  ["src/coordinator", `import "../storage/a.ts";`, "chronik/rooms", "coordinator may not import storage"],
  ["src/broker/handlers", `import "../../io/a.ts";`, "chronik/rooms", "broker may not import io"],
  ["src/io", `import "../broker/a.ts";`, "chronik/rooms", "io may not import broker"],
  ["src/main.ts", `import "./cli/a.ts";`, "chronik/rooms", "main may not import cli"],
  ["src/cli", `import "../../bench/a.ts";`, "chronik/rooms", "may not import bench/a.ts"],
  ["src/log", `import "node:fs";`, "chronik/rooms", "use a Disk"],
  ["src/log", `import "fs";`, "chronik/rooms", "write node:fs"],
  ["src/cli", `import "node:net";`, "chronik/rooms", "use a Network"],
  ["src/cli", `import "node:timers/promises";`, "chronik/rooms", "use Clock.schedule"],
  ["src/state", `import "node:child_process";`, "chronik/rooms", "reach it in src/io"],
  ["src/storage", `import "node:worker_threads";`, "chronik/rooms", "reach it in src/io"],
  ["src/broker", `import "node:http";`, "chronik/rooms", "reach it in src/io"],
  ["src/base", `import { randomBytes } from "node:crypto";`, "chronik/rooms", "use a Random"],
  ["src/base", `import * as crypto from "node:crypto";`, "chronik/rooms", "by name"],
  ["src/base", `import "hono";`, "chronik/rooms", "belongs to http"],
  ["src/base", `import "left-pad/lib";`, "chronik/rooms", "left-pad is not in PACKAGES"],
  ["src/attic", ``, "chronik/known-room", "no room"],
  ["src/log", `new Date();`, "chronik/no-current-date", "use Clock.wallMs"],
  ["src/log", `Date.now();`, "no-restricted-properties", "use Clock.wallMs"],
  ["src/log", `Math.random();`, "no-restricted-properties", "use a Random"],
  ["src/log", `AbortSignal.timeout(1);`, "no-restricted-properties", "use Clock.schedule"],
  ["src/cli", `setTimeout(() => undefined, 1);`, "no-restricted-globals", "use Clock.schedule"],
  ["src/cli", `setInterval(() => undefined, 1);`, "no-restricted-globals", "use Clock.schedule"],
  ["src/cli", `setImmediate(() => undefined);`, "no-restricted-globals", "use Clock.defer"],
  ["src/cli", `performance.now();`, "no-restricted-globals", "use Clock.monotonicMs"],
  ["src/cli", `crypto.randomUUID();`, "no-restricted-globals", "use a Random"],
  ["src/cli", `process.exit();`, "no-restricted-globals", "import node:process"],
  ["src/cli", `globalThis.setTimeout(() => undefined);`, "no-restricted-globals", "name the global itself"],
  ["src/cli", `await fetch("");`, "no-restricted-globals", "give it a port"],
  ["src/cli", `new WebSocket("");`, "no-restricted-globals", "give it a port"],
  ["src/broker", `console.log("");`, "no-console"],
  ["test", `export default 1;`, "import/no-default-export"],
  ["test", `export { a } from "./a.ts";`, "chronik/no-reexport", "import from the file that defines the name"],
  ["test", `test.only("a", () => {});`, "chronik/no-hidden-test", "--test-name-pattern"],
  ["test", `test.skip("a", () => {});`, "chronik/no-hidden-test", "give the reason"],
  ["test", `describe.todo("a");`, "chronik/no-hidden-test", "give the reason"],
  ["test", `// ${"TODO"}: later`, "no-warning-comments"],
  ["test", `// ${"FIXME"}: now`, "no-warning-comments"],
  ["test", `async function a() {} a();`, "typescript/no-floating-promises"],
  ["test", `[1].forEach(async () => {});`, "typescript/no-misused-promises"],
  ["test", `throw "a";`, "typescript/only-throw-error"],
  ["test", `export const a: any = 1;`, "typescript/no-explicit-any"],
  ["test", `export function a(b: 1 | 2) { switch (b) { case 1: break; } }`, "typescript/switch-exhaustiveness-check"],
  ["test", `export const a = (b: number) => b == 1;`, "eqeqeq"],
  ["test", `export function a(b: number) { b = 1; return b; }`, "no-param-reassign"],
  ["test", `export var a = 1;`, "no-var"],
  ["test", `let a = 1; export const b = a;`, "prefer-const"],
];

const GOOD: readonly Sample[] = [
  ["src/main.ts", `import "./io/a.ts"; import "./broker/a.ts"; import "node:process";`],
  ["src/cli", `import "../main.ts"; import "../io/a.ts"; import "commander"; console.log("");`],
  ["src/io", `import "node:fs"; import "../ports/a.ts"; setTimeout(() => console.log(Date.now(), process.pid), 1);`],
  ["src/http", `import "hono"; import "node:http"; import "../broker/a.ts"; import type {} from "node:net";`],
  ["src/broker/handlers", `import "../../log/a.ts"; import "../../base/a.ts"; import "../a.ts"; import "node:zlib";`],
  ["src/base", `import { createHash } from "node:crypto"; export const a = [createHash, new Date(0)];`],
  ["src/log/a.test.ts", `import "../io/a.ts"; import "../../sim/a.ts"; console.log(Date.now());`],
  ["sim", `import "node:fs"; import "../src/log/a.ts"; setTimeout(() => undefined, Math.random());`],
  ["test", `import { test } from "node:test"; test("a", { skip: "no disk" }, async () => {});`],
];

test("every bad sample is found by its rule, with a message that says what to do", () => {
  const found = lint(BAD);
  for (const [index, [place, source, rule, says = ""]] of BAD.entries()) {
    const matches = found[index]!.filter((finding) => finding.rule === rule && finding.message.includes(says));
    assert.notEqual(matches.length, 0, `${rule} misses \`${source}\` in ${place}: ${JSON.stringify(found[index])}`);
  }
});

test("nothing is found in the good samples", () => {
  assert.deepEqual(
    lint(GOOD),
    GOOD.map(() => []),
  );
});

test("every rule that is turned on by name has a bad sample", () => {
  const config = JSON.parse(readFileSync(join(ROOT, ".oxlintrc.json"), "utf8")) as {
    rules: Record<string, unknown>;
    overrides: { rules: Record<string, unknown> }[];
  };
  const rules = [config, ...config.overrides].flatMap((part) => Object.entries(part.rules));
  const turnedOn = rules.filter(([, setting]) => setting !== "off").map(([rule]) => rule);
  assert.deepEqual(new Set(turnedOn), new Set(BAD.map(([, , rule]) => rule)));
});

interface Finding {
  readonly rule: string;
  readonly message: string;
}

/** What the linter finds in each of the samples. */
function lint(samples: readonly (Sample | BadSample)[]): Finding[][] {
  const folder = mkdtempSync(join(tmpdir(), "chronik-lint-"));
  try {
    for (const name of [".oxlintrc.json", "package.json", "tsconfig.json"])
      cpSync(join(ROOT, name), join(folder, name));
    cpSync(join(ROOT, "tools", "lint"), join(folder, "tools", "lint"), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));

    const files = samples.map(([place], index) => (place.endsWith(".ts") ? place : `${place}/sample-${index}.ts`));
    for (const [index, [, source]] of samples.entries()) {
      const path = join(folder, files[index]!);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, source);
    }
    const { stdout, stderr } = spawnSync(process.execPath, [OXLINT, "--format=json"], {
      cwd: folder,
      encoding: "utf8",
    });
    assert.ok(stdout.startsWith("{"), `no findings but: ${stdout}${stderr}`);
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: { code: string; message: string; help?: string; filename: string }[];
    };
    return files.map((file) =>
      diagnostics
        .filter(({ filename }) => filename === file)
        .map(({ code, message, help = "" }) => ({ rule: ruleName(code), message: `${message} ${help}` })),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `eslint(no-var)` is `no-var` in the configuration, and `chronik(rooms)` is `chronik/rooms`. */
function ruleName(code: string): string {
  return code.replace(/^eslint\((.*)\)$/, "$1").replace(/^(.*)\((.*)\)$/, "$1/$2");
}
