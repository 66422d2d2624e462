/**
 * The group coordinator at work: gives it the time, appends what it decides, hands out its answers, and wakes it when one
 * of its deadlines comes.
 *
 * A member whose heartbeat lies in a socket's buffer is alive. So when a deadline comes, what has arrived is handled
 * first (`Clock.defer`), and only then is it looked who is overdue.
 */
import { Effects, type Moment } from "../coordinator/effects.ts";
import { GroupCoordinator } from "../coordinator/group-coordinator.ts";
import type { GroupFold } from "../coordinator/group-fold.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { Store } from "../state/store.ts";
import { WorkingTime } from "./working-time.ts";

export class Groups {
  readonly coordinator: GroupCoordinator;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #time: WorkingTime;
  #timer: Timer | undefined;
  /** When the timer comes. */
  #timerMs = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(options: {
    readonly store: Store;
    readonly fold: GroupFold;
    readonly clock: Clock;
    readonly random: Random;
  }) {
    const { store, fold, clock, random } = options;
    this.#store = store;
    this.#clock = clock;
    this.#time = new WorkingTime(clock);
    this.coordinator = new GroupCoordinator({ state: store.state, fold, newId: () => newMemberUuid(random) });
    this.decide((coordinator, now, effects) => coordinator.restore(now, effects));
  }

  /** Has the coordinator decide something, and carries out what it decided. */
  decide<T>(decision: (coordinator: GroupCoordinator, now: Moment, effects: Effects) => T): T {
    const effects = new Effects();
    const result = decision(this.coordinator, this.#now(), effects);
    if (effects.records.length > 0) this.#store.wal.beginRequest(0);
    for (const record of effects.records) this.#store.append(record);
    for (const { to, body } of effects.answers) to.answer(body);
    this.#arm();
    return result;
  }

  stop(): void {
    this.#stopped = true;
    this.#time.stop();
    this.#timer?.cancel();
  }

  #now(): Moment {
    return { nowMs: this.#time.nowMs(), wallMs: this.#clock.wallMs() };
  }

  #arm(): void {
    const nextMs = this.coordinator.nextDeadlineMs;
    if (nextMs === undefined || nextMs >= this.#timerMs || this.#stopped) return;
    this.#timer?.cancel();
    this.#timerMs = nextMs;
    this.#timer = this.#clock.schedule(Math.max(0, nextMs - this.#time.nowMs()), () => {
      this.#clock.defer(() => {
        if (this.#stopped) return;
        this.#timerMs = Number.POSITIVE_INFINITY;
        this.decide((coordinator, now, effects) => coordinator.expire(now, effects));
      });
    });
  }
}

/** As Kafka's member ids have it: the text of a random UUID. */
function newMemberUuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
