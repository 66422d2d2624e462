import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const CHRONIK = fileURLToPath(new URL("../../src/cli/chronik.ts", import.meta.url));

/** A command that does not end by then has failed. */
const DEADLINE_MS = 30_000;

const folder = mkdtempSync(join(tmpdir(), "chronik-command-line-"));
after(() => rmSync(folder, { recursive: true }));

function chronik(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [CHRONIK, ...args], { encoding: "utf8", cwd: folder, timeout: DEADLINE_MS });
}

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

test("chronik alone shows its help", () => {
  const { status, stdout, stderr } = chronik();
  assert.equal(status, 0);
  assert.match(stdout, /^Usage: chronik/);
  assert.match(stdout, /start\|standalone/);
  assert.equal(stderr, "");
});

test("the help of start has every flag, and examples", () => {
  const { status, stdout } = chronik("start", "--help");
  assert.equal(status, 0);
  for (const flag of ["--data-dir", "--host", "--port", "--advertised-addr", "--config", "--set"]) {
    assert.ok(stdout.includes(flag), flag);
  }
  assert.match(stdout, /Examples:\n {2}chronik start\n/);
});

test("--version prints the version and nothing else", () => {
  assert.match(chronik("--version").stdout, /^\d+\.\d+\.\d+\n$/);
});

test("wrong use exits with 2", () => {
  for (const args of [["frob"], ["--frob"], ["start", "now"], ["start", "--set"], ["standalone", "--prot", "1"]]) {
    const { status, stdout, stderr } = chronik(...args);
    assert.equal(status, 2, args.join(" "));
    assert.equal(stdout, "");
    assert.match(stderr, /^chronik: [a-z]/);
  }
});

test("wrong settings exit with 2, one line each", () => {
  const config = file("wrong.properties", "num.partitions=0\nwal.snyc=always\n");
  const { status, stdout, stderr } = chronik("start", "--config", config, "--set", "x", "--host", "0.0.0.0");
  assert.equal(status, 2);
  assert.equal(stdout, "");
  assert.deepEqual(stderr.split("\n"), [
    "chronik: --set x: give key=value",
    "chronik: wrong.properties:1: num.partitions=0 is not valid: give a whole number, at least 1 (int)",
    "chronik: wrong.properties:2: unknown setting wal.snyc: did you mean wal.sync?",
    "",
  ]);
});

test("listening on every address needs an advertised one", () => {
  const { status, stderr } = chronik("standalone", "--host", "0.0.0.0");
  assert.equal(status, 2);
  assert.match(stderr, /^chronik: listener PLAINTEXT:\/\/0\.0\.0\.0:9092 .* --advertised-addr HOST/);
});

test("a settings file that cannot be read says why", () => {
  const missing = chronik("start", "--config", "missing.properties");
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /^chronik: cannot open .*missing\.properties: it does not exist \(ENOENT\): .*\n$/);
  const large = chronik("start", "--config", file("large.properties", "#".repeat(1024 * 1024)));
  assert.equal(large.status, 1);
  assert.equal(large.stderr, "chronik: large.properties has 1 MiB or more: give a file of settings\n");
});

test("a start that fails half-way ends, and says why", () => {
  const notFolder = join(folder, file("plain-file", ""));
  const { status, stderr } = chronik("start", "--data-dir", notFolder, "--port", "0", "--set", "http.port=-1");
  assert.equal(status, 1);
  assert.match(stderr, /^chronik: cannot use data folder .*plain-file: .*\n$/);
  const taken = chronik("start", "--host", "203.0.113.1", "--set", "http.port=-1");
  assert.equal(taken.status, 1);
  assert.match(taken.stderr, /^chronik: cannot listen on 203\.0\.113\.1:9092: .*\n$/);
});
