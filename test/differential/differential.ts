/** The harness as a program; see README.md. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Broker, freePort } from "../../bench/brokers/broker.ts";
import { brokerKind, type Settings } from "../../bench/brokers/kinds.ts";
import { Listed } from "./compare.ts";
import { DIFFERENCES } from "./differences.ts";
import { GroupScenario } from "./group-scenario.ts";
import { type Exchange, Harness } from "./harness.ts";
import { Matrix } from "./matrix.ts";
import { Side } from "./side.ts";

/** The same for both: what Kafka would do later, or on its own, is off. */
const SETTINGS: Settings = {
  "auto.create.topics.enable": "false",
  "group.initial.rebalance.delay.ms": "0",
  "group.min.session.timeout.ms": "100",
  "log.cleaner.enable": "false",
  "log.retention.ms": "-1",
  "offsets.topic.num.partitions": "1",
};

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    sequences: { type: "string", default: "16" },
    rounds: { type: "string", default: "2" },
    scenarios: { type: "string", default: "6" },
  },
});
const { seed, sequences, rounds, scenarios } = Object.fromEntries(
  Object.entries(values).map(([name, value]) => [name, Number(value)]),
) as { readonly [Name in keyof typeof values]: number };

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
const folder = mkdtempSync(join(tmpdir(), "chronik-differential-"));
process.on("exit", () => rmSync(folder, { recursive: true, maxRetries: 3 }));

let failed = 0;
const matrix = new Matrix();
const started = await Promise.all([start("kafka"), start("chronik")]);
const [kafka, chronik] = started.map(({ kind, home }) => new Side(kind.name, home.port)) as [Side, Side];
const listed = new Listed(DIFFERENCES);
const harness = new Harness({ kafka, chronik }, listed);
await harness.prepare();
for (let each = seed; each < seed + sequences; each++) {
  const options = `--seed ${each} --sequences 1 --rounds ${rounds} --scenarios 0`;
  await play(harness.sequence(each, rounds), options);
}
for (let each = seed; each < seed + scenarios; each++) {
  const scenario = new GroupScenario(harness, { kafka, chronik }, each);
  await play(scenario.play(), `--seed ${each} --sequences 0 --scenarios 1`);
}
kafka.close();
chronik.close();
for (const broker of started) await broker.stop();

for (const { reason } of sequences === 0 ? [] : listed.unused()) {
  failed++;
  console.log(`FAILED: a listed difference did not come up: ${reason}`);
}
console.log(matrix.table());
console.log(
  `${matrix.equal + DIFFERENCES.length - listed.unused().length} passed, ${matrix.different + failed} failed, 0 skipped`,
);
process.exit(matrix.different + failed === 0 ? 0 : 1);

async function start(name: string): Promise<Broker> {
  const broker = new Broker(brokerKind(name, SETTINGS), { port: await freePort(), folder: join(folder, name) });
  await broker.start();
  return broker;
}

async function play(exchanges: AsyncIterable<Exchange>, options: string): Promise<void> {
  let at = 0;
  for await (const exchange of exchanges) {
    matrix.count(exchange);
    if (exchange.problems.length > 0) report(exchange, `request ${at} of ${options}`);
    at++;
  }
}

function report({ api, version, request, problems }: Exchange, where: string): void {
  console.log(`FAILED: ${api} ${version}, ${where}`);
  console.log(`    request ${text(request)}`);
  for (const { path, kafka: expected, chronik: actual } of problems) {
    console.log(`    ${path}: Kafka ${text(expected)}, Chronik ${text(actual)}`);
  }
}

function text(value: unknown): string {
  const json = JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? String(each) : each));
  return json === undefined ? "nothing" : json.slice(0, 1500);
}
