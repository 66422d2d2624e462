/** Which figures are drawn, and how. */
import { CASES } from "../cases.ts";
import type { Metric, Series } from "../metrics.ts";
import { barPlot } from "../plots/bars.ts";
import { linePlot } from "../plots/lines.ts";
import { CHRONIK, CHRONIK_INTERVAL, KAFKA, KAFKA_SYNCING } from "../sides.ts";
import { type Sample, spreadOf } from "./samples.ts";

export interface Plot {
  /** Of its file, without the ending. */
  readonly name: string;
  readonly title: string;
  readonly svg: string;
}

/** Kafka warm, Chronik cold; paler where a side gives up its own default. */
const COLORS: Readonly<Record<string, string>> = {
  [KAFKA]: "#c9731f",
  [KAFKA_SYNCING]: "#e9b98a",
  [CHRONIK]: "#1f5f99",
  [CHRONIK_INTERVAL]: "#8cb8dd",
};
const OTHER_COLORS = ["#6a6a6a", "#9c6ab0", "#5b9a68", "#b0a14a"];

const BARS: readonly { name: string; title: string; axis: string; metric: Metric; cases: RegExp }[] = [
  {
    name: "produce",
    title: "Producing: throughput",
    axis: "MB/s of record values, more is better",
    metric: "megabytesPerSecond",
    cases: /^(producer|rdkafka-1|driver)/,
  },
  {
    name: "produce-cpu",
    title: "Producing: CPU time of the broker",
    axis: "CPU seconds per GB, less is better",
    metric: "brokerCpuSecondsPerGigabyte",
    cases: /^(producer|rdkafka-1|driver)/,
  },
  {
    name: "consume",
    title: "Consuming: throughput",
    axis: "MB/s, more is better (tail: at a fixed rate)",
    metric: "megabytesPerSecond",
    cases: /^(fetch|consumer|rdkafka-consume|tail)/,
  },
  {
    name: "consume-cpu",
    title: "Consuming: CPU time of the broker",
    axis: "CPU seconds per GB, less is better",
    metric: "brokerCpuSecondsPerGigabyte",
    cases: /^(fetch|consumer|rdkafka-consume|tail)/,
  },
  {
    name: "latency",
    title: "Acknowledgement of one record: mean",
    axis: "ms, less is better",
    metric: "latencyMeanMs",
    cases: /^latency/,
  },
  {
    name: "end-to-end",
    title: "From producer to consumer: mean",
    axis: "ms, less is better",
    metric: "endToEndMeanMs",
    cases: /^(end-to-end|tail)/,
  },
  {
    name: "memory",
    title: "Memory: peak",
    axis: "MB resident, less is better",
    metric: "peakMemoryMegabytes",
    cases: /./,
  },
];

const LINES: readonly { name: string; title: string; axis: string; values: (series: Series) => readonly number[] }[] = [
  {
    name: "soak-latency",
    title: "Soak: p99 of the acknowledgement",
    axis: "ms",
    values: ({ latencyP99Ms }) => latencyP99Ms,
  },
  {
    name: "soak-end-to-end",
    title: "Soak: p99 from producer to consumer",
    axis: "ms",
    values: ({ endToEndP99Ms }) => endToEndP99Ms,
  },
  { name: "soak-memory", title: "Soak: memory", axis: "MB resident", values: ({ memoryMegabytes }) => memoryMegabytes },
];

/** Those for which there is something to draw. */
export function plotsOf(samples: readonly Sample[], sides: readonly string[]): Plot[] {
  return [...barPlots(samples, sides), ...soakPlots(samples, sides)];
}

function barPlots(samples: readonly Sample[], sides: readonly string[]): Plot[] {
  const series = sides.map((name, index) => ({ name, color: colorOf(name, index) }));
  return BARS.flatMap(({ name, title, axis, metric, cases }) => {
    const named = CASES.map((each) => each.name).filter((caseName) => cases.test(caseName));
    const groups = named
      .map((caseName) => ({ name: caseName, bars: sides.map((side) => spreadOf(samples, side, { caseName, metric })) }))
      .filter(({ bars }) => bars.some((bar) => bar !== undefined));
    return groups.length === 0 ? [] : [{ name, title, svg: barPlot({ title, axis, series, groups }) }];
  });
}

/** The last soak of each side. */
function soakPlots(samples: readonly Sample[], sides: readonly string[]): Plot[] {
  const soaks = sides.flatMap((name, index) => {
    const series = samples.findLast((sample) => sample.side === name && sample.series !== undefined)?.series;
    return series === undefined ? [] : [{ name, color: colorOf(name, index), series }];
  });
  if (soaks.length === 0) return [];
  return LINES.map(({ name, title, axis, values }) => {
    const series = soaks.map((soak) => ({
      ...soak,
      points: values(soak.series).map((value, at) => [((at + 1) * soak.series.intervalSeconds) / 60, value] as const),
    }));
    return { name, title, svg: linePlot({ title, xAxis: "minutes", yAxis: axis, series }) };
  });
}

function colorOf(side: string, index: number): string {
  return COLORS[side] ?? OTHER_COLORS[index % OTHER_COLORS.length]!;
}
