/** Groups of the consumer protocol (KIP-848) on a whole broker that crashes, loses connections and stalls. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { APIS } from "../../src/protocol/apis.ts";
import { Ledger } from "../coordinator/group-simulation.ts";
import { ConsumerGroupMember } from "./consumer-group-members.ts";
import { GROUP, PARTITIONS, readPositions, SESSION_MS, TOPIC } from "./group-members.ts";
import { World, type WorldOptions } from "./world.ts";

const SETTINGS = {
  "group.consumer.min.session.timeout.ms": String(SESSION_MS),
  "group.consumer.session.timeout.ms": String(SESSION_MS),
};

interface GroupWorld {
  readonly world: World;
  readonly members: readonly ConsumerGroupMember[];
  readonly ledger: Ledger;
  readonly done: Promise<unknown>;
}

/** A broker with the topic, and members that wait for the gate. */
async function groupWorld(options: WorldOptions): Promise<GroupWorld> {
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
  const members = ["m1", "m2", "m3"].map(
    (memberId) =>
      new ConsumerGroupMember({
        memberId,
        world,
        ledger,
        random: random.fork(memberId),
        nextPosition: () => ++position,
      }),
  );
  return { world, members, ledger, done: Promise.all(members.map((member) => member.run())) };
}

function isWhole(members: readonly ConsumerGroupMember[]): boolean {
  const epochs = new Set(members.map(({ epoch }) => epoch));
  const owned = members.flatMap((member) => member.owned).toSorted((one, other) => one - other);
  return epochs.size === 1 && members[0]!.epoch > 0 && owned.join() === PARTITIONS.join();
}

/** What was acknowledged is there, and no two members of the group use the same partition. */
async function check({ world, members, ledger }: GroupWorld): Promise<void> {
  const client = world.connect();
  const checkAcknowledged = ledger.checkLater();
  const positions = await world.simulation.settle(readPositions(client));
  client.close();
  checkAcknowledged((partition) => positions.get(partition)!);
  const group = world.running.broker.groups.coordinator.consumerGroup(GROUP);
  const present = new Set([...(group?.members() ?? [])].map(({ memberId }) => memberId));
  const used = members.filter(({ memberId }) => present.has(memberId)).flatMap(({ owned }) => owned);
  assert.equal(new Set(used).size, used.length, `${used.join()} are used`);
}

async function finish({ world, members, done }: GroupWorld): Promise<void> {
  for (const member of members) member.stop();
  world.gate.open();
  await world.simulation.settle(done);
}

describe("a group of the consumer protocol", () => {
  it("keeps its promises while the broker crashes and connections are reset, and is whole in the end", async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const group = await groupWorld({ seed, resetRate: 0.002 });
      const { world, members } = group;
      const { random } = world.simulation;
      for (let life = 0; life < 6; life++) {
        const untilMs = world.simulation.nowMs + random.between(200, 12_000);
        await world.letIn(() => world.simulation.nowMs >= untilMs);
        world.crash(random.chance(0.5) ? "power" : "kill");
        await world.start();
        await check(group);
      }
      await world.letIn(() => isWhole(members));
      await check(group);
      await finish(group);
    }
  });

  it("goes on after a restart at the epochs it had, and no member joins again", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const group = await groupWorld({ seed });
      const { world, members } = group;
      await world.letIn(() => isWhole(members));
      const before = members.map(({ joins, epoch }) => [joins, epoch]);
      world.crash("power");
      await world.start();
      await check(group);
      const untilMs = world.simulation.nowMs + 3 * SESSION_MS;
      await world.letIn(() => world.simulation.nowMs >= untilMs);
      assert.deepEqual(
        members.map(({ joins, epoch }) => [joins, epoch]),
        before,
        `seed ${seed}`,
      );
      await finish(group);
    }
  });

  it("loses no member to a stall of the process that is longer than its session", async () => {
    const group = await groupWorld({ seed: 1 });
    const { world, members } = group;
    await world.letIn(() => isWhole(members));
    const before = members.map(({ epoch }) => epoch);
    for (const stallMs of [SESSION_MS, 20 * SESSION_MS]) {
      world.simulation.stall(stallMs);
      const untilMs = world.simulation.nowMs + 2 * SESSION_MS;
      await world.letIn(() => world.simulation.nowMs >= untilMs);
    }
    assert.deepEqual(
      members.map(({ epoch }) => epoch),
      before,
    );
    await finish(group);
  });

  it("does lose those that are silent for longer than their session", async () => {
    const group = await groupWorld({ seed: 1 });
    const { world, members } = group;
    await world.letIn(() => isWhole(members));
    await world.pass(10_000); // the gate is shut: nobody sends anything
    assert.equal(world.running.broker.groups.coordinator.consumerGroup(GROUP)?.state, "Empty");
    await world.letIn(() => isWhole(members));
    await finish(group);
  });
});
