/** The settings of a client metrics subscription: checked and described as in Kafka (KIP-714). */
import type { Texts } from "./broker-config.ts";
import { CONFIG_SOURCE, type DescribedConfig, described } from "./described.ts";
import { CLIENT_METRICS_SETTINGS } from "./tables.ts";
import { unknownKey, valueProblem } from "./texts-check.ts";

const MIN_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 3_600_000;

const SELECTORS: ReadonlySet<string> = new Set([
  "client_instance_id",
  "client_id",
  "client_software_name",
  "client_software_version",
  "client_source_address",
  "client_source_port",
]);

export interface SubscriptionProblem {
  readonly message: string;
  /** The request is wrong, rather than a value: what Kafka makes of it differs from key to key. */
  readonly invalidRequest: boolean;
}

/** What is wrong with the settings a subscription shall have, or null. */
export function subscriptionProblem(texts: Texts): SubscriptionProblem | null {
  const unknown = unknownKey(CLIENT_METRICS_SETTINGS, texts);
  if (unknown !== undefined) {
    return { message: `Unknown client metrics configuration: ${unknown}`, invalidRequest: true };
  }
  const message = valueProblem(CLIENT_METRICS_SETTINGS, texts);
  if (message !== null) return { message, invalidRequest: false };
  const interval = texts.get("interval.ms");
  if (interval !== undefined && (Number(interval) < MIN_INTERVAL_MS || Number(interval) > MAX_INTERVAL_MS)) {
    const range = `interval must be between ${MIN_INTERVAL_MS} and ${MAX_INTERVAL_MS} (1 hour)`;
    return { message: `Invalid value ${interval} for interval.ms, ${range}`, invalidRequest: true };
  }
  const pattern = patternsOf(texts).find((each) => !isPattern(each));
  if (pattern === undefined) return null;
  return { message: `Illegal client matching pattern: ${pattern}`, invalidRequest: false };
}

/** All settings of a subscription, as DescribeConfigs answers. Sorted by name. */
export function describeSubscription(texts: Texts): DescribedConfig[] {
  return [...CLIENT_METRICS_SETTINGS].map(([key, setting]) => {
    const own = texts.get(key);
    const checked = own === undefined ? setting.default : setting.check(key, own);
    const text = "error" in checked ? setting.default.text : checked.text;
    const synonyms = own === undefined ? [] : [{ name: key, value: text, source: CONFIG_SOURCE.clientMetrics }];
    return described(key, setting, { text, synonyms, readOnly: false });
  });
}

function patternsOf(texts: Texts): readonly string[] {
  const match = texts.get("match")?.trim() ?? "";
  return match === "" ? [] : match.split(/\s*,\s*/);
}

/** SELECTOR=REGULAR EXPRESSION, with one equals sign. */
function isPattern(pattern: string): boolean {
  const [selector, expression, ...more] = pattern.split("=");
  if (expression === undefined || expression === "" || more.length > 0 || !SELECTORS.has(selector!.trim()))
    return false;
  try {
    new RegExp(expression.trim(), "v");
    return true;
  } catch {
    return false;
  }
}
