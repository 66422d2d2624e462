/** Places in a partition, and times, as people name them. */

export type Position =
  | { readonly kind: "beginning" | "end" }
  | { readonly kind: "offset"; readonly offset: bigint }
  /** So many offsets before the end. */
  | { readonly kind: "last"; readonly count: bigint }
  /** The first record of this time or later. Milliseconds since 1970. */
  | { readonly kind: "time"; readonly ms: bigint }
  /** As a time, so many milliseconds before now. */
  | { readonly kind: "ago"; readonly ms: bigint };

export const TIME_FORMS = "a time (2026-01-31T12:00:00Z) or @milliseconds";
export const DURATION_FORMS = "a duration (90s, 1h30m, 2d or P1DT12H)";
export const POSITION_FORMS =
  "beginning, end, an offset, -N (the last N), a time (2026-01-31T12:00:00Z, @milliseconds) or -DURATION (-1h30m)";

const OFFSET_MAX = 2n ** 63n - 1n;

/** The place that `text` names, or undefined when it names none. */
export function parsePosition(text: string): Position | undefined {
  if (text === "beginning" || text === "earliest" || text === "start") return { kind: "beginning" };
  if (text === "end" || text === "latest") return { kind: "end" };
  if (/^-?\d+$/.test(text)) {
    const number = BigInt(text);
    if (number > OFFSET_MAX || number < -OFFSET_MAX) return undefined;
    return text.startsWith("-") ? { kind: "last", count: -number } : { kind: "offset", offset: number };
  }
  if (text.startsWith("-")) {
    const ago = parseDuration(text.slice(1));
    return ago === undefined ? undefined : { kind: "ago", ms: ago };
  }
  const ms = parseTime(text);
  return ms === undefined ? undefined : { kind: "time", ms };
}

const TIME =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2})(?::(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/i;

/**
 * Milliseconds since 1970 of an ISO date or time, in UTC unless it names its zone, or of `@milliseconds`. Between two
 * milliseconds it is the later one: a record that carries the earlier one is not of this time or later.
 */
export function parseTime(text: string): bigint | undefined {
  if (/^@\d{1,18}$/.test(text)) return BigInt(text.slice(1));
  const [, date, hours = "00", minutes = "00", seconds = "00", fraction = "", zone = "Z"] = TIME.exec(text) ?? [];
  if (date === undefined) return undefined;
  const day = Date.parse(`${date}T00:00Z`);
  // Date.parse takes the 31st of every month.
  if (Number.isNaN(day) || !new Date(day).toISOString().startsWith(date)) return undefined;
  const utcOffset = zone.toUpperCase().replace(/^([+-]\d{2}):?(\d{2})?$/, (_, h: string, m = "00") => `${h}:${m}`);
  const ms = Date.parse(`${date}T${hours}:${minutes}:${seconds}${utcOffset}`);
  return Number.isNaN(ms) ? undefined : BigInt(ms) + ceilingMs(fraction);
}

function ceilingMs(fraction: string): bigint {
  const nanoseconds = BigInt(fraction.padEnd(9, "0"));
  return (nanoseconds + 999_999n) / 1_000_000n;
}

const UNITS_MS = { w: 604_800_000n, d: 86_400_000n, h: 3_600_000n, m: 60_000n, s: 1000n } as const;
const SHORT_DURATION = /^(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})(?:\.(\d{1,3}))?s)?$/i;
const ISO_DURATION =
  /^P(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?=\d)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.(\d{1,3}))?S)?)?$/i;

/** Milliseconds of a duration, as `1h30m` or in ISO 8601. There are no months and years: they differ in length. */
export function parseDuration(text: string): bigint | undefined {
  const found = ISO_DURATION.exec(text) ?? SHORT_DURATION.exec(text);
  if (found === null || !found.slice(1).some((part) => part !== undefined)) return undefined;
  const [weeks = "0", days = "0", hours = "0", minutes = "0", seconds = "0", fraction = ""] = found.slice(1);
  const { w, d, h, m, s } = UNITS_MS;
  const whole = BigInt(weeks) * w + BigInt(days) * d + BigInt(hours) * h + BigInt(minutes) * m + BigInt(seconds) * s;
  return whole + BigInt(fraction.padEnd(3, "0"));
}
