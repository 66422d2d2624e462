/**
 * Where the error codes of an answer lie: of the answer as a whole, of each topic, partition or group in it. The schema
 * tells, so no handler has to count its errors.
 */
import type { Fields } from "../protocol/codec/schema.ts";
import { ErrorCode } from "../protocol/errors.ts";

const FIELD = "errorCode";
const LOWEST_CODE = ErrorCode.UNKNOWN_SERVER_ERROR;

/** What to look at in a struct. */
export interface ErrorPlaces {
  /** Whether the struct has an error code itself. */
  readonly here: boolean;
  /** Its fields, arrays of structs, in which there are more. */
  readonly within: readonly { readonly field: string; readonly places: ErrorPlaces }[];
}

type Struct = Readonly<Record<string, unknown>>;

export function errorPlaces(fields: Fields): ErrorPlaces {
  const within = Object.entries(fields).flatMap(([field, schema]) => {
    if (schema.type !== "array" || schema.element.type !== "struct") return [];
    const places = errorPlaces(schema.element.fields);
    return places.here || places.within.length > 0 ? [{ field, places }] : [];
  });
  return { here: FIELD in fields, within };
}

/** How often each error code came up. In an array, as a map would cost as much again as finding the codes. */
export class ErrorCounts {
  /** By code, from the lowest on. */
  readonly #counts: number[] = [];

  add(code: number): void {
    const index = code - LOWEST_CODE;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  of(code: number): number {
    return this.#counts[code - LOWEST_CODE] ?? 0;
  }

  /** The codes that came up, with how often. */
  entries(): [code: number, count: number][] {
    return Object.entries(this.#counts).map(([index, count]) => [Number(index) + LOWEST_CODE, count]);
  }
}

/** Adds every error code in `value` to `counts`, NONE included; one that is left out is NONE. */
export function countErrors(places: ErrorPlaces, value: object, counts: ErrorCounts): void {
  const struct = value as Struct;
  if (places.here) {
    counts.add((struct[FIELD] as number | undefined) ?? ErrorCode.NONE);
  }
  for (const { field, places: inside } of places.within) {
    const elements = struct[field] as readonly object[] | null | undefined;
    if (elements === undefined || elements === null) continue;
    for (const element of elements) countErrors(inside, element, counts);
  }
}
