import assert from "node:assert/strict";
import { test } from "node:test";
import { placeIn } from "../../test/log/open-log.ts";
import { bytesOf, query, readStored, SMALL_REGIONS, withLog } from "../../test/log/reads.ts";
import type { Disk } from "../ports/disk.ts";
import type { BatchResult } from "./batch-query.ts";
import { CorruptionError } from "./corruption.ts";

const MIB = 1024 * 1024;
const LARGE = Buffer.alloc(5000, 1);
const SMALL = Buffer.alloc(100, 2);

test("memory and files give the same bytes", async () => {
  await withLog(async (log) => {
    const place = placeIn(log.topic("t"));
    const batches = [SMALL, LARGE, SMALL].map((value) => log.append(place, [{ value }, { value }]));
    await log.flush();
    const expected = Buffer.concat(batches);
    assert.deepEqual(bytesOf(log.reader.readNow(query(place, 0))), expected);
    assert.deepEqual(bytesOf((await readStored(log, query(place, 0)))[0]), expected);
    assert.deepEqual(
      bytesOf(log.reader.readNow(query(place, 3))),
      Buffer.concat(batches.slice(1)),
      "offset 3 is inside",
    );
  });
});

test("nothing beyond the limit is given out, although it is there", async () => {
  await withLog(async (log) => {
    const place = placeIn(log.topic("t"));
    const batches = [1, 2, 3].map(() => log.append(place, [{ value: SMALL }, { value: SMALL }]));
    assert.equal(log.reader.readNow(query(place, 0))?.sizeBytes, 0, "nothing is durable");
    await log.flush();
    for (const [limitOffset, count] of [
      [0, 0],
      [1, 0],
      [2, 1],
      [3, 1],
      [5, 2],
      [6, 3],
    ] as const) {
      const expected = Buffer.concat(batches.slice(0, count));
      assert.deepEqual(bytesOf(log.reader.readNow(query(place, 0, { limitOffset }))), expected, `${limitOffset}`);
      const [stored] = await readStored(log, query(place, 0, { limitOffset }));
      assert.deepEqual(bytesOf(stored), expected, `${limitOffset}`);
    }
  });
});

test("hazard: max bytes smaller than one batch still gets on, but only when at least one is wanted", async () => {
  await withLog(async (log) => {
    const place = placeIn(log.topic("t"));
    const batches = [SMALL, LARGE, SMALL].map((value) => log.append(place, [{ value }]));
    await log.flush();
    for (const [offset, batch] of batches.entries()) {
      for (const maxBytes of [-1, 0, 1, batch.length - 1, batch.length]) {
        const one = query(place, offset, { maxBytes });
        const none = { ...one, atLeastOne: false };
        const isLast = offset === batches.length - 1;
        for (const result of [log.reader.readNow(one), (await readStored(log, one))[0]]) {
          assert.deepEqual(bytesOf(result), batch);
          assert.equal(result!.more, !isLast);
        }
        const expected = maxBytes === batch.length ? batch.length : 0;
        assert.equal(log.reader.readNow(none)?.sizeBytes, expected);
        assert.equal((await readStored(log, none))[0]!.sizeBytes, expected);
      }
    }
  });
});

test("reading on across files leaves no gap, from memory and from files", async () => {
  await withLog(async (log) => {
    const place = placeIn(log.topic("t"));
    const other = placeIn(log.topic("other"));
    const batches: Buffer[] = [];
    for (let file = 0; file < 4; file += 1) {
      for (let batch = 0; batch < 3; batch += 1) {
        batches.push(log.append(place, [{ value: SMALL }]));
        log.append(other, [{ value: LARGE }]);
      }
      if (file < 3) await log.roll();
    }
    await log.flush();
    const stored: Buffer[] = [];
    for (let offset = 0; offset < place.partition.highWatermark; ) {
      const [result] = await readStored(log, query(place, offset));
      assert.equal(result!.more, offset < 9, "more is said where a file ends");
      stored.push(bytesOf(result));
      offset += 3;
    }
    assert.deepEqual(Buffer.concat(stored), Buffer.concat(batches));
    assert.equal(place.partition.ranges.length, 4);
    // The index of a closed file is on disk, so memory serves the last file only.
    assert.equal(log.reader.readNow(query(place, 0)), undefined);
    assert.deepEqual(bytesOf(log.reader.readNow(query(place, 9))), Buffer.concat(batches.slice(9)));
  });
});

