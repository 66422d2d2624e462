import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { placeIn } from "../../test/log/open-log.ts";
import { withLog } from "../../test/log/reads.ts";
import { WorkClock } from "../../test/ports/work-clock.ts";
import { toPosition } from "../base/brands.ts";
import type { LogFile } from "./log-file.ts";
import type { PartitionLog } from "./partition-log.ts";
import { ReadingPlaces } from "./reading-places.ts";
import { WalFile } from "./wal-file.ts";

const FILE_BYTES = 10_000;
const WITHIN_BYTES = 3_000;
const files = [0, 1].map((n) => new WalFile(toPosition(n * FILE_BYTES), 1, toPosition((n + 1) * FILE_BYTES)));

const segment: LogFile = {
  name: "segment",
  indexName: "segment",
  base: 0,
  end: FILE_BYTES,
  isClosed: true,
  hasBlocks: true,
  users: 0,
  readers: 0,
  freedAt: undefined,
};

let clock: WorkClock;
let places: ReadingPlaces;

beforeEach(() => {
  clock = new WorkClock();
  places = new ReadingPlaces(clock);
});

async function withPartitions(scenario: (...partitions: readonly PartitionLog[]) => void): Promise<void> {
  await withLog(async (log) => {
    const topic = log.topic("t", 2);
    scenario(...topic.partitions.map(({ partition }) => placeIn(topic, partition).partition));
  });
}

/** A query from this offset on to the next, which lies at ten times as many bytes in the first file. */
function stands(partition: PartitionLog, offset: number, nextOffset = offset + 10): void {
  places.standsAt({ partition, offset, nextOffset, file: files[0]!, at: 10 * nextOffset, rangeTo: FILE_BYTES });
}

/** Where anybody is to come, of the first 20,000 bytes, in thousands. */
function expected(): readonly number[] {
  const thousands = Array.from({ length: 20 }, (_, n) => n);
  return thousands.filter((n) => {
    const position = (n % 10) * 1_000;
    const part = { file: files[Math.floor(n / 10)]!, position, to: position + 1_000 };
    return places.areBefore(part, WITHIN_BYTES);
  });
}

test("a reader is before what lies so far behind it, also in the next file, and before what it is in", async () => {
  await withPartitions((partition) => {
    assert.deepEqual(expected(), []);
    stands(partition!, 440);
    assert.deepEqual(expected(), [4, 5, 6, 7]);
    stands(partition!, 450, 900);
    assert.deepEqual(expected(), [9, 10, 11]);
  });
});

test("who goes on leaves the place where it stood, however much of it was answered; who asks again does not", async () => {
  await withPartitions((partition, other) => {
    stands(partition!, 0, 100);
    stands(partition!, 60, 900); // not as much as was read
    assert.deepEqual(expected(), [9, 10, 11]);
    stands(other!, 0, 100);
    stands(partition!, 900, 990);
    assert.deepEqual(expected(), [1, 2, 3, 9, 10, 11, 12], "another partition is another reader's");
  });
});

test("two readers at one place are two", async () => {
  await withPartitions((partition) => {
    stands(partition!, 0, 100);
    stands(partition!, 0, 100);
    stands(partition!, 100, 900);
    assert.deepEqual(expected(), [1, 2, 3, 9, 10, 11]);
    stands(partition!, 100, 900);
    assert.deepEqual(expected(), [9, 10, 11]);
  });
});

test("of two that may have gone on it is the one that stood nearer", async () => {
  await withPartitions((partition) => {
    stands(partition!, 50, 100);
    stands(partition!, 0, 500);
    stands(partition!, 90, 900);
    assert.deepEqual(expected(), [5, 6, 7, 9, 10, 11]);
  });
});

test("one that does not go on for a while has no place, and there are only so many", async () => {
  await withPartitions((partition) => {
    stands(partition!, 0, 100);
    clock.nowMs += 90;
    assert.deepEqual(expected(), [1, 2, 3]);
    clock.nowMs += 20;
    assert.deepEqual(expected(), []);
    for (let n = 0; n < 255; n += 1) stands(partition!, 500, 510);
    stands(partition!, 900, 990);
    stands(partition!, 0, 100); // one too many
    assert.deepEqual(expected(), [5, 6, 7, 8, 9, 10, 11, 12]);
    clock.nowMs += 110;
    stands(partition!, 0, 100);
    assert.deepEqual(expected(), [1, 2, 3]);
  });
});

test("in a segment nobody goes on in another partition's part, nor in another file", async () => {
  await withPartitions((partition) => {
    const [file, other] = [{ ...segment }, { ...segment }];
    places.standsAt({ partition: partition!, offset: 0, nextOffset: 10, file, at: 1_000, rangeTo: 2_500 });
    const isBefore = (of: LogFile, position: number): boolean =>
      places.areBefore({ file: of, position, to: position + 500 }, WITHIN_BYTES);
    const positions = [0, 500, 1_000, 1_500, 2_000, 2_500, 3_000];
    assert.deepEqual(
      positions.filter((position) => isBefore(file, position)),
      [1_000, 1_500, 2_000],
    );
    assert.equal(isBefore(other, 1_500), false);
    assert.equal(isBefore(files[0]!, 1_500), false);
  });
});
