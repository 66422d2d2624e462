/** What the members in JavaScript of group-suite.ts share: the commands, and the lines about what became of one (README.md). */
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

export interface Membership {
  readonly group: string;
  readonly topic: string;
  readonly mode: string;
  /** The name of a static member. */
  readonly instance: string | null;
}

export interface Library {
  readonly modes: readonly string[];
  /**
   * Takes part in the group until the signal, and then leaves it. It rejects with what the library cannot go on from, and is
   * called again.
   */
  consume(membership: Membership, report: Report, signal: AbortSignal): Promise<void>;
}

export const SESSION_TIMEOUT_MS = 6_000;
export const HEARTBEAT_INTERVAL_MS = 1_000;
/** Below the 200 ms that are asked for. */
export const COMMIT_INTERVAL_MS = 150;
const RETRY_PAUSE_MS = 250;

/** Writes the lines of a member. */
export class Report {
  readonly #say: (line: string) => void;
  #owned = "";

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** Takes all that is owned, as often as one likes: a line is written when it has changed. */
  owns(partitions: Iterable<number>): void {
    const owned = [...partitions].sort((a, b) => a - b).join(",") || "-";
    if (owned === this.#owned) return;
    this.#owned = owned;
    this.#say(`assigned ${owned}`);
  }

  /** Takes the offsets of records that were delivered, in their order. */
  read(partition: number, offsets: readonly number[]): void {
    let first = offsets[0];
    for (const [index, offset] of offsets.entries()) {
      if (offsets[index + 1] === offset + 1) continue;
      this.#say(`read ${partition} ${first} ${offset}`);
      first = offsets[index + 1];
    }
  }

  /** Takes a position that the broker has acknowledged. */
  committed(partition: number, next: number): void {
    this.#say(`committed ${partition} ${next}`);
  }

  /** Takes what the library could not go on from. */
  problem(error: unknown): void {
    this.#say(`problem ${String(error).replaceAll("\n", " ")}`);
    this.owns([]);
  }
}

/** The main function of a member. */
export async function serve(library: Library): Promise<void> {
  const commands = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const { value } = await commands.next();
  const [command, group = "", topic = "", mode = "", instance] = String(value).split(" ");
  if (command === "modes") {
    console.log(`modes ${library.modes.join(" ")}`);
    process.exit();
  }
  if (command !== "consume" || instance === undefined) throw new Error(`unknown command ${value}`);
  const controller = new AbortController();
  // `stop` is the only command that can come.
  void commands.next().then(() => controller.abort());
  const report = new Report(console.log);
  const membership = { group, topic, mode, instance: instance === "-" ? null : instance };
  while (!controller.signal.aborted) {
    try {
      await library.consume(membership, report, controller.signal);
    } catch (error) {
      console.error(error);
      report.problem(error);
      await delay(RETRY_PAUSE_MS);
    }
  }
  report.owns([]);
  console.log("stopped");
  process.exit();
}
