/** The brokers that are compared, as they are named on the command line and in the report. */
import type { Settings } from "./brokers/kinds.ts";

export interface Side {
  /** As it was given: "kafka,log.flush.interval.messages=1". It names the side everywhere. */
  readonly text: string;
  /** "chronik" or "kafka". */
  readonly kind: string;
  readonly settings: Settings;
}

/** The four of the report: each program with its defaults, and with the promise of the other. */
export const KAFKA = "kafka";
export const KAFKA_SYNCING = "kafka,log.flush.interval.messages=1";
export const CHRONIK = "chronik";
export const CHRONIK_INTERVAL = "chronik,wal.sync=interval";
export const REPORT_SIDES = [KAFKA, KAFKA_SYNCING, CHRONIK, CHRONIK_INTERVAL].join(";");

/** Sides behind semicolons, settings of each behind commas. @throws RangeError */
export function parseSides(list: string): Side[] {
  const sides = list.split(";").map(parseSide);
  const texts = new Set(sides.map(({ text }) => text));
  // A side beside itself is told apart by its name only.
  if (texts.size < sides.length)
    throw new RangeError("two sides are the same: add a setting that changes nothing to one");
  return sides;
}

function parseSide(text: string): Side {
  const [kind = "", ...settings] = text.split(",");
  if (kind !== "chronik" && kind !== "kafka") throw new RangeError(`"${kind}" is no side: take chronik or kafka`);
  const entries = settings.map((setting) => {
    const equals = setting.indexOf("=");
    if (equals < 1) throw new RangeError(`"${setting}" is not of the form key=value`);
    return [setting.slice(0, equals), setting.slice(equals + 1)];
  });
  return { text, kind, settings: Object.fromEntries(entries) };
}
