/** Groups on a whole broker that crashes, loses connections and stalls. See `group-simulation.ts` for what must hold. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { APIS } from "../../src/protocol/apis.ts";
import { Ledger } from "../coordinator/group-simulation.ts";
import { GROUP, GroupMember, PARTITIONS, readPositions, SESSION_MS, TOPIC } from "./group-members.ts";
import { World, type WorldOptions } from "./world.ts";

const SETTINGS = { "group.initial.rebalance.delay.ms": "300" };

/** A broker with the topic, and members that wait for the gate. */
async function groupWorld(options: WorldOptions): Promise<{
  readonly world: World;
  readonly members: readonly GroupMember[];
  readonly ledger: Ledger;
  readonly done: Promise<unknown>;
}> {
  const world = new World({ ...options, settings: { ...SETTINGS, ...options.settings } });
  await world.start();
  const admin = world.connect();
  await world.simulation.settle(
    admin.request(APIS.createTopics, 7, {
      topics: [{ name: TOPIC, numPartitions: PARTITIONS.length, replicationFactor: 1 }],
    }),
  );
  const ledger = new Ledger();
  let position = 0;
  const { random } = world.simulation;
  const members = [1, 2, 3].map(
    (index) =>
      new GroupMember({ world, ledger, random: random.fork(`member ${index}`), nextPosition: () => ++position }),
  );
  return { world, members, ledger, done: Promise.all(members.map((member) => member.run())) };
}

function isWhole(members: readonly GroupMember[]): boolean {
  const generations = new Set(members.map(({ generation }) => generation));
  const owned = members.flatMap((member) => member.owned).toSorted((one, other) => one - other);
  return generations.size === 1 && members[0]!.generation > 0 && owned.join() === PARTITIONS.join();
}

async function check(world: World, ledger: Ledger): Promise<void> {
  const client = world.connect();
  // Members may have commits under way that are acknowledged before these positions arrive, and are not in them.
  const checkAcknowledged = ledger.checkLater();
  const positions = await world.simulation.settle(readPositions(client));
  client.close();
  checkAcknowledged((partition) => positions.get(partition)!);
}

async function finish(world: World, members: readonly GroupMember[], done: Promise<unknown>): Promise<void> {
  for (const member of members) member.stop();
  world.gate.open();
  await world.simulation.settle(done);
}

describe("a group of consumers", () => {
  it("keeps its promises while the broker crashes and connections are reset, and is whole in the end", async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const { world, members, ledger, done } = await groupWorld({ seed, resetRate: 0.002 });
      const { random } = world.simulation;
      for (let life = 0; life < 6; life++) {
        const untilMs = world.simulation.nowMs + random.between(200, 12_000);
        await world.letIn(() => world.simulation.nowMs >= untilMs);
        world.crash(random.chance(0.5) ? "power" : "kill");
        await world.start();
        await check(world, ledger);
      }
      await world.letIn(() => isWhole(members));
      await check(world, ledger);
      await finish(world, members, done);
    }
  });

  it("goes on after a restart with the generation it had, and no member joins again", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { world, members, ledger, done } = await groupWorld({ seed });
      await world.letIn(() => isWhole(members));
      const settledMs = world.simulation.nowMs + 2_000;
      await world.letIn(() => world.simulation.nowMs >= settledMs);
      const before = members.map(({ generations }) => generations);
      world.crash("power");
      await world.start();
      await check(world, ledger);
      const untilMs = world.simulation.nowMs + 3 * SESSION_MS;
      await world.letIn(() => world.simulation.nowMs >= untilMs);
      assert.deepEqual(
        members.map(({ generations }) => generations),
        before,
        `seed ${seed}`,
      );
      await finish(world, members, done);
    }
  });

  it("loses no member to a stall of the process that is longer than its session", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { world, members, done } = await groupWorld({ seed });
      await world.letIn(() => isWhole(members));
      const before = members.map(({ generations }) => generations);
      for (const stallMs of [SESSION_MS, 3 * SESSION_MS, 20 * SESSION_MS]) {
        world.simulation.stall(stallMs);
        const untilMs = world.simulation.nowMs + 2 * SESSION_MS;
        await world.letIn(() => world.simulation.nowMs >= untilMs);
      }
      assert.deepEqual(
        members.map(({ generations }) => generations),
        before,
        `seed ${seed}`,
      );
      await finish(world, members, done);
    }
  });

  it("does lose one that is silent for longer than its session", async () => {
    const { world, members, done } = await groupWorld({ seed: 1 });
    await world.letIn(() => isWhole(members));
    const group = world.running.broker.groups.coordinator.classicGroup(GROUP);
    await world.pass(10_000); // the gate is shut: nobody sends anything
    assert.equal(group?.state, "Empty");
    await world.letIn(() => isWhole(members));
    await finish(world, members, done);
  });
});
