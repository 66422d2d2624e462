/** The report: the machine, the commands, targets, plots and the table of all figures, as a page in Markdown. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { CASES } from "../cases.ts";
import { figureTable } from "../figures.ts";
import type { Machine } from "../machine.ts";
import { METRICS } from "../metrics.ts";
import { CHRONIK } from "../sides.ts";
import { type Plot, plotsOf } from "./plots.ts";
import { type Run, samplesOf, sidesOf } from "./results.ts";
import { type Sample, spreadOf, undisturbed } from "./samples.ts";
import { spreadText, tableOf } from "./table.ts";
import { type Judgement, judge, TARGETS } from "./targets.ts";

/** The rest of a message, the end of a log mostly, is on the screen. */
const FAILURE_LINES = 3;

/** Writes the page, and its plots into a folder of the same name beside it, which it empties first. `notes`: see documentOf. */
export function writeReport(
  file: string,
  runs: readonly Run[],
  { notes, maxStolen }: Pick<Parts, "notes" | "maxStolen">,
): void {
  const plotFolder = join(dirname(file), basename(file, extname(file)));
  const plots = plotsOf(undisturbed(samplesOf(runs), maxStolen), sidesOf(runs));
  // Throws before anything is removed.
  const page = documentOf(runs, { plots, plotFolder: basename(plotFolder), notes, maxStolen });
  rmSync(plotFolder, { recursive: true, force: true });
  mkdirSync(plotFolder, { recursive: true });
  for (const { name, svg } of plots) writeFileSync(join(plotFolder, `${name}.svg`), svg);
  writeFileSync(file, page);
}

export interface Parts {
  readonly plots: readonly Plot[];
  /** From the page. */
  readonly plotFolder: string;
  /** Goes into the page behind the targets, as it is. May be empty. */
  readonly notes: string;
  /** Percent: see `undisturbed`. */
  readonly maxStolen: number;
}

/** @throws Error when there is nothing, or when the runs are of several machines: their figures say nothing together. */
export function documentOf(runs: readonly Run[], { plots, plotFolder, notes, maxStolen }: Parts): string {
  const [first] = runs;
  if (first === undefined) throw new Error("there is no run to report");
  const { machine } = first;
  if (runs.some((run) => nameOf(run.machine) !== nameOf(machine))) {
    throw new Error("the runs were made on several machines: report each on its own");
  }
  const all = samplesOf(runs);
  const samples = undisturbed(all, maxStolen);
  const syncP99Ms = Math.max(...runs.map((run) => run.machine.diskLatency.small.p99Ms));
  return [
    "# Benchmarks",
    "Chronik beside Apache Kafka on one machine, in turns, measured by `npm run bench`. What is compared, and what is not, says " +
      "[bench/README.md](../bench/README.md). Figures are the median of all rounds, with minimum and maximum. Ratios are made " +
      "within each round. Chronik with its defaults syncs to disk before every acknowledgement; Kafka with its defaults does " +
      "not, with `log.flush.interval.messages=1` it does; `wal.sync=interval` gives up Chronik's promise.",
    "## Machine",
    machineText(machine),
    diskTable(runs),
    "## Runs",
    runTable(runs),
    ...(runs.some(({ scale }) => scale !== 1)
      ? ["**Runs at another scale than 1 are a look at the suite, not a measurement.**"]
      : []),
    ...failureText(runs),
    ...disturbanceText(all, samples, maxStolen),
    "## Targets",
    targetText(syncP99Ms),
    targetTable(samples, syncP99Ms),
    ...(notes === "" ? [] : [notes]),
    "## Plots",
    ...plots.map(({ name, title }) => `![${title}](${plotFolder}/${name}.svg)`),
    "## All figures",
    tableOf(samples, sidesOf(runs)),
    "## How each case is measured",
    methodList(samples),
  ]
    .join("\n\n")
    .concat("\n");
}

function nameOf({ cpu, cores, memoryBytes, disk }: Machine): string {
  return [cpu, cores, memoryBytes, disk].join();
}

function machineText({ cpu, cores, memoryBytes, kernel, disk }: Machine): string {
  return [
    `- CPU: ${cpu}, ${cores} cores, shared by broker and clients`,
    `- memory: ${(memoryBytes / 1e9).toFixed(1)} GB`,
    `- Linux ${kernel}`,
    `- disk: ${disk}`,
  ].join("\n");
}

