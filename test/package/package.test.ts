/**
 * What a stranger gets: the packed package, installed into an empty folder by `.ci/run`, which names it in CHRONIK_PACKAGE.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";

const FOLDER = process.env["CHRONIK_PACKAGE"] ?? "";
assert.notEqual(FOLDER, "", "CHRONIK_PACKAGE is not set: run `.ci/run install package`");
const PACKAGE = join(FOLDER, "node_modules", "chronik");
const COMMAND = join(PACKAGE, "bin", "chronik.js");

const IDLE_RSS_MAX_MB = 100;

const temporary = mkdtempSync(join(tmpdir(), "chronik-package-"));
after(() => rmSync(temporary, { recursive: true }));

test("it holds the program and its papers, and nothing else", () => {
  const names = readdirSync(PACKAGE).filter((name) => name !== "node_modules");
  assert.deepEqual(names, ["CHANGELOG.md", "LICENSE", "README.md", "bin", "dist", "package.json"]);
  const files = readdirSync(join(PACKAGE, "dist"), { recursive: true, encoding: "utf8" });
  assert.deepEqual(
    files.filter((name) => name.includes(".test.") || name.endsWith(".ts")),
    [],
  );
});

test("it does not bring the Node.js of the repository", () => {
  const manifest = readFileSync(join(PACKAGE, "package.json"), "utf8");
  assert.doesNotMatch(manifest, /node-(bin-)?(linux|darwin)/);
  assert.ok(!existsSync(join(FOLDER, "node_modules", ".bin", "node")));
});

const old = oldNode();

test("an old Node.js is told to make way", {
  skip: old === undefined && "no Node.js older than 24 on this machine",
}, () => {
  const { status, stderr } = spawnSync(old!, [COMMAND, "start"], { encoding: "utf8" });
  assert.match(
    stderr,
    /^chronik needs Node\.js 24 or newer; this is v\d+\.\d+\.\d+ \(.*\)\.\nInstall a newer Node\.js/,
  );
  assert.equal(status, 1);
});

test("it says its version and what it can do", () => {
  const { version } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")) as { version: string };
  assert.equal(chronik("--version").stdout, `${version}\n`);
  assert.match(chronik("--help").stdout, /start/);
});

test("it starts, takes connections, stays small and ends when told to", async (context) => {
  const startedAt = performance.now();
  const { broker, port } = await start();
  try {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    socket.destroy();
    context.diagnostic(`listens after ${Math.round(performance.now() - startedAt)} ms`);

    const rssMb = residentMb(broker);
    context.diagnostic(`resident memory ${rssMb} MB`);
    assert.ok(rssMb <= IDLE_RSS_MAX_MB, `an idle broker takes ${rssMb} MB of memory`);
  } finally {
    broker.kill("SIGTERM");
  }
  const [code, signal] = (await once(broker, "exit")) as [number | null, string | null];
  assert.deepEqual({ code, signal }, { code: 0, signal: null });
});

function chronik(...args: string[]): { stdout: string } {
  return spawnSync(process.execPath, [COMMAND, ...args], { encoding: "utf8" });
}

/** Starts a broker on a free port, and waits until it listens. */
async function start(): Promise<{ broker: ChildProcess; port: number }> {
  const args = [COMMAND, "start", "--port", "0", "--data-dir", join(temporary, "data"), "--set", "http.port=0"];
  const broker = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface(broker.stdout)) {
    const port = /listens on .*:(\d+)/.exec(line)?.[1];
    if (port !== undefined) return { broker, port: Number(port) };
  }
  throw new Error(`the broker ended with ${broker.exitCode} before it listened`);
}

function residentMb(broker: ChildProcess): number {
  const status = readFileSync(`/proc/${broker.pid}/status`, "latin1");
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024);
}

/** A Node.js on the PATH that is too old. */
function oldNode(): string | undefined {
  const nodes = (process.env["PATH"] ?? "").split(":").map((folder) => join(folder, "node"));
  return nodes.find((node) => {
    const { stdout } = spawnSync(node, ["--version"], { encoding: "utf8" });
    return stdout !== null && Number(/^v(\d+)\./.exec(stdout)?.[1]) < 24;
  });
}