test("memory serves several files that are closed but not indexed yet, without a gap", async () => {
  await withLog(async (log) => {
    const place = placeIn(log.topic("t"));
    const first = log.append(place, [{ value: SMALL }]);
    log.store.wal.roll();
    const second = log.append(place, [{ value: LARGE }]);
    const limitOffset = place.partition.endOffset;
    assert.deepEqual(bytesOf(log.reader.readNow(query(place, 0, { limitOffset }))), Buffer.concat([first, second]));
    await log.flush();
  });
});

test("small batches are copied together, large ones are views on the log's own memory", async () => {
  await withLog(async (log) => {
    const place = placeIn(log.topic("t"));
    for (const value of [SMALL, SMALL, LARGE, SMALL, LARGE, LARGE]) log.append(place, [{ value }]);
    await log.flush();
    const result = log.reader.readNow(query(place, 0))!;
    const block = log.store.blocks.find(place.partition.ranges[0]!.index!.positionAt(0))!;
    assert.deepEqual(
      result.parts.map((part) => part.buffer === block.bytes.buffer),
      [false, true, false, true, true],
    );
    result.release();
  });
});

test("memory that an answer refers to is not used again before it is released", async () => {
  await withLog(
    async (log) => {
      const place = placeIn(log.topic("t"));
      const expected = log.append(place, [{ value: LARGE }]);
      await log.flush();
      const result = log.reader.readNow(query(place, 0))!;
      for (let batch = 0; batch < 16; batch += 1) {
        log.append(place, [{ value: Buffer.alloc(900_000, 3) }]);
        await log.flush();
      }
      assert.ok(log.store.blocks.lentBytes > 0);
      assert.deepEqual(bytesOf(result), expected);
      result.release();
      assert.equal(log.store.blocks.lentBytes, 0);
    },
    { "wal.tail.cache.bytes": "1048576" },
  );
});

test("a partition that lies thinly among others is read in bounded pieces", async () => {
  await withLog(async (log) => {
    const topic = log.topic("t", 2);
    const [thin, thick] = [placeIn(topic, 0), placeIn(topic, 1)];
    const count = 500;
    for (let batch = 0; batch < count; batch += 1) {
      log.append(thin, [{ value: SMALL }]);
      log.append(thick, [{ value: Buffer.alloc(60_000, 7) }]);
      if (batch % 50 === 0) await log.flush();
    }
    await log.roll();
    let offset = 0;
    while (offset < count) {
      const [result] = await readStored(log, query(thin, offset));
      assert.ok(log.reader.busyBytes <= 20 * MIB, `${log.reader.busyBytes} bytes`);
      const records = result!.parts.length;
      assert.ok(records > 0 && (records === count - offset || result!.more));
      result!.release();
      offset += records;
    }
    assert.equal(offset, count);
  });
});

test("readers that never take their answers hold a bounded number of blocks", async () => {
  await withLog(
    async (log) => {
      const place = placeIn(log.topic("t"));
      const results: BatchResult[] = [];
      const value = Buffer.alloc(900_000, 4);
      for (let round = 0; round < 20; round += 1) {
        const offset = place.partition.endOffset;
        const batch = log.append(place, [{ value: LARGE }]);
        await log.flush();
        const result = log.reader.readNow(query(place, offset, { maxBytes: 1 }))!;
        assert.deepEqual(bytesOf(result), batch);
        results.push(result);
        for (let count = 0; count < 5; count += 1) log.append(place, [{ value }]);
        await log.flush();
      }
      assert.ok(log.store.blocks.lentBytes <= 20 * MIB, `${log.store.blocks.lentBytes} bytes`);
      for (const result of results) result.release();
      assert.equal(log.store.blocks.lentBytes, 0);
    },
    { "wal.tail.cache.bytes": String(8 * MIB) },
  );
});

