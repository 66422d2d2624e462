/** When the storage worker works, how fast, and when producers have to wait for it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorkerFate } from "../../sim/sim-worker.ts";
import { placeIn } from "../../test/log/open-log.ts";
import { withStorage } from "../../test/storage/open-storage.ts";
import { RESOURCE_TOPIC } from "../state/state.ts";
import type { Job } from "./jobs.ts";

const MIB = 1024 * 1024;

test("producers are held back the more the nearer the backlog is to its bound, and not at all below three quarters of it", async () => {
  await withStorage(
    async (open) => {
      const topic = open.topic("orders");
      const { broker } = open.store.state;
      Object.defineProperty(open.store.state, "broker", { value: { ...broker, "wal.backlog.max.bytes": MIB } });
      const delays: number[] = [];
      while (!open.storage.backlog.isFull) {
        open.append(placeIn(topic), [{ value: Buffer.alloc(60_000) }]);
        await open.roll();
        delays.push(open.storage.backlog.delayMs);
      }
      assert.equal(delays[0], 0);
      assert.deepEqual(
        delays.toSorted((a, b) => a - b),
        delays,
      );
      assert.equal(delays.at(-1), 1000);
      const share = delays.findIndex((delay) => delay > 0) / delays.length;
      assert.ok(share > 0.65 && share < 0.85, `held back from ${share} of the bound on`);
    },
    { workerFate: () => "hangs" },
  );
});

test("the worker pauses while the log is written, less with a larger backlog, and no more when it is not written", async () => {
  await withStorage(
    async (open) => {
      const topic = open.topic("orders");
      const value = Buffer.alloc(100_000);
      open.append(placeIn(topic), [{ value }]);
      await open.settle();
      assert.ok(open.workers.paces[0]! > 3, "the log was committed just now");
      open.append(placeIn(topic), [{ value }]);
      await open.flush();
      await open.pass(5_000);
      await open.roll();
      await open.storage.idle();
      assert.equal(open.workers.paces.at(-1), 0);
      for (let batch = 0; batch < 11; batch += 1) open.append(placeIn(topic), [{ value }]);
      await open.settle();
      assert.ok(open.workers.paces.at(-1)! > 0 && open.workers.paces.at(-1)! < 4, "there is a backlog");
      for (let batch = 0; batch < 17; batch += 1) open.append(placeIn(topic), [{ value }]);
      await open.settle();
      assert.equal(open.workers.paces.at(-1), 0, "more than three quarters of the bound");
    },
    { settings: { "wal.backlog.max.bytes": "2000000" } },
  );
});

test("while the log grows fast, files are converted from half of the backlog's bound on, one at a time, and all of them later", async () => {
  for (const [boundBytes, isConverted] of [
    [1024 * MIB, false],
    [64 * MIB, true],
  ] as const) {
    let [underWay, mostUnderWay] = [0, 0];
    const jobFate = (work: Job): WorkerFate => {
      if (work.kind === "convert") underWay += 1;
      mostUnderWay = Math.max(mostUnderWay, underWay);
      return "lives";
    };
    await withStorage(
      async (open) => {
        const topic = open.topic("orders");
        const converted = (): number => open.storage.metrics.jobs.convert.ended.done;
        const grow = async (seconds: number): Promise<void> => {
          for (let n = 0; n < seconds * 40; n += 1) {
            open.append(placeIn(topic), [{ value: Buffer.alloc(MIB / 2, n) }]);
            await open.flush();
            await open.pass(25);
            underWay -= converted() - before;
            before = converted();
          }
        };
        let before = 0;
        await grow(2.5);
        const whenFast = converted();
        mostUnderWay = underWay;
        await grow(4);
        assert.equal(converted() > whenFast, isConverted, `${converted() - whenFast} files, bound ${boundBytes}`);
        if (isConverted) assert.equal(mostUnderWay, 1);
        const { paces } = open.workers;
        const sent = paces.length;
        await open.pass(10_000);
        await open.settle();
        assert.equal(open.storage.backlog.bytes, 0);
        assert.deepEqual(paces.slice(paces.indexOf(0, sent)), [0], "what it commits itself is no reason to pause");
      },
      { settings: { "wal.backlog.max.bytes": `${boundBytes}`, "wal.segment.bytes": `${4 * MIB}` }, jobFate },
    );
  }
});

test("while clients are busy no compaction is begun, even if one is due; later it is", async () => {
  const begun: string[] = [];
  const jobFate = ({ kind }: Job): WorkerFate => {
    begun.push(kind);
    return "lives";
  };
  await withStorage(
    async (open) => {
      const [keyed, other] = [open.topic("keyed"), open.topic("other")];
      const grow = async (seconds: number): Promise<void> => {
        for (let n = 0; n < seconds * 40; n += 1) {
          open.append(placeIn(other), [{ value: Buffer.alloc(MIB / 2, n) }]);
          await open.flush();
          await open.pass(25);
        }
      };
      open.append(placeIn(keyed), [{ key: "k", value: "v" }]);
      await open.settle();
      await grow(1);
      begun.splice(0);
      const entries = [{ key: "cleanup.policy", value: "compact" }];
      open.store.append({ type: 6, value: { type: RESOURCE_TOPIC, name: "keyed", entries } });
      await grow(3);
      assert.equal(begun.join(), "");
      await open.pass(10_000);
      await open.settle();
      assert.ok(begun.includes("compact"), String(begun));
    },
    { settings: { "wal.segment.bytes": `${4 * MIB}`, "log.cleaner.backoff.ms": "500" }, jobFate },
  );
});
