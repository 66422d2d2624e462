/** What was probably meant by a name that does not exist. */

/** The known name with the fewest typing errors, or undefined when none is near. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  // One error in four characters is a slip; more is another word.
  let fewest = Math.floor(name.length / 4) + 1;
  for (const candidate of known) {
    const errors = typingErrors(name, candidate, fewest);
    if (errors < fewest) [best, fewest] = [candidate, errors];
  }
  return best;
}

/**
 * How many characters were left out, added, replaced or swapped with their neighbour (optimal string alignment).
 * `limit` stands for every result of at least `limit`.
 */
function typingErrors(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let twoAgo: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        last[column]! + 1,
        current[column - 1]! + 1,
        last[column - 1]! + (same ? 0 : 1),
        swapped ? twoAgo[column - 2]! + 1 : limit,
      );
    }
    [twoAgo, last] = [last, current];
  }
  return Math.min(last[b.length]!, limit);
}
