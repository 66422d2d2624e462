/** A client program of crash-suite.ts: commands on its stdin, answers on its stdout (README.md has the language). */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Comparison } from "./verdict.ts";

export type Acks = "all" | "1" | "0";

export interface Production {
  readonly topic: string;
  readonly records: number;
  readonly codec: string;
  readonly acks: Acks;
  /** The client stops before each record with such an index, until it is told to go on. */
  readonly checkpoints: readonly number[];
}

export interface Sending {
  readonly topic: string;
  readonly codec: string;
  readonly tape: string;
  readonly offsets: string;
}

/** Record timestamps count up from here in milliseconds: all of them in the past, none beyond any retention. */
const BASE_TIMESTAMP_MS = Date.now() - 1_000_000;

/** They would outlive this process otherwise. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const client of running) client.kill("SIGKILL");
});

export class CrashClient {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #logFile: string;

  constructor(command: readonly string[], logFile: string) {
    const [file = "", ...args] = command;
    this.#logFile = logFile;
    this.#process = spawn(file, args, { stdio: ["pipe", "pipe", openSync(logFile, "w")] });
    this.#process.stdin?.on("error", () => {}); // the client ended: `#answer` says so
    const { stdout } = this.#process;
    if (stdout === null) throw new Error("the client has no stdout");
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
    running.add(this.#process);
    this.#process.once("exit", () => running.delete(this.#process));
  }

  /** The codecs that the library can write with. */
  async codecs(): Promise<readonly string[]> {
    this.#say("codecs");
    return this.#expect("codecs");
  }

  async create(topic: string, partitions: number): Promise<void> {
    this.#say(`create ${topic} ${partitions}`);
    await this.#expect("created");
  }

  /** Returns the number of acknowledged records. `atCheckpoint` gets the function that lets the client go on. */
  async produce(
    { topic, records, codec, acks, checkpoints }: Production,
    atCheckpoint: (go: () => void) => Promise<void>,
  ): Promise<number> {
    this.#say(["produce", topic, records, BASE_TIMESTAMP_MS, codec, acks, ...checkpoints].join(" "));
    for (const _ of checkpoints) {
      await this.#expect("checkpoint");
      await atCheckpoint(() => this.#say("go"));
    }
    const [acknowledged] = await this.#expect("produced");
    return Number(acknowledged);
  }

  /** Lets the client compare all records of a topic with what it last sent to `expectedTopic`. */
  async read(topic: string, expectedTopic: string): Promise<Comparison> {
    this.#say(`read ${topic} ${expectedTopic}`);
    const problems: string[] = [];
    for (;;) {
      const [word, ...rest] = await this.#answer();
      if (word === "read") {
        const [records = Number.NaN, withoutOffset = Number.NaN, duplicates = Number.NaN] = rest.map(Number);
        return { records, problems, withoutOffset, duplicates };
      }
      if (word !== "problem") throw new Error(`the client answered "${[word, ...rest].join(" ")}" while it read`);
      problems.push(rest.join(" "));
    }
  }

  /** Lets the client send the records of a file, and write their offsets to another. Returns how many were acknowledged. */
  async send(
    { topic, codec, tape, offsets }: Sending,
    acknowledged: (records: number) => void = () => {},
  ): Promise<number> {
    this.#say(["send", topic, codec, tape, offsets].join(" "));
    for (;;) {
      const [word, count] = await this.#answer();
      if (word !== "acknowledged" && word !== "sent") throw new Error(`the client answered "${word}" while it sent`);
      acknowledged(Number(count));
      if (word === "sent") return Number(count);
    }
  }

  /** Lets the client read a topic up to these offsets, which may yet have to come, into a file. Returns the records read. */
  async copy(topic: string, file: string, ends: readonly number[]): Promise<number> {
    this.#say(["copy", topic, file, ...ends].join(" "));
    const [records] = await this.#expect("copied");
    return Number(records);
  }

  async end(): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#process.stdin?.end();
    await ended;
  }

  #say(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  async #answer(): Promise<readonly string[]> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`the client ended:\n${readFileSync(this.#logFile, "utf8").slice(-3000)}`);
    return line.value.split(" ");
  }

  async #expect(word: string): Promise<readonly string[]> {
    const [first, ...rest] = await this.#answer();
    if (first !== word) throw new Error(`the client answered "${[first, ...rest].join(" ")}" where ${word} comes next`);
    return rest;
  }
}
