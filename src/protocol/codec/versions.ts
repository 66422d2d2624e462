/** Version ranges as Kafka's message specifications write them: "3", "0-12", "9+" and "none". */

/** How a schema writes a range. */
export type VersionText = "none" | `${number}` | `${number}+` | `${number}-${number}`;

/** Inclusive; empty when `min` > `max`. An open range ends at `LAST_VERSION`. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** Versions are int16 on the wire. */
export const LAST_VERSION = 0x7fff;

export const ALL_VERSIONS: VersionRange = { min: 0, max: LAST_VERSION };
export const NO_VERSIONS: VersionRange = { min: 1, max: 0 };

/** @throws SyntaxError when `text` is not a range. */
export function parseVersions(text: string): VersionRange {
  if (text === "none") return NO_VERSIONS;
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text);
  if (match === null) throw new SyntaxError(`"${text}" is not a version range such as 3, 0-12 or 9+`);
  const min = Number(match[1]);
  const max = match[2] === "+" ? LAST_VERSION : Number(match[3] ?? min);
  if (min > max || max > LAST_VERSION) throw new SyntaxError(`"${text}" is an empty or too high version range`);
  return { min, max };
}

export function hasVersion(range: VersionRange, version: number): boolean {
  return version >= range.min && version <= range.max;
}
