/**
 * A broker as a process of its own: started from a command, awaited, frozen, killed, started again, measured.
 *
 * The process leads a process group, and every signal and every measurement concerns the whole group, so that a
 * wrapper script or a child process of the broker is never left out. Linux only: /proc gives the measurements.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { groupOpenFiles, groupUsage, resetPeakMemory, type Usage, unreadBytes } from "./proc.ts";

/** Where one broker lives. It keeps both over its restarts. */
export interface BrokerHome {
  readonly port: number;
  /** Holds everything that this broker writes, its log of the process (`broker.log`) included. */
  readonly folder: string;
}

/** A program that can be run as a broker. */
export interface BrokerKind {
  /** "chronik" or "kafka". */
  readonly name: string;
  /** Does once what a new folder needs before its first start. */
  prepare(home: BrokerHome): Promise<void>;
  /** The command that runs the broker in the foreground. */
  command(home: BrokerHome): { readonly file: string; readonly args: readonly string[] };
}

const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 30_000;
const POLL_INTERVAL_MS = 5;
/** Of `freePort`. */
const PORTS_FROM = 12_000;
const PORTS_TO = 32_000;

/** Process groups that run now. They would outlive this process otherwise. */
const runningGroups = new Set<number>();
process.on("exit", () => {
  for (const group of runningGroups) process.kill(-group, "SIGKILL");
});

export class Broker {
  readonly kind: BrokerKind;
  readonly home: BrokerHome;
  #process: ChildProcess | undefined;

  constructor(kind: BrokerKind, home: BrokerHome) {
    this.kind = kind;
    this.home = home;
  }

  /** HOST:PORT, as clients take it. */
  get address(): string {
    return `${this.endpoint.host}:${this.endpoint.port}`;
  }

  get endpoint(): { readonly host: string; readonly port: number } {
    return { host: "127.0.0.1", port: this.home.port };
  }

  get logFile(): string {
    return join(this.home.folder, "broker.log");
  }

  /** Starts the process without waiting for its port. Returns when it did, on the clock of `performance.now()`. */
  async launch(): Promise<number> {
    if (this.#process !== undefined) throw new Error(`${this.kind.name} is running already`);
    mkdirSync(this.home.folder, { recursive: true });
    await this.kind.prepare(this.home);
    const { file, args } = this.kind.command(this.home);
    const log = openSync(this.logFile, "a");
    const startMs = performance.now();
    const child = spawn(file, args, { detached: true, stdio: ["ignore", log, log] });
    closeSync(log);
    child.on("error", () => {}); // reported by `once` below
    await once(child, "spawn");
    const group = child.pid ?? 0;
    runningGroups.add(group);
    child.once("exit", () => runningGroups.delete(group));
    this.#process = child;
    return startMs;
  }

  /** Waits until the port takes connections. */
  async accepting(): Promise<void> {
    const deadline = performance.now() + START_DEADLINE_MS;
    while (!(await connects(this.home.port))) {
      this.checkRunning();
      if (performance.now() > deadline) {
        throw new Error(`${this.kind.name} took no connection on port ${this.home.port} in ${START_DEADLINE_MS} ms`);
      }
      await delay(POLL_INTERVAL_MS);
    }
  }

  async start(): Promise<void> {
    await this.launch();
    await this.accepting();
  }

  /** @throws Error with the end of its log when the broker has ended by itself. */
  checkRunning(): void {
    if (this.#ended()) throw new Error(`${this.kind.name} ended by itself:\n${this.logTail()}`);
  }

  /** Stops the process where it is, in the middle of whatever it does. Only `kill` ends that. */
  freeze(): void {
    this.#signal("SIGSTOP");
  }

  /** Bytes that clients have sent and the broker has not read yet. */
  unreadBytes(): number {
    return unreadBytes(this.home.port);
  }

  /** `kill -9`, and waits until the process is gone. */
  async kill(): Promise<void> {
    this.checkRunning();
    await this.#end("SIGKILL");
  }

  /** SIGTERM, and waits for a clean end. */
  async stop(): Promise<void> {
    if (this.#process === undefined) return;
    this.checkRunning();
    const late = setTimeout(() => this.#signal("SIGKILL"), STOP_DEADLINE_MS);
    await this.#end("SIGTERM");
    clearTimeout(late);
  }

  /** Ends the process, whatever its state, and does nothing when there is none. */
  async destroy(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** CPU time since the start and memory now, of the whole group. */
  usage(): Usage {
    return groupUsage(this.#groupId());
  }

  /** File descriptors of the whole group. */
  openFiles(): number {
    return groupOpenFiles(this.#groupId());
  }

  /** Lets the peak of memory count from now. */
  resetPeakMemory(): void {
    resetPeakMemory(this.#groupId());
  }

  logTail(): string {
    if (!existsSync(this.logFile)) return "";
    return readFileSync(this.logFile, "utf8").trimEnd().split("\n").slice(-20).join("\n");
  }

  #groupId(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error(`${this.kind.name} is not running`);
    return pid;
  }

  #ended(): boolean {
    return this.#process === undefined || this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#process?.pid === undefined || this.#ended()) return;
    process.kill(-this.#process.pid, signal);
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    if (this.#process !== undefined && !this.#ended()) {
      const ended = once(this.#process, "exit");
      this.#signal(signal);
      await ended;
    }
    this.#process = undefined;
  }
}

/**
 * A port P such that P and P + 1 are free now (Kafka's controller takes the second). Below those that the system gives to connections
 * (from 32768 on by default): the broker takes it seconds later, and until then a client elsewhere could be given it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const first = randomInt(PORTS_FROM, PORTS_TO);
    if ((await listens(first)) && (await listens(first + 1))) return first;
  }
}

/** Listens for a moment; whether that was possible. */
async function listens(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}

async function connects(port: number): Promise<boolean> {
  const socket = createConnection({ port, host: "127.0.0.1" });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
