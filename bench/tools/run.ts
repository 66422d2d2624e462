/** Running the programs that put load on a broker. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Measurements } from "../metrics.ts";

const OUTPUT_MAX_BYTES = 64 * 2 ** 20;
/** Longer than any tool takes, so that one that hangs ends its case and not the whole suite. */
export const DEADLINE_MS = 30 * 60_000;

/** One run of a tool. */
export interface ToolRun {
  /** Of record values (produce) or of answers (fetch). */
  readonly bytes: number;
  readonly measurements: Measurements;
}

export interface ProduceLoad {
  readonly topic: string;
  /** So many topics, `topic`-0 and so on, each with these partitions. One topic of this very name when left out. */
  readonly topics?: number;
  readonly partitions: number;
  readonly recordCount: number;
  readonly recordSizeBytes: number;
}

/** Runs a command to its end; what it wrote to stdout. @throws Error with its stderr when it failed. */
export async function outputOf(file: string, words: readonly string[]): Promise<string> {
  const running = promisify(execFile)(file, words, {
    maxBuffer: OUTPUT_MAX_BYTES,
    timeout: DEADLINE_MS,
    killSignal: "SIGKILL",
  });
  // A client without its broker would go on trying for minutes.
  const endWithUs = (): boolean => running.child.kill("SIGKILL");
  process.once("exit", endWithUs);
  try {
    return (await running).stdout;
  } finally {
    process.removeListener("exit", endWithUs);
  }
}

/** Nothing that was written before is to be paid for in what is measured next. */
export async function settleDisk(): Promise<void> {
  await outputOf("sync", []);
}
