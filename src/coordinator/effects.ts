/**
 * What a decision of a coordinator comes to: records for the log, and answers. Both are data; the broker appends (and so
 * applies) the records first and hands out the answers then, which therefore wait for them at the barrier.
 */
import type { StateRecord } from "../state/state-record.ts";

/** Where an answer goes. A coordinator keeps it while a request waits, and hands it back. */
export interface Caller<Body> {
  answer(body: Body): void;
}

export interface Answer {
  readonly to: Caller<unknown>;
  readonly body: unknown;
}

export class Effects {
  readonly records: StateRecord[] = [];
  readonly answers: Answer[] = [];

  append(record: StateRecord): void {
    this.records.push(record);
  }

  answer<Body>(to: Caller<Body>, body: Body): void {
    this.answers.push({ to: to as Caller<unknown>, body });
  }
}

/** The time of a decision. */
export interface Moment {
  /** For deadlines: milliseconds, never goes back, and stands still while the process does. */
  readonly nowMs: number;
  /** For what is written down: milliseconds since 1970-01-01 UTC. */
  readonly wallMs: number;
}
