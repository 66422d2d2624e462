import assert from "node:assert/strict";
import { test } from "node:test";
import { idOf } from "../../test/storage/memory-segments.ts";
import { Segment } from "../log/segment.ts";
import { type Disk, IoError } from "../ports/disk.ts";
import { scrub } from "./scrub.ts";

function segmentOf(number: number, users = 1): Segment {
  const segment = new Segment({
    ...{ id: idOf(number), walPosition: number, sizeBytes: 1000, crc: 0, level: 0, batchBytes: 900 },
  });
  segment.users = users;
  return segment;
}

/** A folder of segments, a state that knows of some, and what happens while the folder is looked through. */
class Scene {
  readonly files = new Set<string>();
  readonly known = new Set<Segment>();
  readonly written = new Set<string>();
  /** Happens when the folder's names have been read, and before they are known. */
  meanwhile: () => void = () => undefined;
  /** Happens when a file is being removed. */
  onRemove: (name: string) => void = () => undefined;

  run(options: { readonly remove?: boolean; readonly told?: ReadonlySet<string> } = {}) {
    const disk: Partial<Disk> = {
      list: async () => {
        const names = [...this.files].map((name) => name.replace("segments/", "")).toSorted();
        await Promise.resolve();
        this.meanwhile();
        return names;
      },
      remove: async (name) => {
        this.onRemove(name);
        if (!this.files.delete(name)) throw new IoError("notFound", "ENOENT", name);
      },
      rename: async (from, to) => {
        if (!this.files.delete(from)) throw new IoError("notFound", "ENOENT", from);
        this.files.add(to);
      },
      syncFolder: async () => undefined,
    };
    return scrub(disk as Disk, {
      segments: () => this.known,
      isWritten: (name) => this.written.has(name),
      remove: true,
      ...options,
    });
  }

  has(segment: Segment): this {
    this.files.add(segment.name);
    this.known.add(segment);
    return this;
  }
}

const [A, B, C] = [segmentOf(1), segmentOf(2), segmentOf(3)];

test("what nothing knows of goes, and is named; what is known, or is being written, or is no segment, stays", async () => {
  const scene = new Scene().has(A);
  for (const name of [B.name, C.name, "segments/notes.txt", `${A.name}.search`]) scene.files.add(name);
  scene.written.add(C.name);
  const { removed, missing, lines } = await scene.run();
  assert.deepEqual([removed, missing], [[B.name], []]);
  assert.deepEqual([...scene.files], [A.name, C.name, "segments/notes.txt", `${A.name}.search`]);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, new RegExp(B.name));
});

test("when state may be lost what nothing refers to is kept, at later starts too", async () => {
  const scene = new Scene().has(A);
  scene.files.add(B.name);
  const { removed, lines } = await scene.run({ remove: false });
  assert.deepEqual(removed, []);
  assert.match(lines[0]!, /warning/);
  assert.deepEqual(await scene.run(), { removed: [], missing: [], lines: [] }, "the next start");
  assert.deepEqual([...scene.files], [A.name, `${B.name}.orphan`]);
});

test("that a segment is missing is said once", async () => {
  const scene = new Scene();
  scene.known.add(A);
  const first = await scene.run();
  assert.deepEqual([first.missing, first.lines.length], [[A.name], 1]);
  const again = await scene.run({ told: new Set(first.missing) });
  assert.deepEqual([again.missing, again.lines], [[A.name], []]);
});

test("a segment with ranges that is not there is missing; one that nobody needs is not", async () => {
  const scene = new Scene().has(A).has(B);
  scene.files.delete(B.name);
  scene.known.add(segmentOf(4, 0));
  const { missing, lines } = await scene.run();
  assert.deepEqual(missing, [B.name]);
  assert.match(lines[0]!, new RegExp(`error: ${B.name} is missing`));
});

test("a folder that is not there yet holds nothing", async () => {
  const disk: Partial<Disk> = { list: () => Promise.reject(new IoError("notFound", "ENOENT", "no folder")) };
  const options = { segments: () => [], isWritten: () => false, remove: true };
  assert.deepEqual(await scrub(disk as Disk, options), { removed: [], missing: [], lines: [] });
});

for (const [what, meanwhile] of [
  [
    "is finished and registered",
    (scene: Scene) => {
      scene.written.delete(B.name);
      scene.known.add(B);
    },
  ],
  [
    "is begun and registered",
    (scene: Scene) => {
      scene.files.add(B.name);
      scene.known.add(B);
    },
  ],
  ["is begun", (scene: Scene) => scene.written.add(B.name)],
] as const) {
  test(`hazard: a living segment is taken for an orphan: one that ${what} while the folder is looked through stays`, async () => {
    const scene = new Scene().has(A);
    if (what !== "is begun and registered") scene.files.add(B.name);
    if (what === "is finished and registered") scene.written.add(B.name);
    scene.meanwhile = () => meanwhile(scene);
    const { removed, missing, lines } = await scene.run();
    assert.deepEqual([removed, missing, lines], [[], [], []]);
    assert.ok(scene.files.has(B.name));
  });
}

test("one that goes while the folder is looked through is neither missing nor an orphan", async () => {
  const scene = new Scene().has(A).has(B);
  scene.meanwhile = () => {
    scene.files.delete(B.name);
    scene.known.delete(B);
  };
  assert.deepEqual(await scene.run(), { removed: [], missing: [], lines: [] });
});

test("two looks at once do not stumble over each other", async () => {
  const scene = new Scene();
  for (const segment of [A, B, C]) scene.files.add(segment.name);
  await Promise.all([scene.run(), scene.run()]);
  assert.equal(scene.files.size, 0);
});
