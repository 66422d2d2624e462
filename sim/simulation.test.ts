/** The simulation itself: it replays, it dies when it is told to, and it says when a scenario hangs. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SocketEvents } from "../src/ports/network.ts";
import { SimRandom } from "./random.ts";
import { CRASHED, type SimProcess, Simulation } from "./simulation.ts";

/** A server that writes what it receives to a file, syncs, and answers with the number of bytes. */
async function startServer({ disk, network, clock }: SimProcess): Promise<number> {
  await disk.makeFolder("data");
  const names = await disk.list("data");
  const file = await disk.create(`data/${names.length}`);
  let position = 0;
  const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (socket): SocketEvents => {
    const buffer = Buffer.alloc(64);
    return {
      readBuffer: () => buffer,
      received: (size) => {
        const at = position;
        position += size;
        const store = async () => {
          await file.write([Buffer.from(buffer.subarray(0, size))], at);
          await file.sync();
          clock.defer(() => socket.write([Buffer.from(`${size} `)], () => undefined));
        };
        void store();
      },
      closed: () => undefined,
    };
  });
  return listener.address.port;
}

/** Clients, timers, a crash in the middle and a second life. */
async function wholeRun(seed: number): Promise<string> {
  const simulation = new Simulation({ seed, network: { resetRate: 0.01 } });
  simulation.crashAt(simulation.random.between(5, 40));
  let ended = 0;
  for (let life = 0; life < 2; life++) {
    const result = await simulation.run(async (process) => {
      const port = await startServer(process);
      await new Promise<void>((resolve) => {
        for (let client = 0; client < 5; client++) {
          const connection = simulation.connect(port);
          let answered = "";
          connection.onData = (bytes) => {
            answered += Buffer.from(bytes).toString();
            if (answered.split(" ").length > 5) connection.close();
          };
          connection.onClosed = () => {
            ended++;
          };
          connection.send(process.random.bytes(300));
        }
        process.clock.schedule(200, resolve);
      });
    });
    if (result === CRASHED) continue;
    simulation.crash("kill");
  }
  await simulation.runUntilIdle();
  return `${simulation.digest()} ${ended} ${simulation.nowMs}`;
}

describe("simulation", () => {
  it("replays a seed exactly, and another seed differently", async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 30; seed++) {
      const [first, second] = [await wholeRun(seed), await wholeRun(seed)];
      assert.equal(first, second, `seed ${seed}`);
      seen.add(first);
    }
    assert.equal(seen.size, 30);
  });

  it("crashes at every disk operation, and at no other", async () => {
    let operation = 1;
    for (; ; operation++) {
      const simulation = new Simulation({ seed: operation });
      simulation.crashAt(operation);
      const dead = simulation.process;
      const result = await simulation.run(async ({ disk }) => {
        const file = await disk.create("x");
        for (let index = 0; index < 5; index++) await file.write([Buffer.from("x")], index);
        await file.sync();
      });
      if (result !== CRASHED) break;
      assert.equal(dead.disk.operations, operation);
    }
    assert.equal(operation, 8);
  });

  it("a process that exits runs nothing more; the next one finds its files", async () => {
    const simulation = new Simulation({ seed: 1 });
    const result = await simulation.run(async (process) => {
      const file = await process.disk.create("x");
      await file.write([Buffer.from("x")], 0);
      process.clock.schedule(1, () => assert.fail("ran"));
      process.clock.defer(() => assert.fail("ran"));
      process.exit();
      process.exit();
    });
    assert.equal(result, CRASHED);
    assert(simulation.process.alive);
    assert.deepEqual(await simulation.run(({ disk }) => disk.list("")), ["x"]);
    await simulation.runUntilIdle();
  });

  it("says that a scenario waits for what never comes, and what happened last", async () => {
    const simulation = new Simulation({ seed: 7 });
    const hanging = simulation.run(async ({ disk }) => {
      await disk.create("x");
      await new Promise(() => undefined);
    });
    await assert.rejects(hanging, /nothing is left to happen.*seed 7.*create x/s);
  });

  it("says that a scenario has no end", async () => {
    const simulation = new Simulation({ seed: 1, maxEvents: 1000 });
    const endless = simulation.run(async ({ clock }) => {
      const again = () => void clock.schedule(1, again);
      again();
      await new Promise(() => undefined);
    });
    await assert.rejects(endless, /no end after 1000 events/);
  });

  it("passes on what a scenario, or a task of it, throws", async () => {
    await assert.rejects(
      new Simulation({ seed: 1 }).run(() => Promise.reject(new Error("mine"))),
      /mine/,
    );
    const inTask = new Simulation({ seed: 1 }).run(({ clock }) => {
      clock.schedule(1, () => {
        throw new Error("mine");
      });
      return new Promise(() => undefined);
    });
    await assert.rejects(inTask, /mine/);
  });

  it("refuses to be run from within a run", async () => {
    const simulation = new Simulation({ seed: 1 });
    await assert.rejects(
      simulation.run(() => simulation.runUntilIdle()),
      /within its own run/,
    );
  });

  it("clients outlive the process: they receive a part of what was sent, then the end", async () => {
    const received = new Set<number>();
    for (let seed = 1; seed <= 100; seed++) {
      const simulation = new Simulation({ seed });
      let bytes = 0;
      let closed = 0;
      await simulation.run(async ({ network }) => {
        await network.listen({ host: "127.0.0.1", port: 9092 }, (socket) => {
          socket.write([Buffer.alloc(1000)], () => undefined);
          return { readBuffer: () => Buffer.alloc(1), received: () => undefined, closed: () => assert.fail("closed") };
        });
        const client = simulation.connect(9092);
        client.onData = (data) => (bytes += data.length);
        client.onClosed = () => closed++;
        await new Promise<void>((resolve) => void simulation.clock.schedule(2, resolve));
        simulation.crash();
      });
      await simulation.runUntilIdle();
      assert.equal(closed, 1);
      received.add(bytes);
    }
    assert(received.has(0) && received.has(1000) && received.size > 10, [...received].join(" "));
  });

  it("refuses a connection that no one listens for", async () => {
    const simulation = new Simulation({ seed: 1 });
    let refused = 0;
    simulation.connect(9092).onClosed = () => refused++;
    await simulation.runUntilIdle();
    assert.equal(refused, 1);
  });
});

describe("SimRandom", () => {
  it("is decided by its seed and label, and spread evenly", () => {
    const draws = (seed: number, label: string) => {
      const random = new SimRandom(seed, label);
      return Array.from({ length: 1000 }, () => random.between(0, 9));
    };
    assert.deepEqual(draws(1, "a"), draws(1, "a"));
    assert.notDeepEqual(draws(1, "a"), draws(2, "a"));
    assert.notDeepEqual(draws(1, "a"), draws(1, "b"));
    assert.notDeepEqual(draws(1, "a"), draws(2 ** 32 + 1, "a"));
    for (let digit = 0; digit <= 9; digit++) {
      const count = draws(3, "even").filter((drawn) => drawn === digit).length;
      assert(count > 60 && count < 140, `${count} of 1000`);
    }
  });
});
