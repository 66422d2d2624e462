/**
 * The metrics in Prometheus's text format. prom-client writes it; its own counters are not used: what is counted is counted
 * where it happens, in plain numbers, and read here in one turn.
 */
import { Gauge, Registry } from "prom-client";
import type { Metric, Scrape, Series } from "./metric.ts";
import { SECTIONS } from "./table.ts";

export const CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** A line: a number under a name with labels. */
interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What the registry asks a metric for. */
interface Reading {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly Sample[];
}

/** The numbers as they are now. Never waits for anything but itself. */
export function metricsText(scrape: Scrape, metrics = SECTIONS.flatMap((section) => section.metrics)): Promise<string> {
  const registry = new Registry();
  for (const metric of metrics) new ReadMetric(metric, scrape, registry);
  return registry.metrics();
}

/** A metric of the registry whose numbers are elsewhere. Of which kind it is, its reading says. */
class ReadMetric extends Gauge {
  readonly #metric: Metric;
  readonly #scrape: Scrape;

  constructor(metric: Metric, scrape: Scrape, registry: Registry) {
    const { name, help, labels } = metric;
    super({ name, help, labelNames: [...labels], registers: [registry] });
    this.#metric = metric;
    this.#scrape = scrape;
  }

  override get(): ReturnType<Gauge["get"]> {
    const { name, help, type, labels, read } = this.#metric;
    const values = [...read(this.#scrape)].flatMap((series) => samples(name, labels, series));
    const reading: Reading = { name, help, type, values };
    return Promise.resolve(reading as unknown as Awaited<ReturnType<Gauge["get"]>>);
  }
}

function samples(name: string, labelNames: readonly string[], [labelValues, value]: Series): Sample[] {
  const labels = Object.fromEntries(labelValues.map((text, index) => [labelNames[index]!, text]));
  if (typeof value === "number") return [{ metricName: name, labels, value }];
  const { histogram, perUnit } = value;
  let count = 0;
  const buckets = [...histogram.counts].map((observed, bucket): Sample => {
    count += observed;
    const bound = histogram.bounds[bucket];
    const le = bound === undefined ? "+Inf" : String(bound / perUnit);
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: histogram.sum / perUnit },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
