/**
 * A deterministic world for one broker after another: time, randomness, a disk and a network, all drawn from one seed.
 *
 *     const simulation = new Simulation({ seed });
 *     simulation.crashAt(17);                                     // power is lost at the 17th disk operation
 *     const result = await simulation.run(async (process) => {    // the ports of one process
 *       const log = await openLog(process.disk, process.clock);
 *       await log.append(...);
 *     });
 *     // result is CRASHED; the next process finds the disk as the power loss left it
 *     await simulation.run(async (process) => check(await openLog(process.disk, process.clock)));
 *
 * A process dies in an instant: no promise of its ports settles any more, no timer runs, no byte leaves. The code that
 * belonged to it hangs for ever at its next `await` of a port, as it should. Hand the `SimProcess` to that code rather
 * than `simulation.process`, which is the next process from the moment of the crash.
 */
import type { Clock } from "../src/ports/clock.ts";
import { SimRandom } from "./random.ts";
import { Lifetime, Scheduler } from "./scheduler.ts";
import { SimClock } from "./sim-clock.ts";
import { type DiskFaults, NO_DISK_FAULTS, SimDisk } from "./sim-disk.ts";
import { SimFileSystem } from "./sim-file-system.ts";
import { type NetworkFaults, NO_NETWORK_FAULTS, type SimConnection, SimNetwork } from "./sim-network.ts";
import { Trace } from "./trace.ts";

export interface SimulationOptions {
  /** Any integer. The same seed and the same code give the same run. */
  readonly seed: number;
  readonly disk?: Partial<DiskFaults>;
  readonly network?: Partial<NetworkFaults>;
  /** Of synced writes; drawn if nothing is said. */
  readonly alignmentBytes?: 1 | 512;
  /** Whether the disk is quick enough for a process to stand still for a synced write; drawn if nothing is said. */
  readonly quickWrites?: boolean;
  /** A run that takes more events than this is taken for one without end. */
  readonly maxEvents?: number;
}

/** "power": what was not synced is at risk. "kill": as `kill -9`, what was written survives. */
export type CrashKind = "power" | "kill";

/** What `run` gives when the process died before the scenario was over. */
export const CRASHED = Symbol("crashed");

/** The ports of one process. */
export interface SimProcess {
  readonly clock: SimClock;
  readonly random: SimRandom;
  readonly disk: SimDisk;
  readonly network: SimNetwork;
  readonly alive: boolean;
  /** Ends the process from within, as `process.exit` does; like a kill, nothing runs after it. */
  exit(): void;
}

const DEFAULT_MAX_EVENTS = 5_000_000;

export class Simulation {
  /** Of synced writes; when it is changed, from the next process on. */
  alignmentBytes: number;
  readonly seed: number;
  readonly #quickWrites: boolean;
  /** Draws for the test itself, apart from all draws of the simulation. */
  readonly random: SimRandom;
  readonly #scheduler: Scheduler;
  readonly #trace = new Trace();
  readonly #draws: SimRandom;
  readonly #fileSystem = new SimFileSystem();
  readonly #diskFaults: DiskFaults;
  readonly #networkFaults: NetworkFaults;
  readonly #clientClock: SimClock;
  readonly #maxEvents: number;
  #events = 0;
  #process: Process;
  #crash: { readonly operation: number; readonly kind: CrashKind } | undefined;

  constructor(options: SimulationOptions) {
    this.seed = options.seed;
    this.random = new SimRandom(options.seed, "test");
    this.#draws = new SimRandom(options.seed, "simulation");
    this.#maxEvents = options.maxEvents ?? DEFAULT_MAX_EVENTS;
    this.#scheduler = new Scheduler({ random: this.#draws.fork("scheduler"), trace: this.#trace });
    this.#clientClock = new SimClock({ scheduler: this.#scheduler, random: this.#draws.fork("clients") });
    this.#diskFaults = { ...NO_DISK_FAULTS, ...options.disk };
    this.alignmentBytes = options.alignmentBytes ?? new SimRandom(options.seed, "alignment").pick([1, 512]);
    this.#quickWrites = options.quickWrites ?? new SimRandom(options.seed, "quick writes").chance(0.5);
    this.#networkFaults = { ...NO_NETWORK_FAULTS, ...options.network };
    this.#process = this.#startProcess();
  }

  /** The process that lives now; after a crash, the next one. */
  get process(): SimProcess {
    return this.#process;
  }

  get disk(): SimDisk {
    return this.#process.disk;
  }

  get network(): SimNetwork {
    return this.#process.network;
  }

  /** Time that goes on whatever dies, for the clients of a scenario. */
  get clock(): Clock {
    return this.#clientClock;
  }

  /** Virtual milliseconds since the simulation began. */
  get nowMs(): number {
    return this.#scheduler.nowMs;
  }

