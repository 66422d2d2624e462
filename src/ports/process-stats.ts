/** What this process takes of the machine, and how it is held up. */
import type { Histogram } from "../base/histogram.ts";

export interface ProcessStats {
  /** As it is now. */
  read(): ProcessReading;
  /** Durations of garbage collections in milliseconds, by kind: "minor", "major", "incremental" or "weakcb". */
  readonly gcMs: ReadonlyMap<string, Histogram>;
  /** How late the process gets to what is due, in milliseconds: looked at ten times a second. */
  readonly loopDelayMs: Histogram;
}

export interface ProcessReading {
  /** When it started, seconds since 1970-01-01 UTC. */
  readonly startSeconds: number;
  readonly cpuUserSeconds: number;
  readonly cpuSystemSeconds: number;
  /** In which the event loop had something to do. */
  readonly loopActiveSeconds: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly heapUsedBytes: number;
  /** Memory beyond the heap that objects of the heap stand for: buffers. */
  readonly externalBytes: number;
  readonly nodeVersion: string;
}
