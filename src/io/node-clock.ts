/**
 * Time from Node. Two habits of `setTimeout` are kept from the callers: it may fire up to a millisecond early, and a
 * delay beyond 2^31-1 ms becomes 1 ms.
 */
import { assert } from "../base/assert.ts";
import type { Clock, Timer } from "../ports/clock.ts";

const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export function createNodeClock(): Clock {
  return {
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    schedule: (delayMs, task) => new NodeTimer(delayMs, task),
    // Immediates run behind the poll for input, one behind the other in the order they were given.
    defer: (task) => void setImmediate(task),
  };
}

class NodeTimer implements Timer {
  readonly #dueMs: number;
  readonly #task: () => void;
  #timeout: NodeJS.Timeout;

  constructor(delayMs: number, task: () => void) {
    assert(delayMs >= 0, `delay ${delayMs} ms is not 0 or more`);
    this.#dueMs = performance.now() + delayMs;
    this.#task = task;
    this.#timeout = this.#wait(delayMs);
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }

  #wait(delayMs: number): NodeJS.Timeout {
    return setTimeout(() => this.#wake(), Math.min(Math.ceil(delayMs), MAX_TIMEOUT_MS));
  }

  #wake(): void {
    const restMs = this.#dueMs - performance.now();
    if (restMs > 0) this.#timeout = this.#wait(restMs);
    else this.#task();
  }
}