  /**
   * Runs `scenario` as the present process, until it settles or the process dies.
   * @throws what the scenario throws, and an Error when it waits for something that never comes.
   */
  async run<T>(scenario: (process: SimProcess) => Promise<T>): Promise<T | typeof CRASHED> {
    const process = this.#process;
    const settled = watch(scenario(process));
    await this.#runUntil(() => settled.result !== undefined || !process.alive);
    // What a dead process returned does not count any more; what it threw does.
    const threw = settled.result !== undefined && "error" in settled.result;
    return process.alive || threw ? this.#outcome(settled) : CRASHED;
  }

  /** Runs until `promise` settles, over the death of any process: for clients that see a crash from outside. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    const settled = watch(promise);
    await this.#runUntil(() => settled.result !== undefined);
    return this.#outcome(settled);
  }

  /** Runs until `condition` holds. @throws an Error when nothing is left to happen before it does. */
  async runUntil(condition: () => boolean): Promise<void> {
    if (!(await this.#runUntil(condition))) throw this.#stuck();
  }

  /** Runs until nothing is left to happen. */
  async runUntilIdle(): Promise<void> {
    await this.#runUntil(() => false);
  }

  /**
   * The present process dies when it begins its disk operation of this number (1 is its first): the operation is in
   * flight then, and may be done, half done or not done. `disk.operations` tells how many there are.
   */
  crashAt(operation: number, kind: CrashKind = "power"): void {
    this.#crash = { operation, kind };
  }

  /** The present process dies now; the next one is there. */
  crash(kind: CrashKind = "power"): void {
    this.#scheduler.note(`crash ${kind}`);
    const dead = this.#process;
    dead.lifetime.end();
    dead.disk.interrupt();
    dead.network.abandon();
    if (kind === "power") this.#fileSystem.losePower(this.#draws.fork("power loss"));
    this.#crash = undefined;
    this.#process = this.#startProcess();
  }

  /** Lets time pass while nothing runs: what was due comes late. */
  stall(delayMs: number): void {
    this.#scheduler.stall(delayMs);
  }

  /** A client's connection to the present process. */
  connect(port: number): SimConnection {
    return this.#process.network.connect(port);
  }

  /** Every file's path and bytes, as a read would see them now. */
  files(): Map<string, Buffer> {
    return this.#fileSystem.files();
  }

  /** Equal for two runs that did the same. */
  digest(): string {
    return this.#trace.digest();
  }

  /** The last steps, for the message of a failed test. */
  history(): string {
    return [`seed ${this.seed}`, ...this.#trace.tail()].join("\n");
  }

  #runUntil(condition: () => boolean): Promise<boolean> {
    return this.#scheduler.runUntil(() => {
      this.#events++;
      if (this.#events > this.#maxEvents) throw this.#failure(`no end after ${this.#maxEvents} events`);
      return condition();
    });
  }

  #startProcess(): Process {
    const lifetime = new Lifetime();
    const scheduler = this.#scheduler;
    const draws = this.#draws;
    const process: Process = {
      lifetime,
      clock: new SimClock({ scheduler, lifetime, random: draws.fork("clock") }),
      random: draws.fork("random"),
      disk: new SimDisk({
        scheduler,
        lifetime,
        random: draws.fork("disk"),
        fileSystem: this.#fileSystem,
        faults: this.#diskFaults,
        alignmentBytes: this.alignmentBytes,
        quickWrites: this.#quickWrites,
        onOperation: (operation) => this.#crashIfDue(operation),
      }),
      network: new SimNetwork({ scheduler, lifetime, random: draws.fork("network"), faults: this.#networkFaults }),
      get alive() {
        return lifetime.alive;
      },
      exit: () => {
        if (lifetime.alive) this.crash("kill");
      },
    };
    return process;
  }

  #crashIfDue(operation: number): void {
    if (this.#crash?.operation === operation) this.crash(this.#crash.kind);
  }

  #outcome<T>({ result }: Settled<T>): T {
    if (result === undefined) throw this.#stuck();
    if ("error" in result) throw result.error;
    return result.value;
  }

  #stuck(): Error {
    return this.#failure("nothing is left to happen, and the end has not come");
  }

  #failure(message: string): Error {
    return new Error(`${message}\n${this.history()}`);
  }
}

interface Process extends SimProcess {
  readonly lifetime: Lifetime;
}

interface Settled<T> {
  result: { readonly value: T } | { readonly error: unknown } | undefined;
}

function watch<T>(promise: Promise<T>): Settled<T> {
  const settled: Settled<T> = { result: undefined };
  promise.then(
    (value) => (settled.result = { value }),
    (error: unknown) => (settled.result = { error }),
  );
  return settled;
}
