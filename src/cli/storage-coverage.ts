/** Whether the ranges of a partition hold each of its offsets once. */
import type { PartitionLog } from "../log/partition-log.ts";

/** That every offset from the log start to the end is in exactly one range, but for what compaction has removed. */
export function coverageProblems({ ranges, logStartOffset, endOffset, cleanedTo }: PartitionLog): string[] {
  const problems: string[] = [];
  let next = logStartOffset;
  const gap = (to: number): void => {
    const from = Math.max(next, cleanedTo);
    if (to > from) problems.push(gapText(from, to));
  };
  for (const [place, range] of ranges.entries()) {
    const { firstOffset, endOffset: end, file } = range;
    if (end <= firstOffset) problems.push(`offsets ${firstOffset} to ${end} in ${file.name} are no range`);
    if (place > 0 && firstOffset < next)
      problems.push(`offsets ${firstOffset} to ${Math.min(next, end) - 1} are in two ranges, one in ${file.name}`);
    if (end <= logStartOffset)
      problems.push(`offsets ${firstOffset} to ${end - 1} in ${file.name} lie before the log start`);
    gap(firstOffset);
    next = Math.max(next, end);
  }
  gap(endOffset);
  if (next > endOffset) problems.push(`offsets ${endOffset} to ${next - 1} lie beyond the end`);
  return problems;
}

export function gapText(from: number, to: number): string {
  return to === from + 1 ? `offset ${from} is in no file` : `offsets ${from} to ${to - 1} are in no file`;
}
