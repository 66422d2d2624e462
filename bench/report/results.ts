/** The file that keeps what was measured, so that several runs make one report. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Machine, Versions } from "../machine.ts";
import type { Sample } from "./samples.ts";

/** A case that did not come to its end. */
export interface Failure {
  readonly side: string;
  readonly round: number;
  readonly caseName: string;
  readonly message: string;
}

/** One call of the suite. */
export interface Run {
  readonly startedAt: string;
  readonly command: string;
  readonly sides: readonly string[];
  readonly rounds: number;
  readonly scale: number;
  readonly machine: Machine;
  readonly versions: Versions;
  readonly samples: readonly Sample[];
  readonly failures: readonly Failure[];
}

/** None when there is no such file. */
export function readRuns(file: string): Run[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { runs: Run[] }).runs : [];
}

export function writeRuns(file: string, runs: readonly Run[]): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ runs }, undefined, 1)}\n`);
}

/** All samples; each run's rounds get numbers of their own, because a ratio is made within a round. */
export function samplesOf(runs: readonly Run[]): Sample[] {
  let before = 0;
  return runs.flatMap(({ samples, rounds }) => {
    const from = before;
    before += rounds;
    return samples.map((sample) => ({ ...sample, round: from + sample.round }));
  });
}

/** Every side of the runs, in the order in which they come first. */
export function sidesOf(runs: readonly Run[]): string[] {
  return [...new Set(runs.flatMap(({ sides }) => sides))];
}
