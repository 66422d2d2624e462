/** Places in a partition, as people name them. */

export type Position =
  | { readonly kind: "beginning" | "end" }
  | { readonly kind: "offset"; readonly offset: bigint }
  /** So many offsets before the end. */
  | { readonly kind: "last"; readonly count: bigint }
  /** The first record of this time or later. Milliseconds since 1970. */
  | { readonly kind: "time"; readonly ms: bigint };

export const POSITION_FORMS =
  "beginning, end, an offset, -N (the last N), a time (2026-01-31T12:00:00Z) or @milliseconds";

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
  const ms = parseTime(text);
  return ms === undefined ? undefined : { kind: "time", ms };
}

/** Milliseconds since 1970 of an ISO date or time, in UTC unless it names its zone, or of `@milliseconds`. */
export function parseTime(text: string): bigint | undefined {
  if (/^@\d{1,18}$/.test(text)) return BigInt(text.slice(1));
  const [, date, time, zone] =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i.exec(text) ?? [];
  if (date === undefined) return undefined;
  const day = Date.parse(`${date}T00:00Z`);
  // Date.parse takes the 31st of every month.
  if (Number.isNaN(day) || !new Date(day).toISOString().startsWith(date)) return undefined;
  const utcOffset = zone === undefined ? "Z" : zone.replace(/^([+-]\d{2})(\d{2})$/, "$1:$2");
  const ms = Date.parse(`${date}T${time ?? "00:00"}${utcOffset.toUpperCase()}`);
  return Number.isNaN(ms) ? undefined : BigInt(ms);
}
