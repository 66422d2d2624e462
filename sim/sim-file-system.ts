/**
 * What the kernel and the medium know of a folder of files: two views that drift apart until they are synced. A model
 * without time: `sim-disk.ts` adds delays, errors and the `Disk` port.
 *
 * Each file has its bytes in the page cache, which every read sees, and those on the medium, which a power loss leaves.
 * Between them stands the list of changes that no sync has covered. Each folder likewise has its names as the process
 * sees them, and those on the medium; between them stand the name changes that no `syncFolder` has covered.
 *
 * A power loss decides about every uncovered change by itself, in any combination:
 * - a write is lost; or is whole; or is torn: it ends, or begins, at any byte, or some of its 512-byte sectors are
 *   there and others are not. What is missing shows what was there before, zeroes where there was nothing. A lost
 *   write may still have made the file longer (zeroes).
 * - a truncation, a created, removed or renamed name is there or not. A rename is atomic: never both names, never
 *   neither, never a half-replaced target. Changes of one name survive in their order, those of different names in
 *   any. A name may survive without its file's bytes; bytes without a name are gone.
 * How many survive is drawn once for each power loss, so that all-lost and all-but-one-lost are as likely as a mix.
 *
 * Not modelled: bytes outside a write's range are never harmed by it (as disks with power-safe overwrite promise), and
 * a file that was removed while open takes no space.
 */
import type { SimRandom } from "./random.ts";
import { SimBytes } from "./sim-bytes.ts";

export const SECTOR_BYTES = 512;

type Change =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "resize"; readonly sizeBytes: number };

/** How much of what was not covered comes through. */
interface Fate {
  /** Share of the changes that survive, whole or torn. */
  readonly surviving: number;
  /** Share of the surviving writes that are torn. */
  readonly torn: number;
  /** Share of the lost and torn writes whose length survives. */
  readonly grown: number;
}

function drawFate(random: SimRandom): Fate {
  return {
    surviving: random.pick([0, 0.1, 0.5, 0.9, 1]),
    torn: random.pick([0, 0.3, 1]),
    grown: random.pick([0, 0.5]),
  };
}

export class SimInode {
  /** What reads see. */
  readonly cache = new SimBytes();
  /** What a power loss leaves. */
  readonly medium = new SimBytes();
  /** Changes of the cache that no sync covered, oldest first. */
  #uncovered: Change[] = [];

  write(position: number, bytes: Uint8Array): void {
    this.cache.write(position, bytes);
    this.#uncovered.push({ kind: "write", position, bytes });
  }

  resize(sizeBytes: number): void {
    this.cache.resize(sizeBytes);
    this.#uncovered.push({ kind: "resize", sizeBytes });
  }