function diskTable(runs: readonly Run[]): string {
  const head = ["run", "write of 4 KiB, p50, ms", "p99", "write of 128 KiB, p50, ms", "p99"];
  const rows = runs.map(({ machine }, index) => {
    const { small, large } = machine.diskLatency;
    return [`${index + 1}`, ...[small.p50Ms, small.p99Ms, large.p50Ms, large.p99Ms].map((value) => value.toFixed(3))];
  });
  return `Appends that are synced (O_DSYNC), on the disk of the data folders:\n\n${figureTable(head, rows)}`;
}

function runTable(runs: readonly Run[]): string {
  const head = ["run", "begin", "command", "rounds", "scale", "Chronik", "Node.js", "Kafka", "Java", "librdkafka"];
  const rows = runs.map(({ startedAt, command, rounds, scale, versions }, index) => [
    `${index + 1}`,
    `${startedAt.slice(0, 16).replace("T", " ")} UTC`,
    `\`${command}\``,
    `${rounds}`,
    `${scale}`,
    ...[versions.chronik, versions.node, versions.kafka, versions.java, versions.librdkafka],
  ]);
  return figureTable(head, rows, head.length);
}

function failureText(runs: readonly Run[]): string[] {
  const failures = runs.flatMap((run, index) => run.failures.map((failure) => ({ ...failure, run: index + 1 })));
  if (failures.length === 0) return [];
  const lines = failures.map(({ run, side, round, caseName, message }) => {
    const text = message.split("\n").slice(0, FAILURE_LINES).join(" · ");
    return `- run ${run}, round ${round}, \`${side}\`, ${caseName}: ${text}`;
  });
  return [`These did not come to their end, and are in no figure:\n\n${lines.join("\n")}`];
}

function disturbanceText(all: readonly Sample[], left: readonly Sample[], maxStolen: number): string[] {
  if (maxStolen >= 100) return [];
  const noisy = new Set(
    left.filter(({ measurements }) => (measurements.stolenPercent ?? 0) > maxStolen).map(({ caseName }) => caseName),
  );
  const kept = noisy.size === 0 ? "" : ` These cases have no other rounds and kept theirs: ${[...noisy].join(", ")}.`;
  return [
    `This is a virtual machine. The ${all.length - left.length} of ${all.length} measurements from rounds in which its host took more ` +
      `than ${maxStolen} % of the processors from any side are in no figure.${kept}`,
  ];
}

function targetText(syncP99Ms: number): string {
  return (
    "`chronik` with all its defaults. A ratio is Chronik : the other side. Below the floor a figure is a defect. The floor " +
    `"sync" is Kafka's median plus the p99 of one synced write of 4 KiB (${syncP99Ms.toFixed(2)} ms), which Kafka does not wait for.`
  );
}

function targetTable(samples: readonly Sample[], syncP99Ms: number): string {
  const judgements = TARGETS.map((target) => judge(target, samples, syncP99Ms));
  const head = ["case", "figure", "against", "goal", "floor", "measured", "medians", ""];
  const rows = judgements.map((judgement) => judgementRow(judgement, samples));
  const table = figureTable(head, rows, 3);
  const count = (verdict: Judgement["verdict"]): number => judgements.filter((each) => each.verdict === verdict).length;
  const sum =
    `Of ${judgements.length} targets: ${count("goal reached")} goals reached, ${count("above the floor")} above the floor, ` +
    `${count("missed")} missed, ${count("not measured")} not measured.`;
  return `${sum}\n\n${table}`;
}

function judgementRow({ target, value, verdict }: Judgement, samples: readonly Sample[]): string[] {
  const { caseName, metric, against, goal, floor } = target;
  const { better, digits, title } = METRICS[metric];
  const bound = better === "higher" ? "≥" : "≤";
  const medianText = (side: string): string => spreadOf(samples, side, target)?.median.toFixed(digits) ?? "";
  const medians = against === undefined || value === undefined ? "" : `${medianText(CHRONIK)} : ${medianText(against)}`;
  const floorText = floor === undefined ? "" : floor === "sync" ? floor : `${bound} ${floor}`;
  const emphasized = verdict === "missed" ? "**missed**" : verdict;
  const measured = spreadText(value, 2);
  return [caseName, title, against ?? "", `${bound} ${goal}`, floorText, measured, medians, emphasized];
}

function methodList(samples: readonly Sample[]): string {
  const measured = new Set(samples.map(({ caseName }) => caseName));
  const cases = CASES.filter(({ name }) => measured.has(name));
  return cases.map(({ name, method }) => `- \`${name}\`: ${method}`).join("\n");
}
