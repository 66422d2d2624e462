/** The real broker, in a process of its own, started as a user starts it; and clients over real sockets. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { KafkaClient } from "../../sim/kafka-client.ts";
import type { SimConnection } from "../../sim/sim-network.ts";
import { Changes } from "../ports/until.ts";

const CHRONIK = fileURLToPath(new URL("../../bin/chronik.js", import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `chronik start` with these arguments to its end. */
export async function runToExit(args: readonly string[]): Promise<Exit> {
  return new BrokerProcess(args).exit;
}

/** Starts a broker on a free port, with its HTTP port free too, and waits until it has said all of where it is. */
export async function startProcess(dataFolder: string, args: readonly string[] = []): Promise<BrokerProcess> {
  const broker = new BrokerProcess(["--data-dir", dataFolder, "--port", "0", "--set", "http.port=0", ...args]);
  await broker.said(/^health is on /m);
  return broker;
}

export class BrokerProcess {
  readonly exit: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #changes = new Changes();
  #stdout = "";
  #stderr = "";
  #ended = false;

  constructor(args: readonly string[]) {
    const child = spawn(process.execPath, [CHRONIK, "start", ...args], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
      this.#changes.changed();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
      this.#changes.changed();
    });
    this.exit = once(child, "close").then(([code, signal]) => {
      this.#ended = true;
      this.#changes.changed();
      const how = { code: code as number | null, signal: signal as NodeJS.Signals | null };
      return { ...how, stdout: this.#stdout, stderr: this.#stderr };
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** Resolves to the first match in what it printed. @throws when it ends before. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    await this.#changes.until(() => this.#ended || pattern.test(this.#stdout));
    const match = pattern.exec(this.#stdout);
    if (match === null) throw new Error(`the broker ended without saying ${pattern}:\n${this.#stdout}${this.#stderr}`);
    return match;
  }

  get port(): number {
    return Number(/^chronik listens on 127\.0\.0\.1:(\d+)$/m.exec(this.#stdout)![1]);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get healthUrl(): string {
    return /^health is on (\S+)\/healthz /m.exec(this.#stdout)![1]!;
  }

  connect(): KafkaClient {
    return new KafkaClient(tcpConnection(this.port));
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it in good order. */
  async stop(): Promise<Exit> {
    this.kill("SIGTERM");
    return this.exit;
  }
}

/** A real socket, as `KafkaClient` takes it. */
export function tcpConnection(port: number): SimConnection {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  const connection: SimConnection = {
    onData: () => undefined,
    onClosed: () => undefined,
    send: (bytes) => void socket.write(bytes),
    get unsentBytes() {
      return socket.writableLength;
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    shutdown: () => void socket.end(),
    close: () => void socket.end(),
    reset: () => void socket.destroy(),
  };
  socket.on("data", (bytes: Buffer) => connection.onData(bytes));
  socket.on("error", () => undefined); // "close" follows
  socket.on("close", () => connection.onClosed());
  return connection;
}
