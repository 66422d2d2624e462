/**
 * Two brokers side by side on one machine, in turns: A B A B … Only one runs at a time. Each turn has a fresh data folder, a
 * fresh process and the same warm-up, and goes through all cases. See bench/README.md for what that means and does not mean.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { Broker, freePort } from "./brokers/broker.ts";
import { brokerKind, KAFKA_SCRIPT, type Settings } from "./brokers/kinds.ts";
import { installPublished } from "./brokers/published.ts";
import { type BenchCase, CASES, settleDisk, warmUp } from "./cases.ts";
import { rowsOf, type Sample, tableOf } from "./report.ts";
import { outputOf } from "./tools.ts";

const HELP = `usage: compare [options]

  --a SIDE, --b SIDE  chronik or kafka, settings behind commas: kafka,log.flush.interval.messages=1 (kafka, chronik)
  --rounds N          turns of each side (3)
  --cases LIST        names, separated by commas; "producer*" takes all that begin so (all)
  --scale X           times the number of records, for example 0.1 for a quick look (1)
  --json FILE         write machine, options and every sample there
  --folder DIR        where the brokers put their data (the system's temporary folder)

Chronik is packed and installed first, unless the environment variable CHRONIK holds the command that runs it.

cases:
${CASES.map(({ name, method }) => `  ${name.padEnd(18)}  ${method}`).join("\n")}
`;

interface Side {
  readonly letter: "A" | "B";
  /** As it was given. */
  readonly text: string;
  readonly name: string;
  readonly settings: Settings;
}

const { values } = parseArgs({
  options: {
    a: { type: "string", default: "kafka" },
    b: { type: "string", default: "chronik" },
    rounds: { type: "string", default: "3" },
    cases: { type: "string", default: "*" },
    scale: { type: "string", default: "1" },
    json: { type: "string" },
    folder: { type: "string", default: tmpdir() },
    help: { type: "boolean", default: false },
  },
});

function parseSide(letter: "A" | "B", text: string): Side {
  const [name = "", ...settings] = text.split(",");
  const entries = settings.map((setting) => {
    const equals = setting.indexOf("=");
    if (equals < 1) throw new RangeError(`"${setting}" is not of the form key=value`);
    return [setting.slice(0, equals), setting.slice(equals + 1)];
  });
  return { letter, text, name, settings: Object.fromEntries(entries) };
}

/** The cases in their own order. @throws RangeError when a pattern matches none. */
function selectCases(list: string): BenchCase[] {
  const patterns = list.split(",");
  const matches = (pattern: string, name: string): boolean =>
    pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
  for (const pattern of patterns) {
    if (!CASES.some(({ name }) => matches(pattern, name))) throw new RangeError(`there is no case "${pattern}"`);
  }
  return CASES.filter(({ name }) => patterns.some((pattern) => matches(pattern, name)));
}

function positive(name: "rounds" | "scale"): number {
  const value = Number(values[name]);
  if (!(value > 0)) throw new RangeError(`--${name} takes a number above 0`);
  return value;
}

/** One turn: all cases on one broker. */
async function takeTurn(side: Side, round: number, cases: readonly BenchCase[], scale: number): Promise<Sample[]> {
  const folder = join(dataFolder, `${round}-${side.letter}`);
  const broker = new Broker(brokerKind(side.name, side.settings), { port: await freePort(), folder });
  const samples: Sample[] = [];
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
      const measurements = await benchCase.run(broker, scale);
      samples.push({ side: side.letter, round, caseName: benchCase.name, measurements });
      console.error(`round ${round} ${side.text} ${benchCase.name}: ${JSON.stringify(measurements, rounded)}`);
    }
    await broker.stop();
  } finally {
    await broker.destroy();
    rmSync(folder, { recursive: true });
  }
  return samples;
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Number(value.toPrecision(4)) : value;
}

async function machine(): Promise<Readonly<Record<string, string | number>>> {
  const [cpu] = cpus();
  return {
    time: new Date().toISOString(),
    cpu: cpu?.model ?? "unknown",
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    java: (await outputOf("java", ["--version"])).split("\n")[0] ?? "unknown",
    kafka: (await outputOf(KAFKA_SCRIPT, ["version"])).trim(),
    chronik: (await outputOf("git", ["describe", "--always", "--dirty"])).trim(),
  };
}

if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
const sides = [parseSide("A", values.a), parseSide("B", values.b)] as const;
const cases = selectCases(values.cases);
const scale = positive("scale");
if (sides.some(({ name }) => name === "chronik")) process.env["CHRONIK"] ??= await installPublished();
const dataFolder = mkdtempSync(join(values.folder, "chronik-bench-"));
process.on("exit", () => rmSync(dataFolder, { recursive: true, maxRetries: 3 }));
const samples: Sample[] = [];
for (let round = 1; round <= positive("rounds"); round++) {
  for (const side of sides) samples.push(...(await takeTurn(side, round, cases, scale)));
}
const rows = rowsOf(samples);
if (values.json !== undefined) {
  mkdirSync(dirname(values.json), { recursive: true });
  const options = { a: values.a, b: values.b, rounds: positive("rounds"), scale };
  writeFileSync(values.json, `${JSON.stringify({ machine: await machine(), options, samples, rows }, undefined, 2)}\n`);
}
console.log(tableOf(rows, { a: values.a, b: values.b }));
