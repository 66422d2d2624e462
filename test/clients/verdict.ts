/** What crash-suite.ts makes of a client's report. */

/** What a client found in a topic. */
export interface Comparison {
  /** All that it read, duplicates included. */
  readonly records: number;
  readonly problems: readonly string[];
  /** Records sent whose offset the library does not know. */
  readonly withoutOffset: number;
  /** Records read again, beyond the first of their kind. */
  readonly duplicates: number;
}

export interface Allowance {
  /** For producers that are not idempotent, and whose answers a kill took away. */
  readonly duplicates: boolean;
  readonly withoutOffset: boolean;
}

/** What is wrong with a topic to which `sent` records were sent. */
export function complaints(comparison: Comparison, sent: number, allowance: Allowance): readonly string[] {
  const { records, problems, withoutOffset, duplicates } = comparison;
  const all = [...problems];
  // What the client says is lost or unknown shows here too, whatever the client makes of it.
  if (records - duplicates !== sent) all.push(`${records - duplicates} different records are there of ${sent}`);
  if (duplicates > 0 && !allowance.duplicates) all.push(`${duplicates} records are there again`);
  if (withoutOffset > 0 && !allowance.withoutOffset) all.push(`${withoutOffset} records were sent without an offset`);
  return all;
}