test("with wal.sync=interval memory is dropped when it is written, not only when it is synced", async () => {
  await withLog(
    async (log, { clock }) => {
      const place = placeIn(log.topic("t"));
      for (let count = 0; count < 60; count += 1) {
        log.append(place, [{ value: Buffer.alloc(900_000, 6) }]);
        await new Promise<void>((resolve) => void clock.schedule(5, resolve));
      }
      assert.ok(log.store.blocks.memoryBytes <= 24 * MIB, `${log.store.blocks.memoryBytes} bytes`);
    },
    { "wal.tail.cache.bytes": String(8 * MIB), "wal.sync": "interval", "wal.sync.interval.ms": "1000000" },
  );
});

test("the memory of a read from files is given back when the last of its results is released", async () => {
  await withLog(async (log) => {
    const places = [0, 1].map((partition) => placeIn(log.topic(`t${partition}`)));
    for (const place of places) log.append(place, [{ value: LARGE }]);
    await log.flush();
    const results = await readStored(log, ...places.map((place) => query(place, 0)));
    assert.ok(log.reader.busyBytes >= results[0]!.sizeBytes + results[1]!.sizeBytes);
    results[0]!.release();
    assert.ok(log.reader.busyBytes > 0);
    results[1]!.release();
    assert.equal(log.reader.busyBytes, 0);
  });
});

test("reads beyond the budget wait for others to be released, and all come", async () => {
  await withLog(
    async (log, process) => {
      const place = placeIn(log.topic("t"));
      const value = Buffer.alloc(600_000, 5);
      const batches = [1, 2, 3].map(() => log.append(place, [{ value }]));
      await log.flush();
      let under = 0;
      let most = 0;
      const reads = batches.map(async (batch, offset) => {
        const [result] = await readStored(log, query(place, offset, { maxBytes: 1 }));
        under += 1;
        most = Math.max(most, under);
        assert.deepEqual(bytesOf(result), batch);
        await new Promise<void>((resolve) => void process.clock.schedule(10, resolve));
        under -= 1;
        result!.release();
      });
      await Promise.all(reads);
      assert.equal(most, 1);
    },
    { "read.buffer.bytes": "1048576" },
  );
});

test("a read uses memory of one that was released, and of none that is not", async () => {
  await withLog(async (log) => {
    const place = placeIn(log.topic("t"));
    const values = [1, 2].map((byte) => Buffer.alloc(100_000, byte));
    const batches = values.map((value) => log.append(place, [{ value }]));
    await log.flush();
    const read = async (offset: number) => (await readStored(log, query(place, offset, { maxBytes: 1 })))[0]!;
    const memoryOf = (result: BatchResult) => result.parts[0]!.buffer;
    const [first, second] = [await read(0), await read(1)];
    assert.notEqual(memoryOf(first), memoryOf(second));
    first.release();
    const third = await read(1);
    assert.equal(memoryOf(third), memoryOf(first));
    assert.deepEqual([bytesOf(second), bytesOf(third)], [batches[1], batches[1]]);
  });
});

test("neighbours in a file are read in one go, whichever partitions they are of", async () => {
  await withLog(async (log, { disk }) => {
    const topic = log.topic("t", 50);
    for (let round = 0; round < 4; round += 1) {
      for (let partition = 0; partition < 50; partition += 1) log.append(placeIn(topic, partition), [{ value: SMALL }]);
    }
    await log.roll();
    const queries = topic.partitions.map(({ partition }) => query(placeIn(topic, partition), 0));
    await readStored(log, ...queries); // the indexes are in memory now, and the file is open
    const before = disk.operations;
    const results = await readStored(log, ...queries);
    assert.equal(disk.operations - before, 1);
    assert.ok(results.every(({ sizeBytes }) => sizeBytes === results[0]!.sizeBytes && sizeBytes > 4 * SMALL.length));
  });
});

