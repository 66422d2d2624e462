/**
 * What happened in a simulation, one line for each step: a hash over all of it, to compare two runs, and the last
 * lines in full, to read when one failed.
 */
import { hash } from "./random.ts";

const LINES_KEPT = 200;

export class Trace {
  readonly #lines: string[] = [];
  #count = 0;
  #low = 0;
  #high = 1;

  add(line: string): void {
    // Two hashes of 32 bits with different starts: two different runs do not meet by chance.
    this.#low = hash(line, this.#low);
    this.#high = hash(line, this.#high ^ this.#low);
    this.#lines[this.#count % LINES_KEPT] = line;
    this.#count++;
  }

  /** Equal for runs with equal lines. */
  digest(): string {
    const hex = (value: number) => (value >>> 0).toString(16).padStart(8, "0");
    return `${this.#count}-${hex(this.#high)}${hex(this.#low)}`;
  }

  /** The newest lines, oldest of them first. */
  tail(): string[] {
    const first = this.#count % LINES_KEPT;
    return [...this.#lines.slice(first), ...this.#lines.slice(0, first)].slice(-this.#count);
  }
}
