/**
 * JSON without rounding: whole numbers beyond 2^53 are bigints when read, and bigints are written as plain numbers. An
 * offset or `retention.ms` comes out with all of its digits.
 */

/** Newer than the language version the compiler knows; every Node.js that runs this has it. */
const { rawJSON } = JSON as unknown as { rawJSON(this: void, text: string): unknown };

/** One line of JSON. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? rawJSON(String(part)) : part));
}

/** @throws SyntaxError */
export function parseJson(text: string): unknown {
  const exact = (_: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? BigInt(context!.source!)
      : value;
  return JSON.parse(text, exact);
}