test("bytes that are not what was written are never given out; the file is free again afterwards", async () => {
  await withLog(async (log, { disk }) => {
    const place = placeIn(log.topic("t"));
    const good = log.append(place, [{ value: LARGE }]);
    log.append(place, [{ value: LARGE }]);
    await log.flush();
    const range = place.partition.ranges[0]!;
    const damagedAt = range.index!.positionAt(1) - range.file.base + 3000;
    disk.flipBit(range.file.name, damagedAt);
    await assert.rejects(
      readStored(log, query(place, 1)),
      (error) => error instanceof CorruptionError && error.file === range.file.name,
    );
    assert.equal(log.reader.busyBytes, 0);
    assert.equal(range.file.readers, 0);
    assert.deepEqual(bytesOf((await readStored(log, query(place, 0, { maxBytes: 1 })))[0]), good);
  });
});

test("the rows of a damaged or missing index are found again in the log", async () => {
  for (const harm of ["damaged", "missing"] as const) {
    await withLog(async (log, { disk }) => {
      const places = ["a", "b"].map((name) => placeIn(log.topic(name)));
      const batches = places.map((place) => log.append(place, [{ value: SMALL }]));
      await log.roll();
      const { file, stored } = places[1]!.partition.ranges[0]!;
      if (harm === "damaged") disk.flipBit(file.indexName, stored!.at);
      else await disk.remove(file.indexName);
      const results = await readStored(log, ...places.map((place) => query(place, 0)));
      assert.deepEqual(results.map(bytesOf), batches);
    });
  }
});

test("an index without any intact rows costs one pass over its file, however many partitions read it", async () => {
  await withLog(async (log, { disk }) => {
    const places = Array.from({ length: 20 }, (_, index) => placeIn(log.topic(`t${index}`)));
    const batches = places.map((place) => log.append(place, [{ value: SMALL }]));
    await log.roll();
    const { file } = places[0]!.partition.ranges[0]!;
    await disk.remove(file.indexName);
    let opened = 0;
    const open = disk.open.bind(disk);
    disk.open = (name, access) => {
      if (name === file.name) opened += 1;
      return open(name, access);
    };
    const results = await readStored(log, ...places.map((place) => query(place, 0)));
    assert.deepEqual(results.map(bytesOf), batches);
    assert.equal(opened, 2, "once for the rows, once for the batches");
  });
});

test("a damaged index of one partition leaves the files of the others free", async () => {
  await withLog(async (log, { disk }) => {
    const places = ["a", "b"].map((name) => placeIn(log.topic(name)));
    for (const place of places) log.append(place, [{ value: SMALL }]);
    await log.roll();
    const { file, stored } = places[1]!.partition.ranges[0]!;
    disk.flipBit(file.indexName, stored!.at);
    disk.zero(file.name, 0, file.end - file.base); // so that the rows cannot be found again either
    await assert.rejects(readStored(log, ...places.map((place) => query(place, 0))), CorruptionError);
    assert.equal(file.readers, 0);
    assert.equal(log.reader.busyBytes, 0);
  });
});

test("after a failed read everything is free, and the next one succeeds", async () => {
  let failures = 0;
  for (let isFine = false, from = 1; !isFine; from += 1) {
    await withLog(async (log, { disk }) => {
      const place = placeIn(log.topic("t"));
      const batch = log.append(place, [{ value: SMALL }]);
      await log.roll();
      const { file } = place.partition.ranges[0]!;
      // Several in a row, so that nothing else is tried in its place with success.
      for (let operation = from; operation < from + 10; operation += 1) disk.failAt(disk.operations + operation, "EIO");
      let [result] = await readStored(log, query(place, 0)).catch(() => []);
      isFine = result !== undefined;
      while (result === undefined) {
        failures += 1;
        assert.equal(file.readers, 0);
        assert.equal(log.reader.busyBytes, 0);
        [result] = await readStored(log, query(place, 0)).catch(() => []);
      }
      assert.deepEqual(bytesOf(result), batch);
      result.release();
      assert.equal(file.readers, 0);
      assert.equal(log.reader.busyBytes, 0);
    });
  }
  assert.ok(failures >= 3, "opening the index, the file, and reading have failed");
});

