import assert from "node:assert/strict";
import { test } from "node:test";
import { idOf } from "../../test/storage/memory-segments.ts";
import { Segment, segmentName } from "../log/segment.ts";
import { type Disk, IoError } from "../ports/disk.ts";
import { scrub } from "./scrub.ts";

const FOLDER = "segments/";

/** The names in the folder of segments. */
function folderOf(...names: readonly string[]): { readonly names: Set<string>; readonly disk: Disk } {
  const there = new Set(names);
  const take = (name: string): void => {
    if (!there.delete(name)) throw new IoError("notFound", "ENOENT", name);
  };
  const disk: Partial<Disk> = {
    list: async () => [...there].map((name) => name.slice(FOLDER.length)),
    remove: async (name) => take(name),
    rename: async (from, to) => {
      take(from);
      there.add(to);
    },
    syncFolder: async () => undefined,
  };
  return { names: there, disk: disk as Disk };
}

function segment(byte: number): Segment {
  const known = new Segment({ id: idOf(byte), walPosition: 7, sizeBytes: 1, crc: 0, level: 0, batchBytes: 1 });
  known.users = 1;
  return known;
}

test("what nothing refers to goes; when state may be lost it is kept, at later starts too", async () => {
  const [known, orphan] = [segment(1), segmentName(7, idOf(2))];
  const options = { segments: () => [known], isWritten: () => false };
  const plain = folderOf(known.name, orphan);
  assert.deepEqual((await scrub(plain.disk, { ...options, remove: true })).removed, [orphan]);
  assert.deepEqual([...plain.names], [known.name]);

  const damaged = folderOf(known.name, orphan);
  const { removed, lines } = await scrub(damaged.disk, { ...options, remove: false });
  assert.deepEqual([removed, lines.length], [[], 1]);
  assert.deepEqual((await scrub(damaged.disk, { ...options, remove: true })).lines, [], "the next start");
  assert.equal(damaged.names.size, 2);
});

test("that a segment is missing is said once", async () => {
  const known = segment(1);
  const { disk } = folderOf();
  const options = { segments: () => [known], isWritten: () => false, remove: true };
  const first = await scrub(disk, options);
  assert.deepEqual([first.missing, first.lines.length], [[known.name], 1]);
  const again = await scrub(disk, { ...options, told: new Set(first.missing) });
  assert.deepEqual([again.missing, again.lines], [[known.name], []]);
});
