/**
 * A group coordinator without a broker: its log is a list of records, its time is a number. `restart` gives what a broker
 * would find after its end: a fold read anew from the encoded records.
 */
import assert from "node:assert/strict";
import { toPosition } from "../../src/base/brands.ts";
import type { JoinReply, SyncReply } from "../../src/coordinator/classic-member.ts";
import { type Caller, Effects, type Moment } from "../../src/coordinator/effects.ts";
import { GroupCoordinator } from "../../src/coordinator/group-coordinator.ts";
import { GroupFold } from "../../src/coordinator/group-fold.ts";
import { Writer } from "../../src/protocol/codec/writer.ts";
import { State } from "../../src/state/state.ts";
import { decodeStateRecord, encodeStateRecord, type StateRecord } from "../../src/state/state-record.ts";

const WALL_START_MS = 1_767_225_600_000;

/** One request: what it was answered, as soon as it was. */
export class Call<Body> implements Caller<Body> {
  reply: Body | undefined;
  #then: ((reply: Body) => void) | undefined;

  answer(body: Body): void {
    assert.equal(this.reply, undefined, "a request is answered once");
    this.reply = body;
    this.#then?.(body);
  }

  /** Calls `then` with the answer, at once when it is there. */
  whenAnswered(then: (reply: Body) => void): void {
    if (this.reply === undefined) this.#then = then;
    else then(this.reply);
  }
}

export type JoinCall = Call<JoinReply>;
export type SyncCall = Call<SyncReply>;

interface LoggedRecord {
  readonly type: number;
  readonly bytes: Buffer;
}

export interface GroupWorldOptions {
  readonly settings?: Readonly<Record<string, string>>;
  /** What reaches the log: for canaries, which leave something out. */
  readonly logged?: (record: StateRecord) => boolean;
}

export class GroupWorld {
  nowMs = 0;
  fold = new GroupFold();
  state: State;
  coordinator: GroupCoordinator;
  readonly log: LoggedRecord[] = [];
  readonly #options: GroupWorldOptions;
  readonly #settings: ReadonlyMap<string, string>;
  #ids = 0;

  constructor(options: GroupWorldOptions = {}) {
    this.#options = options;
    this.#settings = new Map(Object.entries({ "group.initial.rebalance.delay.ms": "0", ...options.settings }));
    this.state = new State(1, this.#settings, [this.fold]);
    this.coordinator = this.#newCoordinator();
  }

  get now(): Moment {
    return { nowMs: this.nowMs, wallMs: WALL_START_MS + this.nowMs };
  }

  /** Has the coordinator decide, applies its records, and hands out its answers unless `hold` takes them. */
  decide<T>(
    decision: (coordinator: GroupCoordinator, now: Moment, effects: Effects) => T,
    hold?: (effects: Effects) => void,
  ): T {
    const effects = new Effects();
    const result = decision(this.coordinator, this.now, effects);
    for (const record of effects.records) this.append(record);
    if (hold !== undefined) hold(effects);
    else for (const { to, body } of effects.answers) to.answer(body);
    return result;
  }

  append(record: StateRecord): void {
    if (this.#options.logged?.(record) ?? true) {
      const bytes = Buffer.concat([...encodeStateRecord(record, new Writer())]);
      this.log.push({ type: record.type, bytes });
    }
    this.state.apply(record, this.log.length);
  }

  /** Lets time pass, and what comes due in it happen at its own moment. */
  advance(byMs: number, hold?: (effects: Effects) => void): void {
    const untilMs = this.nowMs + byMs;
    for (;;) {
      const next = this.coordinator.nextDeadlineMs;
      if (next === undefined || next > untilMs) break;
      this.nowMs = Math.max(this.nowMs, next);
      this.decide((coordinator, now, effects) => coordinator.expire(now, effects), hold);
    }
    this.nowMs = untilMs;
  }

  /** The process ends; of the log the first `kept` records are left, all if nothing is said. */
  restart(kept = this.log.length): void {
    this.log.length = kept;
    this.fold = new GroupFold();
    this.state = new State(1, this.#settings, [this.fold]);
    this.log.forEach(({ type, bytes }, index) =>
      this.state.apply(decodeStateRecord(type, Buffer.from(bytes)), index + 1),
    );
    this.coordinator = this.#newCoordinator();
    this.decide((coordinator, now, effects) => coordinator.restore(now, effects));
  }

  /** Everything that the log knows of groups. */
  image(): unknown {
    return [...this.fold.slices(() => toPosition(0))].map(({ value }) => value);
  }

  #newCoordinator(): GroupCoordinator {
    const newId = (): string => `id${++this.#ids}`;
    return new GroupCoordinator({ state: this.state, fold: this.fold, newId });
  }
}
