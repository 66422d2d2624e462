import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Simulation } from "../../sim/simulation.ts";
import type { ChildEvents } from "../ports/child.ts";
import type { Clock } from "../ports/clock.ts";
import type { Answer, Job, Request } from "./jobs.ts";
import { StorageMetrics } from "./metrics.ts";
import { JobError, WorkerClient } from "./worker-client.ts";

const WORK: Job = { kind: "merge", inputs: [], outputs: [] };
const RESULT = { segments: [] };

/** A child in the test's hand. */
class FakeChild {
  readonly events: ChildEvents;
  readonly jobs: number[] = [];
  readonly paces: number[] = [];
  isEnded = false;

  constructor(events: ChildEvents) {
    this.events = events;
  }

  send(message: unknown): void {
    const request = message as Request;
    if ("paceFactor" in request) this.paces.push(request.paceFactor);
    else this.jobs.push(request.job);
  }

  end(): void {
    this.isEnded = true;
  }

  says(answer: Answer): void {
    this.events.message(answer);
  }

  done(job: number): void {
    this.says({ job, type: "done", result: RESULT });
  }
}

let simulation: Simulation;
let children: FakeChild[];
let lines: string[];
let refusal: Error | undefined;
let client: WorkerClient;
let metrics: StorageMetrics;

beforeEach(() => {
  simulation = new Simulation({ seed: 1 });
  children = [];
  lines = [];
  refusal = undefined;
  const clock: Clock = simulation.process.clock;
  const launcher = {
    launch(events: ChildEvents) {
      if (refusal !== undefined) throw refusal;
      const child = new FakeChild(events);
      children.push(child);
      return child;
    },
  };
  metrics = new StorageMetrics();
  client = new WorkerClient({ launcher, clock, log: (line) => void lines.push(line), metrics });
});

async function pass(durationMs: number): Promise<void> {
  const until = simulation.nowMs + durationMs;
  simulation.clock.schedule(durationMs, () => undefined);
  await simulation.runUntil(() => simulation.nowMs >= until);
}

/** What becomes of a job: its result, or why it has none. */
function outcome(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "done",
    (error: unknown) => (error instanceof JobError ? `${error.kind}: ${error.message}` : String(error)),
  );
}

test("a worker is launched when there is something to do, and does one job after the other", async () => {
  assert.equal(children.length, 0);
  const [first, second] = [client.run(WORK), client.run(WORK)];
  const [child] = children;
  child!.done(child!.jobs[1]!);
  assert.deepEqual(await second, RESULT);
  child!.done(child!.jobs[0]!);
  assert.deepEqual(await first, RESULT);
  assert.equal(children.length, 1);
});

test("a failure is that of its job, and tells whether trying again may help", async () => {
  const [first, second] = [outcome(client.run(WORK)), outcome(client.run(WORK))];
  const [child] = children;
  child!.says({ job: child!.jobs[0]!, type: "failed", failure: { kind: "damaged", message: "a" } });
  child!.says({ job: child!.jobs[1]!, type: "failed", failure: { kind: "failed", message: "b" } });
  assert.deepEqual([await first, await second], ["damaged: a", "failed: b"]);
});

test("when it crashes its jobs fail, and the next job launches another", async () => {
  const jobs = [outcome(client.run(WORK)), outcome(client.run(WORK))];
  children[0]!.events.ended("out of memory");
  for (const job of jobs) assert.match(await job, /^lost: .*out of memory/);
  const next = client.run(WORK);
  assert.equal(children.length, 2);
  children[1]!.done(children[1]!.jobs[0]!);
  assert.deepEqual(await next, RESULT);
  assert.match(lines.join(), /out of memory/);
});

