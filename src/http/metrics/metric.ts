/** One metric: its name, what it means, and where its numbers come from. The tables beside this file are made of these. */
import type { Histogram } from "../../base/histogram.ts";
import type { RunningBroker } from "../../broker/start.ts";
import type { ProcessReading, ProcessStats } from "../../ports/process-stats.ts";

/** What metrics are read from, all in one turn. */
export interface Scrape extends Pick<RunningBroker, "broker" | "opened" | "openedInMs"> {
  /** Of the program. */
  readonly version: string;
  readonly stats: ProcessStats;
  readonly process: ProcessReading;
}

/** A histogram in a unit of its own, so many of which make one of the metric's. */
export interface Distribution {
  readonly histogram: Histogram;
  readonly perUnit: number;
}

export type Value = number | Distribution;

/** Values of the labels, in their order, and the number that they have. */
export type Series = readonly [labels: readonly string[], value: Value];

export interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (scrape: Scrape) => Iterable<Series>;
}

/** A part of the page about metrics. */
export interface Section {
  readonly title: string;
  readonly metrics: readonly Metric[];
}

type Read<V> = (scrape: Scrape) => V;
type ReadSeries = Read<Iterable<Series>>;

const MS_PER_SECOND = 1000;

/** What only grows, from 0 at each start. */
export function counter(name: string, help: string, read: Read<number>): Metric {
  return { name, type: "counter", help, labels: [], read: single(read) };
}

/** A counter for each value of its labels. */
export function counters(name: string, labels: readonly string[], help: string, read: ReadSeries): Metric {
  return { name, type: "counter", help, labels, read };
}

/** What is so now. */
export function gauge(name: string, help: string, read: Read<number>): Metric {
  return { name, type: "gauge", help, labels: [], read: single(read) };
}

/** A gauge for each value of its labels. */
export function gauges(name: string, labels: readonly string[], help: string, read: ReadSeries): Metric {
  return { name, type: "gauge", help, labels, read };
}

/** How the observations since the start are spread. */
export function histogram(name: string, help: string, read: Read<Distribution>): Metric {
  return { name, type: "histogram", help, labels: [], read: single(read) };
}

/** A histogram for each value of its labels. */
export function histograms(name: string, labels: readonly string[], help: string, read: ReadSeries): Metric {
  return { name, type: "histogram", help, labels, read };
}

/** A histogram of milliseconds, in seconds. */
export function seconds(ofMs: Histogram): Distribution {
  return { histogram: ofMs, perUnit: MS_PER_SECOND };
}

/** A histogram as it is. */
export function plain(distribution: Histogram): Distribution {
  return { histogram: distribution, perUnit: 1 };
}

function single(read: Read<Value>): ReadSeries {
  return (scrape) => [[[], read(scrape)]];
}
