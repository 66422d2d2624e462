/**
 * Reads Prometheus's text format (version 0.0.4), and is stricter than Prometheus, which takes nearly anything: what is
 * told twice, out of order or without an explanation is an error here.
 */

/** A line of numbers. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** All samples of one name, or of one histogram. */
interface Family {
  readonly name: string;
  readonly help: string;
  type: string | undefined;
  readonly samples: Sample[];
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?=.)|$)/;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const HISTOGRAM_SUFFIX = /_(?:bucket|sum|count)$/;

/** What a scrape has said. */
export class Exposition {
  readonly samples: readonly Sample[];
  /** Names of counters, and of the parts of histograms. */
  readonly #growing: ReadonlySet<string>;

  /** @throws Error naming the line, or the metric, that is wrong */
  constructor(text: string) {
    const families = readFamilies(text);
    for (const family of families) checkFamily(family);
    this.samples = families.flatMap(({ samples }) => samples);
    const growing = families.filter(({ type }) => type !== "gauge").flatMap(({ samples }) => samples);
    this.#growing = new Set(growing.map(({ name }) => name));
  }

  /** The value of the series with exactly these labels. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const wanted = seriesKey(name, labels);
    return this.samples.find((sample) => seriesKey(sample.name, sample.labels) === wanted)?.value;
  }

  /** Series of what can only grow that are lower than they were, or gone. */
  shrunkSince(before: Exposition): string[] {
    const now = new Map(this.samples.map(({ name, labels, value }) => [seriesKey(name, labels), value]));
    return before.samples
      .filter(({ name }) => this.#growing.has(name) || before.#growing.has(name))
      .filter(({ name, labels, value }) => !(now.get(seriesKey(name, labels))! >= value))
      .map(({ name, labels }) => seriesKey(name, labels));
  }

  /** All series of this name. */
  series(name: string): Sample[] {
    return this.samples.filter((sample) => sample.name === name);
  }
}

function readFamilies(text: string): Family[] {
  const families: Family[] = [];
  const seen = new Set<string>();
  if (!text.endsWith("\n")) throw new Error("the text does not end with the end of a line");
  for (const [index, line] of text.split("\n").entries()) {
    const wrong = (problem: string): Error => new Error(`line ${index + 1}: ${problem}: ${line}`);
    const current = families.at(-1);
    if (line === "") continue;
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment?.[1] === "HELP") {
      const [, , name = "", help = ""] = comment;
      if (families.some((family) => family.name === name)) throw wrong("it was told of before");
      families.push({ name, help, type: undefined, samples: [] });
    } else if (comment !== null) {
      if (current?.name !== comment[2] || current?.type !== undefined) throw wrong("TYPE does not follow HELP");
      current!.type = comment[3];
    } else {
      const sample = readSample(line, wrong);
      if (current?.type === undefined) throw wrong("it is not told what it is");
      const family = current.type === "histogram" ? sample.name.replace(HISTOGRAM_SUFFIX, "") : sample.name;
      if (family !== current.name) throw wrong(`it is no part of ${current.name}`);
      const key = seriesKey(sample.name, sample.labels);
      if (seen.has(key)) throw wrong("it is said twice");
      seen.add(key);
      current.samples.push(sample);
    }
  }
  return families;
}

function readSample(line: string, wrong: (problem: string) => Error): Sample {
  const match = SAMPLE.exec(line);
  if (match === null) throw wrong("it is no sample");
  const [, name = "", labelText = "", number = ""] = match;
  const labels: Record<string, string> = {};
  for (let rest = labelText; rest !== ""; ) {
    const [whole, label, escaped] = LABEL.exec(rest) ?? [];
    if (whole === undefined) throw wrong("its labels cannot be read");
    if (label! in labels) throw wrong("it has a label twice");
    labels[label!] = escaped!.replaceAll(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character));
    rest = rest.slice(whole.length);
  }
  if (!NUMBER.test(number)) throw wrong("its value is no number");
  return { name, labels, value: Number(number) };
}

function checkFamily({ name, help, type, samples }: Family): void {
  const wrong = (problem: string): Error => new Error(`${name}: ${problem}`);
  if (type === "counter") {
    if (!name.endsWith("_total")) throw wrong("the name of a counter ends in _total");
    if (samples.some(({ value }) => value < 0)) throw wrong("a counter is below 0");
  } else if (type === "gauge" || type === "histogram") {
    if (/_(?:total|bucket|sum_total|count_total)$/.test(name)) throw wrong(`this is no name of a ${type}`);
  } else {
    throw wrong(`its type is ${type ?? "missing"}`);
  }
  if (!/[.)]$/.test(help)) throw wrong("its explanation is no sentence");
  if (type === "histogram") checkHistogram(name, samples, wrong);
}

function checkHistogram(name: string, samples: readonly Sample[], wrong: (problem: string) => Error): void {
  const byLabels = Map.groupBy(samples, ({ labels: { le: _le, ...others } }) => seriesKey(name, others));
  for (const [series, group] of byLabels) {
    const of = (suffix: string): Sample[] => group.filter((sample) => sample.name === `${name}_${suffix}`);
    const [buckets, sums, counts] = [of("bucket"), of("sum"), of("count")];
    if (sums.length !== 1 || counts.length !== 1) throw wrong(`${series} has no sum or no count`);
    const bounds = buckets.map(({ labels: { le } }) => (le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le)));
    if (bounds.at(-1) !== Number.POSITIVE_INFINITY) throw wrong(`${series} does not end with +Inf`);
    if (bounds.some((bound, index) => !(bound > (bounds[index - 1] ?? Number.NEGATIVE_INFINITY)))) {
      throw wrong(`the bounds of ${series} do not rise`);
    }
    if (buckets.some(({ value }, index) => value < (buckets[index - 1]?.value ?? 0))) {
      throw wrong(`the buckets of ${series} do not add up`);
    }
    if (buckets.at(-1)!.value !== counts[0]!.value) throw wrong(`the last bucket of ${series} is not its count`);
  }
}

function seriesKey(name: string, labels: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(labels).toSorted(([left], [right]) => (left < right ? -1 : 1));
  return `${name}${JSON.stringify(sorted)}`;
}