test("one that shows no progress for half a minute is ended; what it says later, or its end, counts no more", async () => {
  const job = outcome(client.run(WORK));
  await pass(29_000);
  const [child] = children;
  child!.says({ job: child!.jobs[0]!, type: "progress" });
  await pass(29_000);
  assert.equal(child!.isEnded, false, "it has shown progress");
  await pass(3_000);
  assert.equal(child!.isEnded, true);
  assert.match(await job, /^lost: .*hung/);
  const next = outcome(client.run(WORK));
  child!.done(children[1]!.jobs[0]!);
  child!.events.ended("it was ended");
  children[1]!.done(children[1]!.jobs[0]!);
  assert.equal(await next, "done");
});

test("hazard: the process is stopped for a minute: the worker, stopped with it, is not taken for one that hangs", async () => {
  const job = outcome(client.run(WORK));
  const [child] = children;
  await pass(5_000);
  for (let stop = 0; stop < 3; stop += 1) {
    simulation.stall(60_000);
    await pass(5_000);
  }
  assert.equal(child!.isEnded, false);
  await pass(31_000);
  assert.match(await job, /^lost: .*hung/, "canary: then it does hang");
});

test("hazard: a job that gets on keeps alive another one that hangs", async () => {
  const hanging = outcome(client.run(WORK));
  const busy = client.run(WORK);
  const [child] = children;
  for (let passedMs = 0; passedMs < 29_000; passedMs += 1_000) {
    await pass(1_000);
    child!.says({ job: child!.jobs[1]!, type: "progress" });
  }
  busy.catch(() => undefined);
  await pass(3_000);
  assert.match(await hanging, /hung/);
});

test("an answer to a job that was given up is not taken for one to another", async () => {
  const first = outcome(client.run(WORK));
  children[0]!.events.ended("crash");
  await first;
  const next = outcome(client.run(WORK));
  children[0]!.done(1);
  children[1]!.done(children[1]!.jobs[0]!);
  assert.equal(await next, "done");
  assert.notEqual(children[1]!.jobs[0], 1);
});

test("hazard: no thread is to be had: the job fails, the broker goes on, and tries again", async () => {
  refusal = new Error("EAGAIN");
  assert.match(await outcome(client.run(WORK)), /^starved: .*EAGAIN/);
  refusal = undefined;
  const next = client.run(WORK);
  children[0]!.done(children[0]!.jobs[0]!);
  assert.deepEqual(await next, RESULT);
});

test("stopped: the worker is ended, what it was doing is given up, and nothing is launched any more", async () => {
  const job = outcome(client.run(WORK));
  client.stop();
  assert.equal(children[0]!.isEnded, true);
  assert.match(await job, /^lost: the broker stops/);
  children[0]!.events.ended("it was ended");
  assert.deepEqual(lines, [], "which is no news");
  assert.match(await outcome(client.run(WORK)), /the broker stops/);
  assert.equal(children.length, 1);
});

test("the worker is told its pace when that changes, and one that is launched later, too", async () => {
  client.paceFactor = 2;
  const first = client.run(WORK);
  client.paceFactor = 2;
  client.paceFactor = 0;
  client.paceFactor = 3;
  assert.deepEqual(children[0]!.paces, [2, 0, 3]);
  children[0]!.events.ended("it is over");
  await assert.rejects(first, JobError);
  void client.run(WORK).catch(() => undefined);
  assert.deepEqual(children[1]!.paces, [3]);
});

test("a worker that has nothing to do for two seconds is ended; the next job launches another", async () => {
  const first = client.run(WORK);
  await pass(10_000);
  assert.equal(children[0]!.isEnded, false, "it is at work");
  children[0]!.done(1);
  await first;
  await pass(900);
  const second = client.run(WORK);
  await pass(5_000);
  children[0]!.done(2);
  await second;
  assert.equal(children[0]!.isEnded, false, "it had something to do in time");
  await pass(3_000);
  assert.equal(children[0]!.isEnded, true);
  const third = client.run(WORK);
  assert.equal(children.length, 2);
  children[0]!.events.ended("it was told to");
  children[1]!.done(3);
  assert.deepEqual(await third, RESULT);
  assert.equal(metrics.workersCrashed, 0);
  assert.deepEqual(lines, []);
});
