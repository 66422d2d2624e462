/**
 * Single steps of the hot path, each alone, beside what they took before (baseline.json).
 *
 *     npm run bench:micro                      # measure and print
 *     npm run bench:micro -- --compare         # exit 1 when something takes 1.3 times as long as in the baseline
 *     npm run bench:micro -- --update          # make this the baseline
 *     npm run bench:micro -- --only CRC        # those whose names contain it
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { figureTable } from "../figures.ts";
import { compareWith, readBaseline, TOLERANCE, writeBaseline } from "./baseline.ts";
import { checksumBenches } from "./checksums.ts";
import { codecBenches } from "./codec.ts";
import { type MicroBench, type MicroFigure, measure } from "./harness.ts";
import { logBenches } from "./log.ts";

const { values } = parseArgs({
  options: {
    compare: { type: "boolean", default: false },
    update: { type: "boolean", default: false },
    only: { type: "string", default: "" },
  },
});

/** What seems slower is measured once more, and the shorter time counts: a disturbance does not come twice, a loss does. */
async function figuresOf(benches: readonly MicroBench[]): Promise<MicroFigure[]> {
  const figures: MicroFigure[] = [];
  for (const bench of benches) {
    const figure = await measure(bench);
    const again = values.compare && compareWith(readBaseline(), [figure]).slower.length > 0;
    const second = again ? await measure(bench) : figure;
    figures.push(second.ratio < figure.ratio ? second : figure);
  }
  return figures;
}

function tableOf(figures: readonly MicroFigure[]): string {
  const rows = figures.map(({ name, nanoseconds, bytes, ratio }) => [
    name,
    nanoseconds < 1e4 ? `${nanoseconds.toFixed(0)} ns` : `${(nanoseconds / 1e3).toFixed(1)} µs`,
    bytes === undefined ? "" : `${(bytes / nanoseconds).toFixed(2)} GB/s`,
    ratio.toPrecision(4),
  ]);
  return figureTable(["", "one call", "rate", "× calibration"], rows);
}

/** Says what has changed; whether something is slower. */
function report(figures: readonly MicroFigure[]): boolean {
  const baseline = readBaseline();
  const { slower, unknown, missing } = compareWith(baseline, figures);
  console.log(`\nbaseline: ${baseline.cpu}, Node.js ${baseline.node}`);
  for (const { name, factor } of slower) console.log(`SLOWER: ${name} takes ${factor.toFixed(2)} times as long`);
  for (const name of unknown) console.log(`not in the baseline: ${name}`);
  if (values.only === "") for (const name of missing) console.log(`only in the baseline: ${name}`);
  if (slower.length === 0) console.log(`nothing takes ${TOLERANCE} times as long as before`);
  return slower.length > 0;
}

if (values.update && values.only !== "") throw new RangeError("--update measures everything: leave out --only");
const all = [...codecBenches(), ...checksumBenches(), ...(await logBenches())];
const benches = all.filter(({ name }) => name.includes(values.only));
if (benches.length === 0) throw new RangeError(`there is no "${values.only}"`);
const figures = await figuresOf(benches);
console.log(tableOf(figures));
if (values.update) writeBaseline({ cpu: cpus()[0]?.model ?? "unknown", node: process.version }, figures);
if (values.compare && report(figures)) process.exitCode = 1;
