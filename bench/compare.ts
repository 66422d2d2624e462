/**
 * Brokers side by side on one machine, in turns: A B A B … Only one runs at a time. Each turn has a fresh data folder, a
 * fresh process and the same warm-up, and goes through all cases. See bench/README.md for what that means and does not mean.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Broker, freePort } from "./brokers/broker.ts";
import { brokerKind } from "./brokers/kinds.ts";
import { installPublished } from "./brokers/published.ts";
import type { BenchCase } from "./cases/case.ts";
import { CASES, selectCases, warmUp } from "./cases.ts";
import { readMachine, readVersions } from "./machine.ts";
import { writeReport } from "./report/document.ts";
import { type Failure, type Run, readRuns, samplesOf, sidesOf, writeRuns } from "./report/results.ts";
import { type Sample, undisturbed } from "./report/samples.ts";
import { tableOf } from "./report/table.ts";
import { parseSides, type Side } from "./sides.ts";
import { processorTime, stolenPercent } from "./steal.ts";
import { settleDisk } from "./tools/run.ts";

const HELP = `usage: compare [options]

  --sides LIST        brokers behind semicolons, settings of each behind commas; ratios are made with the first (kafka;chronik)
  --rounds N          turns of each side (3)
  --suite NAME        quick, standard or full (standard)
  --cases LIST        instead of a suite: names, separated by commas; "producer*" takes all that begin so
  --scale X           times the number of records and the time, for example 0.1 for a quick look (1)
  --json FILE         add everything that is measured to what is in there, after each case
  --report FILE       write the report, with its plots beside it, of all that is in --json or --from
  --from FILE         measure nothing: make the report of what --json wrote
  --notes FILE        a text in Markdown that goes into the report, behind the targets
  --max-stolen P      leave rounds of a case out of tables, plots and the report when the host took more than P % of the
                      processors from any side, as long as a round is left (100)
  --folder DIR        where the brokers put their data (the system's temporary folder)

Chronik is packed and installed first, unless the environment variable CHRONIK holds the command that runs it.

cases, and the smallest suite that has each:
${CASES.map(({ name, suite, method }) => `  ${name.padEnd(18)}  ${suite.padEnd(8)}  ${method}`).join("\n")}
`;

const { values } = parseArgs({
  options: {
    sides: { type: "string", default: "kafka;chronik" },
    rounds: { type: "string", default: "3" },
    suite: { type: "string", default: "standard" },
    cases: { type: "string" },
    scale: { type: "string", default: "1" },
    json: { type: "string" },
    report: { type: "string" },
    from: { type: "string" },
    notes: { type: "string" },
    "max-stolen": { type: "string", default: "100" },
    folder: { type: "string", default: tmpdir() },
    help: { type: "boolean", default: false },
  },
});

function positive(name: "rounds" | "scale" | "max-stolen"): number {
  const value = Number(values[name]);
  if (!(value > 0)) throw new RangeError(`--${name} takes a number above 0`);
  return value;
}

/** What a turn measured; it is told of each case at once. */
interface Listener {
  onSample(sample: Sample): void;
  onFailure(failure: Failure): void;
}

/** One turn: all cases on one broker. A case that fails is left out; when the broker has ended, so are those behind it. */
async function takeTurn(side: Side, round: number, folder: string, listener: Listener): Promise<void> {
  const broker = new Broker(brokerKind(side.kind, side.settings), { port: await freePort(), folder });
  let current = "start of the turn";
  const failed = (error: unknown): void => {
    const message = error instanceof Error ? error.message : String(error);
    listener.onFailure({ side: side.text, round, caseName: current, message });
  };
  try {
    await settleDisk();
    await broker.start();
    let warm = false;
    // The list has the cold ones first.
    for (const benchCase of cases) {
      if (!benchCase.cold && !warm) {
        await warmUp(broker);
        warm = true;
      }
      current = benchCase.name;
      try {
        const before = processorTime();
        const { measurements, ...result } = await benchCase.run(broker, scale);
        const all = { ...measurements, stolenPercent: stolenPercent(before, processorTime()) };
        listener.onSample({ side: side.text, round, caseName: benchCase.name, ...result, measurements: all });
      } catch (error) {
        failed(error);
        broker.checkRunning();
      }
    }
    await broker.stop();
  } catch (error) {
    failed(error);
  } finally {
    await broker.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Goes through all rounds, and keeps what is there after every case. */
async function measure(sides: readonly Side[], rounds: number): Promise<Run> {
  if (sides.some(({ kind }) => kind === "chronik")) process.env["CHRONIK"] ??= await installPublished();
  const dataFolder = mkdtempSync(join(values.folder, "chronik-bench-"));
  process.on("exit", () => rmSync(dataFolder, { recursive: true, maxRetries: 3 }));
  const earlier = values.json === undefined ? [] : readRuns(values.json);
  const samples: Sample[] = [];
  const failures: Failure[] = [];
  const run: Run = {
    startedAt: new Date().toISOString(),
    command: `npm run bench -- ${process.argv.slice(2).map(quoted).join(" ")}`.trimEnd(),
    sides: sides.map(({ text }) => text),
    rounds,
    scale,
    machine: await readMachine(dataFolder),
    versions: await readVersions({ librdkafka: cases.some(({ name }) => name.startsWith("rdkafka")) }),
    samples,
    failures,
  };
  const keep = (): void => {
    if (values.json !== undefined) writeRuns(values.json, [...earlier, run]);
  };
  const listener: Listener = {
    onSample: (sample) => {
      samples.push(sample);
      keep();
      const { round, side, caseName, measurements } = sample;
      console.error(`round ${round} ${side} ${caseName}: ${JSON.stringify(measurements, rounded)}`);
    },
    onFailure: (failure) => {
      failures.push(failure);
      keep();
      console.error(`round ${failure.round} ${failure.side} ${failure.caseName} FAILED: ${failure.message}`);
    },
  };
  for (let round = 1; round <= rounds; round++) {
    for (const [index, side] of sides.entries()) {
      await takeTurn(side, round, join(dataFolder, `${round}-${index}`), listener);
    }
  }
  return run;
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Number(value.toPrecision(4)) : value;
}

function quoted(word: string): string {
  return /^[\w./:=,-]+$/.test(word) ? word : `'${word}'`;
}

if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
const scale = positive("scale");
const rounds = positive("rounds");
const maxStolen = positive("max-stolen");
const cases: readonly BenchCase[] = selectCases(
  values.cases === undefined ? { suite: values.suite } : { names: values.cases },
);
// Read first: a file that is not there is not to be found out after hours.
const notes = values.notes === undefined ? "" : readFileSync(values.notes, "utf8").trim();
if (values.from !== undefined && values.report === undefined) throw new RangeError("--from wants --report");
const measuredNow = values.from === undefined ? [await measure(parseSides(values.sides), rounds)] : [];
const file = values.from ?? values.json;
const runs = file === undefined ? measuredNow : readRuns(file);
if (values.report !== undefined) writeReport(values.report, runs, { notes, maxStolen });
const shown = undisturbed(samplesOf(measuredNow.length > 0 ? measuredNow : runs), maxStolen);
console.log(tableOf(shown, sidesOf(runs)));
if (measuredNow.some(({ failures }) => failures.length > 0)) process.exitCode = 1;
