/** What every `Clock` does, on each implementation. */
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { describe, it } from "node:test";
import { Simulation } from "../../sim/simulation.ts";
import { createNodeClock } from "../../src/io/node-clock.ts";
import type { Clock } from "../../src/ports/clock.ts";

interface Backend {
  readonly name: string;
  run(scenario: (clock: Clock) => Promise<void>): Promise<void>;
}

const BACKENDS: readonly Backend[] = [
  { name: "node", run: (scenario) => scenario(createNodeClock()) },
  {
    name: "simulated",
    run: async (scenario) => {
      for (let seed = 1; seed <= 50; seed++) await new Simulation({ seed }).run((process) => scenario(process.clock));
    },
  },
];

function after(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.schedule(delayMs, resolve));
}

function deferred(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.defer(resolve));
}

for (const backend of BACKENDS) {
  describe(`Clock: ${backend.name}`, () => {
    const test = (title: string, scenario: (clock: Clock) => Promise<void>): void => {
      void it(title, () => backend.run(scenario));
    };

    test("gives whole wall milliseconds of this century", async (clock) => {
      assert(Number.isSafeInteger(clock.wallMs()));
      assert(clock.wallMs() > Date.UTC(2025, 0) && clock.wallMs() < Date.UTC(2100, 0));
    });

    test("never runs a timer early, and moves the monotonic time on", async (clock) => {
      for (const delayMs of [0, 0.3, 1, 2, 5]) {
        const startMs = clock.monotonicMs();
        await after(clock, delayMs);
        assert(clock.monotonicMs() >= startMs + delayMs, `${clock.monotonicMs() - startMs} ms for ${delayMs}`);
      }
    });

    test("runs timers in the order of their time", async (clock) => {
      const order: number[] = [];
      const delays = [30, 10, 20, 0];
      await Promise.all(delays.map((delayMs) => after(clock, delayMs).then(() => order.push(delayMs))));
      assert.deepEqual(order, [0, 10, 20, 30]);
    });

    test("never runs a cancelled timer", async (clock) => {
      const timer = clock.schedule(1, () => assert.fail("ran"));
      timer.cancel();
      await after(clock, 10);
      timer.cancel();
    });

    test("waits for delays beyond 2^31 ms", async (clock) => {
      const timer = clock.schedule(2 ** 40, () => assert.fail("ran"));
      await after(clock, 5);
      timer.cancel();
    });

    test("runs deferred tasks in their order, later than the caller, and those they defer after them", async (clock) => {
      const order: string[] = [];
      clock.defer(() => {
        order.push("first");
        clock.defer(() => order.push("nested"));
      });
      clock.defer(() => order.push("second"));
      order.push("caller");
      await deferred(clock);
      await deferred(clock);
      assert.deepEqual(order, ["caller", "first", "second", "nested"]);
    });
  });
}

it("Clock: node: runs a deferred task after all input that has already arrived", async () => {
  const clock = createNodeClock();
  const CONNECTIONS = 20;
  const accepted: net.Socket[] = [];
  const clients: net.Socket[] = [];
  const server = net.createServer((socket) => accepted.push(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  for (let index = 0; index < CONNECTIONS; index++) {
    const client = net.connect(port, "127.0.0.1");
    await Promise.all([once(client, "connect"), once(server, "connection")]);
    clients.push(client);
  }
  let received = 0;
  const receivedWhenDeferred = new Promise<number>((resolve) => {
    for (const socket of accepted) {
      socket.on("data", () => {
        received++;
        if (received === 1) clock.defer(() => resolve(received));
      });
    }
  });
  // Over loopback a write has arrived when the call returns.
  for (const client of clients) client.write("x");
  assert.equal(await receivedWhenDeferred, CONNECTIONS);
  for (const socket of [...clients, ...accepted]) socket.destroy();
  server.close();
});

it("Clock: simulated: stops while the process does, and runs what was due late", async () => {
  const simulation = new Simulation({ seed: 1 });
  await simulation.run(async ({ clock }) => {
    const startMs = clock.monotonicMs();
    const waited = after(clock, 10);
    simulation.stall(5000);
    await waited;
    assert(clock.monotonicMs() - startMs >= 5000);
  });
});

it("Clock: simulated: the wall clock jumps, monotonic time does not", async () => {
  await new Simulation({ seed: 1 }).run(async ({ clock }) => {
    const [wallMs, monotonicMs] = [clock.wallMs(), clock.monotonicMs()];
    clock.jumpWall(-3_600_000);
    assert.equal(clock.wallMs(), wallMs - 3_600_000);
    assert.equal(clock.monotonicMs(), monotonicMs);
  });
});
