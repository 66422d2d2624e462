/** `.ci/run` is checked: whatever way a suite fails, the sum says so and the exit code is not 0. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "..", "..");

test("suites that pass are summed up, and the exit code is 0", () => {
  const { status, output } = runSuites({
    a: 'echo "2 passed, 0 failed, 0 skipped"',
    b: 'echo "3 passed, 0 failed, 4 skipped"',
  });
  assert.match(output, /\n5 passed, 0 failed, 4 skipped\n$/);
  assert.equal(status, 0);
});

const PASSING = 'echo "1 passed, 0 failed, 0 skipped"';

for (const [how, script] of [
  ["counts a failure", 'echo "why"; echo "2 passed, 1 failed, 0 skipped"; exit 1'],
  ["counts a failure but exits with 0", 'echo "why"; echo "2 passed, 1 failed, 0 skipped"'],
  ["counts no failure but exits with 1", 'echo "why"; echo "2 passed, 0 failed, 0 skipped"; exit 1'],
  ["is killed", 'echo "why"; echo "2 passed, 0 failed, 0 skipped"; kill -9 $$'],
] as const) {
  test(`a suite that ${how} fails the run, and its log is shown`, () => {
    const { status, output } = runSuites({ bad: script, good: PASSING });
    assert.match(output, /^\| why$/m);
    assert.match(output, /\n3 passed, 1 failed, 0 skipped\n$/);
    assert.equal(status, 1);
  });
}

for (const [how, script] of [
  ["prints no count", "echo why"],
  ["tests nothing", 'echo "why"; echo "0 passed, 0 failed, 2 skipped"'],
] as const) {
  test(`a suite that ${how} fails the run`, () => {
    const { status, output } = runSuites({ bad: script, good: PASSING });
    assert.match(output, /\n1 passed, 1 failed, [02] skipped\n$/);
    assert.equal(status, 1);
  });
}

test("what a suite leaves running is ended", () => {
  const { output } = runSuites({ careless: `setsid sleep 600 & echo "left $!"; ${PASSING}; exit 1` });
  assertEnds(Number(/left (\d+)/.exec(output)?.[1]));
});

test("a signal ends all that runs, also suites beside each other", async () => {
  const folder = mkdtempSync(join(tmpdir(), "chronik-ci-"));
  try {
    const names = ["suite-1", "suite-2"];
    const pipeOf = (name: string): string => join(folder, `${name}.pid`);
    assert.equal(spawnSync("mkfifo", names.map(pipeOf)).status, 0);
    const script = (name: string): string => `sleep 600 & echo $! > ${pipeOf(name)}; wait`;
    prepare(folder, Object.fromEntries(names.map((name) => [name, script(name)])));
    const running = spawn(".ci/run", ["clients"], { cwd: folder, stdio: "ignore" });
    const pids = names.map((name) => Number(readFileSync(pipeOf(name), "latin1"))); // waits until somebody writes
    running.kill("SIGTERM");
    const [code] = await once(running, "exit");
    assert.equal(code, 1);
    pids.forEach(assertEnds);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the summaries of all runs of node:test are summed up, and a failed one fails the run", () => {
  const { status, output } = inTemporaryFolder((folder) => {
    prepare(folder, {});
    const script = "node --test a.test.js; node --test b.test.js";
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", scripts: { test: script } }));
    const start = 'import { test } from "node:test"; test("passes", () => {});';
    writeFileSync(join(folder, "a.test.js"), `${start} test("fails", () => { throw new Error("why"); });`);
    writeFileSync(join(folder, "b.test.js"), `${start} test("is skipped", { skip: "why" }, () => {});`);
    return run(folder, "test");
  });
  assert.match(output, /\n2 passed, 1 failed, 1 skipped\n$/);
  assert.equal(status, 1);
});

function assertEnds(pid: number): void {
  const deadline = Date.now() + 5000;
  while (!hasEnded(pid)) assert.ok(Date.now() < deadline, `process ${pid} still runs`);
}

/** A process that has ended may wait as a zombie (Z) for its parent. */
function hasEnded(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z ");
  } catch {
    return true;
  }
}

interface Result {
  readonly status: number | null;
  readonly output: string;
}

/** Runs the suites: the command lines of each, by its name. */
function runSuites(suites: Readonly<Record<string, string>>): Result {
  return inTemporaryFolder((folder) => {
    prepare(folder, suites);
    return run(folder, "clients");
  });
}

function prepare(folder: string, suites: Readonly<Record<string, string>>): void {
  cpSync(join(ROOT, ".ci"), join(folder, ".ci"), { recursive: true });
  for (const [name, script] of Object.entries(suites)) {
    const suite = join(folder, "test", "clients", name);
    mkdirSync(suite, { recursive: true });
    writeFileSync(join(suite, "run"), `#!/usr/bin/env bash\n${script}\n`, { mode: 0o755 });
  }
}

function run(folder: string, step: string): Result {
  // A test runner within a test runner is silent unless this is hidden from it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout } = spawnSync(`exec .ci/run ${step} 2>&1`, {
    cwd: folder,
    env,
    shell: true,
    encoding: "utf8",
  });
  return { status, output: stdout };
}

function inTemporaryFolder(act: (folder: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), "chronik-ci-"));
  try {
    return act(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
