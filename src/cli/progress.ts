/** How far a command has come, on standard error when that is a terminal: one line that is written over, and gone at the end. */
import process from "node:process";
import type { Clock } from "../ports/clock.ts";

const EVERY_MS = 200;
const MIB = 1024 * 1024;

export class Progress {
  readonly #clock: Clock;
  readonly #output: Pick<NodeJS.WriteStream, "isTTY" | "write">;
  #shownMs: number;
  #isShown = false;

  constructor(clock: Clock, output: Pick<NodeJS.WriteStream, "isTTY" | "write"> = process.stderr) {
    this.#clock = clock;
    this.#output = output;
    this.#shownMs = clock.monotonicMs();
  }

  show(doneBytes: number, totalBytes: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (!this.#output.isTTY || nowMs - this.#shownMs < EVERY_MS) return;
    this.#shownMs = nowMs;
    this.#isShown = true;
    const done = Math.floor(Math.min(doneBytes, totalBytes) / MIB);
    this.#output.write(`\r${done} of ${Math.ceil(totalBytes / MIB)} MiB read`);
  }

  end(): void {
    if (this.#isShown) this.#output.write("\r\x1b[K");
    this.#isShown = false;
  }
}