  /** What a sync that is called now has to cover. Hand it to `cover` or `failToCover`. */
  changes(): ReadonlySet<object> {
    return new Set(this.#uncovered);
  }

  /** A sync succeeded: its changes are on the medium. */
  cover(changes: ReadonlySet<object>): void {
    this.#settle(changes, (change) => put(this.medium, change));
  }

  /**
   * A sync failed: each of its changes is on the medium, in part or not at all, and the kernel takes it for written.
   * The cache still shows it, and no later sync will try again.
   */
  failToCover(changes: ReadonlySet<object>, random: SimRandom): void {
    const fate = drawFate(random);
    this.#settle(changes, (change) => putByChance(this.medium, change, random, fate));
  }

  losePower(random: SimRandom, fate: Fate): void {
    for (const change of this.#uncovered) putByChance(this.medium, change, random, fate);
    this.#uncovered = [];
    this.cache.assign(this.medium);
  }

  /** The medium itself changes under the file: `bytes` are what it holds from now on, as far as the file reaches. */
  damage(position: number, bytes: Uint8Array): void {
    for (const view of [this.cache, this.medium]) {
      view.write(position, bytes.subarray(0, Math.max(0, view.length - position)));
    }
  }

  #settle(changes: ReadonlySet<object>, put: (change: Change) => void): void {
    for (const change of this.#uncovered) if (changes.has(change)) put(change);
    this.#uncovered = this.#uncovered.filter((change) => !changes.has(change));
  }
}

function put(medium: SimBytes, change: Change): void {
  if (change.kind === "write") medium.write(change.position, change.bytes);
  else medium.resize(change.sizeBytes);
}

/** What a power loss, or a sync that failed, makes of one change. */
function putByChance(medium: SimBytes, change: Change, random: SimRandom, fate: Fate): void {
  const survives = random.chance(fate.surviving);
  if (change.kind === "resize") {
    if (survives) put(medium, change);
    return;
  }
  const { position, bytes } = change;
  if (random.chance(fate.grown)) medium.resize(Math.max(medium.length, position + bytes.length));
  if (!survives) return;
  const ranges = random.chance(fate.torn) ? tornRanges(bytes.length, random) : [[0, bytes.length] as const];
  for (const [from, to] of ranges) if (from < to) medium.write(position + from, bytes.subarray(from, to));
}

/** The parts of a write of `length` bytes that made it. */
function tornRanges(length: number, random: SimRandom): (readonly [from: number, to: number])[] {
  const cut = random.between(0, length);
  switch (random.pick(["head", "tail", "sectors"] as const)) {
    case "head":
      return [[0, cut]];
    case "tail":
      return [[cut, length]];
    case "sectors": {
      const ranges: [number, number][] = [];
      for (let from = 0; from < length; from += SECTOR_BYTES) {
        if (random.chance(0.5)) ranges.push([from, Math.min(from + SECTOR_BYTES, length)]);
      }
      return ranges;
    }
  }
}

export type SimNode = SimInode | SimFolder;

export class SimFolder {
  /** As the process sees it. */
  names = new Map<string, SimNode>();
  /** As a power loss leaves it. */
  medium = new Map<string, SimNode>();
}

/** One atomic step of names. `uncoveredBy` holds the folders whose sync it still needs. */
interface NameChange {
  readonly steps: readonly { readonly folder: SimFolder; readonly name: string; readonly node: SimNode | undefined }[];
  readonly uncoveredBy: Set<SimFolder>;
}

/** Codes as the system gives them. */
export type NameError = "ENOENT" | "EEXIST" | "ENOTDIR" | "EISDIR";

/** Thrown by the operations on names. */
export class SimNameError extends Error {
  readonly code: NameError;

  constructor(code: NameError) {
    super(code);
    this.code = code;
  }
}

export class SimFileSystem {
  readonly #root = new SimFolder();
  #uncovered: NameChange[] = [];

  file(name: string): SimInode {
    const { folder, last } = this.#parent(name);
    const node = folder.names.get(last);
    if (node === undefined) throw new SimNameError("ENOENT");
    if (node instanceof SimFolder) throw new SimNameError("EISDIR");
    return node;
  }

  folder(path: string): SimFolder {
    let folder = this.#root;
    for (const part of path === "" ? [] : path.split("/")) {
      const node = folder.names.get(part);
      if (node === undefined) throw new SimNameError("ENOENT");
      if (!(node instanceof SimFolder)) throw new SimNameError("ENOTDIR");
      folder = node;
    }
    return folder;
  }

  create(name: string): SimInode {
    const { folder, last } = this.#parent(name);
    if (folder.names.has(last)) throw new SimNameError("EEXIST");
    const inode = new SimInode();
    this.#change([{ folder, name: last, node: inode }]);
    return inode;
  }

  remove(name: string): void {
    this.file(name);
    const { folder, last } = this.#parent(name);
    this.#change([{ folder, name: last, node: undefined }]);
  }

  rename(from: string, to: string): void {
    const inode = this.file(from);
    const source = this.#parent(from);
    const target = this.#parent(to);
    const existing = target.folder.names.get(target.last);
    if (existing instanceof SimFolder) throw new SimNameError("EISDIR");
    if (existing === inode) return;
    this.#change([
      { folder: source.folder, name: source.last, node: undefined },
      { folder: target.folder, name: target.last, node: inode },
    ]);
  }

