/** `chronik start`: a broker. */
import { basename, dirname, resolve } from "node:path";
import { loadSettings } from "../../config/load.ts";
import { createNodeDisk } from "../../io/node-disk.ts";
import { IoError } from "../../ports/disk.ts";
import { Misuse } from "../failure.ts";

export interface StartOptions {
  readonly dataDir?: string;
  readonly host?: string;
  readonly port?: string;
  readonly advertisedAddr?: string;
  readonly config?: string;
  readonly set?: readonly string[];
}

/** A larger settings file is a mistake. */
const CONFIG_FILE_MAX_BYTES = 1024 * 1024;

export async function start({ config: path, set = [], ...flags }: StartOptions): Promise<void> {
  const file = path === undefined ? {} : { file: { name: path, text: await readText(path) } };
  const loaded = loadSettings({ ...file, set, flags });
  if ("errors" in loaded) throw new Misuse(loaded.errors.join("\n"));
  const { runBroker } = await import("../../main.ts");
  await runBroker(loaded.settings);
}

async function readText(path: string): Promise<string> {
  const full = resolve(path);
  const file = await createNodeDisk(dirname(full)).open(basename(full), "read");
  try {
    const bytes = new Uint8Array(CONFIG_FILE_MAX_BYTES);
    const size = await file.read(bytes, 0);
    if (size === bytes.length)
      throw new IoError("fatal", "EFBIG", `${path} has 1 MiB or more: give a file of settings`);
    return new TextDecoder().decode(bytes.subarray(0, size));
  } catch (error) {
    if (error instanceof IoError && error.code === "EISDIR")
      throw new Misuse(`${path} is a folder: give a file of settings`);
    throw error;
  } finally {
    await file.close();
  }
}
