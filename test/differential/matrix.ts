/** How many answers were equal, by API and version. */
import type { Exchange } from "./harness.ts";

interface Count {
  equal: number;
  different: number;
}

export class Matrix {
  readonly #counts = new Map<string, Count[]>();
  equal = 0;
  different = 0;

  count({ api, version, problems }: Exchange): void {
    const versions = this.#counts.get(api) ?? [];
    this.#counts.set(api, versions);
    const count = (versions[version] ??= { equal: 0, different: 0 });
    const result = problems.length === 0 ? "equal" : "different";
    count[result]++;
    this[result]++;
  }

  /** A line for each API: version, equal answers, and behind a "!" those that were not. */
  table(): string {
    const lines = [...this.#counts]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([api, versions]) => {
        const cells = versions.map(({ equal, different }, version) => {
          return `${version}:${equal}${different > 0 ? `!${different}` : ""}`;
        });
        return `${api.padEnd(28)}${cells.filter(() => true).join(" ")}`;
      });
    return ["Equal answers by API and version:", ...lines].join("\n");
  }
}
