/** The machine and the programs that a report is about. */
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { basename, dirname, join } from "node:path";
import { KAFKA_SCRIPT, REPOSITORY } from "./brokers/kinds.ts";
import { type DiskLatency, measureDisk } from "./disk-latency.ts";
import { LIBRDKAFKA_DRIVER } from "./tools/librdkafka.ts";
import { outputOf } from "./tools/run.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  /** File system and device under the data folder. */
  readonly disk: string;
  readonly diskLatency: DiskLatency;
}

export interface Versions {
  /** The commit. */
  readonly chronik: string;
  readonly node: string;
  readonly kafka: string;
  readonly java: string;
  /** "not used" when no case needed it. */
  readonly librdkafka: string;
}

/** Writes and removes a file in `folder`. */
export async function readMachine(folder: string): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    disk: await diskOf(folder),
    diskLatency: measureDisk(folder),
  };
}

export async function readVersions(needs: { readonly librdkafka: boolean }): Promise<Versions> {
  return {
    chronik: (await outputOf("git", ["-C", REPOSITORY, "describe", "--always", "--dirty"])).trim(),
    node: process.version,
    kafka: (await outputOf(KAFKA_SCRIPT, ["version"])).trim(),
    java: (await outputOf("java", ["--version"])).split("\n")[0] ?? "unknown",
    librdkafka: needs.librdkafka ? (await outputOf(LIBRDKAFKA_DRIVER, ["version"])).trim() : "not used",
  };
}

/** "ext4 on /dev/vda, write back cache, rotational=0", as the kernel says it; a virtual disk may claim to rotate. */
async function diskOf(folder: string): Promise<string> {
  const [, line = ""] = (await outputOf("df", ["--output=fstype,source", folder])).split("\n");
  const [fileSystem = "unknown", device = "unknown"] = line.trim().split(/\s+/);
  const queue = queueFolder(basename(device));
  if (queue === undefined) return `${fileSystem} on ${device}`;
  const read = (name: string): string => readFileSync(join(queue, name), "utf8").trim();
  return `${fileSystem} on ${device}, ${read("write_cache")} cache, rotational=${read("rotational")}`;
}

/** Where the kernel describes a disk; a partition is described with its disk. */
function queueFolder(device: string): string | undefined {
  const own = join("/sys/class/block", device);
  if (!existsSync(own)) return undefined;
  const resolved = realpathSync(own);
  return [resolved, dirname(resolved)].map((folder) => join(folder, "queue")).find((folder) => existsSync(folder));
}