  makeFolder(path: string): void {
    let folder = this.#root;
    for (const part of path === "" ? [] : path.split("/")) {
      let node = folder.names.get(part);
      if (node === undefined) {
        node = new SimFolder();
        this.#change([{ folder, name: part, node }]);
      }
      if (!(node instanceof SimFolder)) throw new SimNameError("EEXIST");
      folder = node;
    }
  }

  list(path: string): string[] {
    const entries = [...this.folder(path).names];
    return entries.flatMap(([name, node]) => (node instanceof SimInode ? [name] : [])).sort();
  }

  /** What a sync of `folder` that is called now has to cover. */
  nameChanges(folder: SimFolder): ReadonlySet<object> {
    return new Set(this.#uncovered.filter((change) => change.uncoveredBy.has(folder)));
  }

  /** A sync of `folder` succeeded. A rename between folders is on the medium once both were synced. */
  coverNames(folder: SimFolder, changes: ReadonlySet<object>): void {
    for (const change of this.#uncovered) {
      if (changes.has(change)) change.uncoveredBy.delete(folder);
    }
    this.#uncovered = putNames(this.#uncovered, (change) => change.uncoveredBy.size === 0);
  }

  losePower(random: SimRandom): void {
    const namesFate = drawFate(random);
    putNames(this.#uncovered, () => random.chance(namesFate.surviving));
    this.#uncovered = [];
    const bytesFate = drawFate(random);
    for (const node of this.#nodes("medium")) {
      if (node instanceof SimFolder) node.names = new Map(node.medium);
      else node.losePower(random, bytesFate);
    }
  }

  /** Bytes that the files with a name take. */
  usedBytes(): number {
    let bytes = 0;
    for (const node of this.#nodes("names")) if (node instanceof SimInode) bytes += node.cache.length;
    return bytes;
  }

  /** Every file's path and what a read of it would see, sorted by path. */
  files(): Map<string, Buffer> {
    const found: [string, Buffer][] = [];
    const walk = (folder: SimFolder, prefix: string) => {
      for (const [name, node] of folder.names) {
        if (node instanceof SimFolder) walk(node, `${prefix}${name}/`);
        else found.push([prefix + name, node.cache.copy()]);
      }
    };
    walk(this.#root, "");
    return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #parent(name: string): { folder: SimFolder; last: string } {
    const slash = name.lastIndexOf("/");
    return { folder: this.folder(name.slice(0, Math.max(slash, 0))), last: name.slice(slash + 1) };
  }

  #change(steps: NameChange["steps"]): void {
    const change = { steps, uncoveredBy: new Set(steps.map((step) => step.folder)) };
    this.#uncovered.push(change);
    apply(change, "names");
  }

  /** The root and all below it. */
  *#nodes(view: "names" | "medium"): Generator<SimNode> {
    const folders = [this.#root];
    for (const folder of folders) {
      yield folder;
      for (const node of folder[view].values()) {
        if (node instanceof SimFolder) folders.push(node);
        else yield node;
      }
    }
  }
}

/** Puts the chosen changes on the medium, none before an earlier change of a same name. Returns the others. */
function putNames(changes: readonly NameChange[], chosen: (change: NameChange) => boolean): NameChange[] {
  const blocked = new Map<SimFolder, Set<string>>();
  return changes.filter((change) => {
    const waits = change.steps.some((step) => blocked.get(step.folder)?.has(step.name));
    if (chosen(change) && !waits) {
      apply(change, "medium");
      return false;
    }
    for (const { folder, name } of change.steps) blocked.set(folder, (blocked.get(folder) ?? new Set()).add(name));
    return true;
  });
}

function apply(change: NameChange, view: "names" | "medium"): void {
  for (const { folder, name, node } of change.steps) {
    if (node === undefined) folder[view].delete(name);
    else folder[view].set(name, node);
  }
}