test("a file is in use while it is read", async () => {
  await withLog(async (log) => {
    const place = placeIn(log.topic("t"));
    log.append(place, [{ value: SMALL }]);
    await log.roll();
    const { file } = place.partition.ranges[0]!;
    const reading = readStored(log, query(place, 0));
    assert.equal(file.readers, 1);
    await reading;
    assert.equal(file.readers, 0);
  });
});

test("a file that nobody needs any more is closed before it is removed", async () => {
  await withLog(async (log, { disk }) => {
    const place = placeIn(log.topic("t"));
    for (let file = 0; file < 3; file += 1) {
      log.append(place, [{ value: LARGE }]);
      await log.roll();
    }
    const { file } = place.partition.ranges[0]!;
    const open = watchOpenFiles(disk);
    const [result] = await readStored(log, query(place, 0));
    result!.release();
    assert.equal(open.get(file.name), 1);
    log.store.append({ type: 8, value: { topicId: place.topic.id, partition: 0, offset: 1 } });
    for (let snapshot = 0; snapshot < 2; snapshot += 1) {
      await log.store.files.snapshot();
      log.append(place, [{ value: LARGE }]);
      await log.roll();
    }
    await log.store.files.collect();
    await assert.rejects(disk.open(file.name, "read"), { kind: "notFound" });
    assert.equal(open.get(file.name), 0);
  });
});

/** How often each file is open, of those opened from now on. */
function watchOpenFiles(disk: Disk): ReadonlyMap<string, number> {
  const open = new Map<string, number>();
  const openFile = disk.open.bind(disk);
  disk.open = async (name, access) => {
    const file = await openFile(name, access);
    open.set(name, (open.get(name) ?? 0) + 1);
    const close = file.close.bind(file);
    file.close = () => {
      open.set(name, open.get(name)! - 1);
      return close();
    };
    return file;
  };
  return open;
}

test("readers of a deleted partition find nothing", async () => {
  await withLog(async (log) => {
    const place = placeIn(log.topic("t"));
    log.append(place, [{ value: SMALL }]);
    await log.flush();
    log.store.append({ type: 4, value: { topicId: place.topic.id } });
    assert.equal(log.reader.readNow(query(place, 0))?.sizeBytes, 0);
    assert.equal((await readStored(log, query(place, 0)))[0]!.sizeBytes, 0);
  });
});

test("readers who go through the files at different paces read them once, also where one file ends", async () => {
  await withLog(async (log, { clock }) => {
    const place = placeIn(log.topic("t"));
    for (let n = 0; n < 400; n += 1) {
      if (n % 100 === 0) await log.roll();
      log.append(place, [{ value: LARGE }]);
    }
    await log.roll();
    const pass = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
    await pass(1_000); // nobody writes any more: reads need not take turns
    const before = log.reader.readBytes;
    const readAll = async (reader: number): Promise<void> => {
      for (let offset = 0; offset < 400; ) {
        const [read] = await readStored(log, query(place, offset, { maxBytes: 60_000 }));
        await pass((offset / 10) % 6 < 1 + (reader % 3) ? 12 : 1); // as long as it takes to send it
        offset += read!.parts.length;
        read!.release();
      }
    };
    await Promise.all([0, 1, 2, 3, 4, 5].map(readAll));
    const readBytes = log.reader.readBytes - before;
    assert.ok(readBytes < 1.5 * log.store.wal.position, `${readBytes} bytes of ${log.store.wal.position}`);
  }, SMALL_REGIONS);
});
