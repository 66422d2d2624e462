/** What differs between two normalized answers, and which of it is listed. */
import type { Difference } from "./differences.ts";
import { isStruct } from "./side.ts";

export interface Mismatch {
  readonly api: string;
  readonly version: number;
  /** Without indexes: `topics[].partitions[].errorCode`. Empty for the answer as a whole. */
  readonly path: string;
  readonly kafka: unknown;
  readonly chronik: unknown;
}

type Where = Pick<Mismatch, "api" | "version">;

export function mismatches(kafka: unknown, chronik: unknown, where: Where, path = ""): Mismatch[] {
  if (Array.isArray(kafka) && Array.isArray(chronik) && kafka.length === chronik.length) {
    return kafka.flatMap((each, index) => mismatches(each, chronik[index], where, `${path}[]`));
  }
  if (isStruct(kafka) && isStruct(chronik)) {
    const names = new Set([...Object.keys(kafka), ...Object.keys(chronik)]);
    return [...names].flatMap((name) =>
      mismatches(kafka[name], chronik[name], where, path === "" ? name : `${path}.${name}`),
    );
  }
  return JSON.stringify(kafka) === JSON.stringify(chronik) ? [] : [{ ...where, path, kafka, chronik }];
}

/** Counts how often each listed difference came up: one that never does is not true any more. */
export class Listed {
  readonly #differences: readonly Difference[];
  readonly #used = new Set<Difference>();

  constructor(differences: readonly Difference[]) {
    this.#differences = differences;
  }

  /** The answer without elements that are listed as missing on one side. */
  without(answer: unknown, api: string): unknown {
    let left = answer;
    for (const difference of this.#differences) {
      const { leftOut } = difference;
      if (leftOut === undefined || !difference.apis.includes(api)) continue;
      left = filtered(left, leftOut, () => this.#used.add(difference));
    }
    return left;
  }

  isListed(mismatch: Mismatch): boolean {
    const found = this.#differences.filter(
      ({ apis, covers }) => apis.includes(mismatch.api) && covers?.(mismatch) === true,
    );
    for (const difference of found) this.#used.add(difference);
    return found.length > 0;
  }

  unused(): readonly Difference[] {
    return this.#differences.filter((each) => each.byChance !== true && !this.#used.has(each));
  }
}

function filtered(value: unknown, leftOut: (element: unknown) => boolean, used: () => void): unknown {
  if (Array.isArray(value)) {
    const kept = value.filter((each) => !leftOut(each));
    if (kept.length < value.length) used();
    return kept.map((each) => filtered(each, leftOut, used));
  }
  if (!isStruct(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, filtered(each, leftOut, used)]));
}
