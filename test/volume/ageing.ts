/** What becomes of a broker's files while it works: which came, which went. Seen from outside, by the changes of its folders. */
import { type FSWatcher, mkdirSync, readdirSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import { Changes } from "../ports/until.ts";

const FOLDERS = { wal: /\.wal$/, segments: /\.segment$/ } as const;

type Folder = keyof typeof FOLDERS;

export interface Fates {
  /** All that were there at some time. */
  readonly came: number;
  readonly sizesLeft: readonly number[];
}

export class Ageing {
  readonly #dataFolder: string;
  readonly #seen: Readonly<Record<Folder, Set<string>>> = { wal: new Set(), segments: new Set() };
  readonly #changes = new Changes();
  readonly #watchers: readonly FSWatcher[];

  constructor(dataFolder: string) {
    this.#dataFolder = dataFolder;
    this.#watchers = (Object.keys(FOLDERS) as Folder[]).map((folder) => {
      mkdirSync(join(dataFolder, folder), { recursive: true }); // there is none for segments before the first
      const watcher = watch(join(dataFolder, folder), (_event, name) => {
        if (name !== null && FOLDERS[folder].test(name)) this.#seen[folder].add(name);
        this.#changes.changed();
      });
      for (const name of this.#left(folder)) this.#seen[folder].add(name);
      return watcher;
    });
  }

  /** Resolves when no more than so many files of the log are left. */
  async untilWalFiles(most: number): Promise<void> {
    await this.#changes.until(() => this.#left("wal").length <= most);
  }

  /** Resolves when so many were there. */
  async untilSeen(folder: Folder, least: number): Promise<void> {
    await this.#changes.until(() => this.#seen[folder].size >= least);
  }

  fates(folder: Folder): Fates {
    const sizesLeft = this.#left(folder).map((name) => statSync(join(this.#dataFolder, folder, name)).size);
    return { came: this.#seen[folder].size, sizesLeft };
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
  }

  #left(folder: Folder): readonly string[] {
    return readdirSync(join(this.#dataFolder, folder)).filter((name) => FOLDERS[folder].test(name));
  }
}

export interface Expectation {
  readonly walFilesLeftMost: number;
  readonly walFilesGoneLeast: number;
  /** No file of the log is larger, so that a larger segment holds several. */
  readonly walFileMaxBytes: number;
}

/** What did not happen that should have: conversions, merges, files of the log going away. */
export function omissions(wal: Fates, segments: Fates, expected: Expectation): readonly string[] {
  const problems: string[] = [];
  const gone = wal.came - wal.sizesLeft.length;
  if (gone < expected.walFilesGoneLeast) problems.push(`only ${gone} of ${wal.came} files of the log are gone`);
  if (wal.sizesLeft.length > expected.walFilesLeftMost) {
    problems.push(`${wal.sizesLeft.length} files of the log are left`);
  }
  if (segments.sizesLeft.length === 0) problems.push("there is no segment");
  if (!segments.sizesLeft.some((sizeBytes) => sizeBytes > 2 * expected.walFileMaxBytes)) {
    problems.push("no segment is made of several");
  }
  if (segments.sizesLeft.length >= segments.came) problems.push("no segment has gone: none was merged");
  return problems;
}
