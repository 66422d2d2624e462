/**
 * What every suite here shares: a broker in a temporary folder, cases that print one line each, a count at the end, an exit
 * code, and nothing left behind. BROKER=kafka runs a suite against Apache Kafka instead, to prove the suite itself.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Broker, freePort } from "../../bench/brokers/broker.ts";
import { brokerKind, type Settings } from "../../bench/brokers/kinds.ts";

/** Apache Kafka needs about 10 s for each start after a kill. */
const DEADLINE_MS = { chronik: 480_000, kafka: 600_000 };
/** How long a soak goes on, if one is asked for. */
export const SOAK_MINUTES = Number(process.env["SOAK_MINUTES"] ?? 0);
/** A client that could send more would have done so by then. */
const FULL_WINDOW_MS = 1_000;
const POLL_INTERVAL_MS = 1;

export class Suite {
  readonly name: string;
  readonly broker: Broker;
  /** For the suite's own files; removed at the end unless a case failed. */
  readonly folder: string;
  #passed = 0;
  #failed = 0;

  constructor(name: string, broker: Broker, folder: string) {
    this.name = name;
    this.broker = broker;
    this.folder = folder;
  }

  get failed(): boolean {
    return this.#failed > 0;
  }

  /** Apache Kafka may answer a retry after its restart without the offset: it remembers less of each producer. */
  get offsetsMayBeMissing(): boolean {
    return this.broker.kind.name === "kafka";
  }

  /** One case: it passed when there is no problem. */
  check(name: string, problems: readonly string[]): void {
    if (problems.length === 0) this.#passed++;
    else this.#failed++;
    console.log(`${problems.length === 0 ? "ok" : "FAILED"}: ${name}`);
    for (const problem of problems) console.log(`    ${problem}`);
  }

  /**
   * Kills the broker while requests are in flight, and starts it again. The client must have something to send: `act` may let
   * it go on. The broker is frozen first, wherever it happens to be. What then arrives stays unread, and if nothing more
   * arrives, the client's window is full of requests that were read but not answered: in flight either way.
   */
  async killInFlight(act: () => void = () => {}): Promise<void> {
    this.broker.freeze();
    act();
    const deadline = performance.now() + FULL_WINDOW_MS;
    while (this.broker.unreadBytes() === 0 && performance.now() < deadline) await delay(POLL_INTERVAL_MS);
    await this.killAndStart();
  }

  async killAndStart(): Promise<void> {
    await this.broker.kill();
    await this.broker.start();
  }

  finish(): void {
    console.log(`${this.#passed} passed, ${this.#failed} failed, 0 skipped`);
  }
}

/** Runs `body` with a started broker, and ends the process with 0 when every case passed, else with 1. */
export async function runSuite(
  name: string,
  settings: Settings,
  body: (suite: Suite) => Promise<void>,
): Promise<never> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  const kind = brokerKind(process.env["BROKER"] ?? "chronik", settings);
  const folder = mkdtempSync(join(tmpdir(), `chronik-clients-${name}-`));
  const broker = new Broker(kind, { port: await freePort(), folder: join(folder, "broker") });
  const suite = new Suite(`${name} with ${kind.name}`, broker, folder);
  process.on("exit", () => {
    if (!suite.failed) rmSync(folder, { recursive: true, maxRetries: 3 });
  });
  // What was produced in a soak is read twice.
  const soakMs = 2 * SOAK_MINUTES * 60_000;
  const deadlineMs = soakMs + (kind.name === "kafka" ? DEADLINE_MS.kafka : DEADLINE_MS.chronik);
  const late = setTimeout(() => {
    suite.check("ends in time", [`still running after ${deadlineMs} ms`, ...broker.logTail().split("\n")]);
    suite.finish();
    process.exit(1);
  }, deadlineMs);
  console.log(`${suite.name}:`);
  try {
    await broker.start();
    await body(suite);
    await broker.stop();
  } catch (error) {
    suite.check("runs to its end", [String(error), ...broker.logTail().split("\n")]);
  }
  clearTimeout(late);
  if (suite.failed) console.log(`data and logs are in ${folder}`);
  suite.finish();
  process.exit(suite.failed ? 1 : 0);
}
