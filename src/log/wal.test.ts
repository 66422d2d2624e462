import assert from "node:assert/strict";
import { test } from "node:test";
import { CRASHED, Simulation } from "../../sim/simulation.ts";
import { layOut } from "../../test/crash/wal-layout.ts";
import { type OpenLog, openLog, placeIn } from "../../test/log/open-log.ts";
import { BLOCK_BYTES } from "./blocks.ts";

const MIB = 1024 * 1024;

type Alignment = 1 | 512;

/** What the scenario leaves in the log's files. The simulated disk refuses writes that are not aligned. */
async function filesOf(
  alignmentBytes: Alignment,
  scenario: (log: OpenLog) => Promise<void>,
  settings: Readonly<Record<string, string>> = {},
): Promise<Map<string, Buffer>> {
  const simulation = new Simulation({ seed: 1, alignmentBytes });
  const ran = await simulation.run(async (process) => {
    await scenario(await openLog(process, { "wal.indexing.interval.ms": "-1", ...settings }));
  });
  assert.ok(ran !== CRASHED);
  return simulation.files();
}

for (const alignmentBytes of [1, 512] as const) {
  test(`groups of any size end where the disk wants them to (${alignmentBytes})`, async () => {
    const sizes = [1, 100, 300, 330, 340, 350, 360, 370, 380, 390, 400, 500, 1000, 5000];
    const files = await filesOf(alignmentBytes, async (log) => {
      const place = placeIn(log.topic("t"));
      for (const size of sizes) {
        log.append(place, [{ value: Buffer.alloc(size, 1) }]);
        await log.flush();
      }
    });
    const groups = layOut(files);
    assert.equal(groups.flatMap(({ batches }) => batches).length, sizes.length);
    for (const { at, end } of groups) assert.deepEqual([at % alignmentBytes, end % alignmentBytes], [0, 0]);
    const filled = groups.filter(({ contentEnd, end }) => contentEnd < end).length;
    assert.ok(alignmentBytes === 1 ? filled === 0 : filled > 10, `${filled} of ${groups.length} groups were filled up`);
  });

  test(`a request larger than the blocks of memory is one group all the same (${alignmentBytes})`, async () => {
    const values = [3 * MIB, 1 * MIB, 5 * MIB, 100, 2 * MIB].map((size, index) => Buffer.alloc(size, index + 1));
    assert.ok(values.some(({ length }) => length > BLOCK_BYTES));
    const files = await filesOf(
      alignmentBytes,
      async (log) => {
        const place = placeIn(log.topic("t"));
        await log.flush();
        log.store.wal.beginRequest(11 * MIB);
        const appended = values.map((value) => log.append(place, [{ value }]));
        await log.flush();
        const found = log.reader.readNow({
          partition: place.partition,
          topicBytes: 1,
          offset: 0,
          limitOffset: values.length,
          maxBytes: 20 * MIB,
          atLeastOne: true,
        });
        assert.ok(Buffer.concat(found!.parts).equals(Buffer.concat(appended)));
        found!.release();
      },
      { "wal.tail.cache.bytes": String(32 * MIB) },
    );
    const holding = layOut(files).filter(({ batches }) => batches.length > 0);
    assert.deepEqual(
      holding.map(({ batches }) => batches.length),
      [values.length],
    );
  });
}

test("a log goes on where it was left, whatever the disk wants from then on", async () => {
  const simulation = new Simulation({ seed: 1 });
  for (const [life, alignmentBytes] of [1, 512, 1, 512].entries()) {
    simulation.alignmentBytes = alignmentBytes;
    simulation.crash("kill");
    const ran = await simulation.run(async (process) => {
      const log = await openLog(process);
      assert.deepEqual([log.opened.report.damage, log.opened.report.cutBytes], [[], 0]);
      const place = placeIn(log.store.state.topic("t") ?? log.topic("t"));
      assert.equal(place.partition.endOffset, life);
      log.append(place, [{ value: "one" }]);
      await log.flush();
    });
    assert.ok(ran !== CRASHED);
  }
});
