/** Chronik as its users get it: packed, and installed into an empty folder. */
import { execFile } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { REPOSITORY } from "./kinds.ts";

/** Packs and installs this repository's package; the command that runs it. */
export async function installPublished(): Promise<string> {
  const folder = join(REPOSITORY, ".cache/bench/published");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const npm = async (...words: readonly string[]): Promise<string> =>
    (await promisify(execFile)("npm", words, { cwd: REPOSITORY })).stdout;
  const packed = JSON.parse(await npm("pack", "--json", "--pack-destination", folder)) as { filename: string }[];
  const tarball = join(folder, packed[0]?.filename ?? "");
  await npm("install", "--prefix", folder, "--no-save", tarball);
  return `${process.execPath} ${join(folder, "node_modules/chronik/bin/chronik.js")}`;
}
