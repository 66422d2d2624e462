/**
 * The processor time that the host of a virtual machine gave to others. A figure from a time when that was much is one of
 * the host: so it is measured with each case, and reports can leave such cases out.
 */
import { readFileSync } from "node:fs";

/** Processor time since the start of the machine, in ticks of the kernel. */
export interface ProcessorTime {
  readonly all: number;
  readonly stolen: number;
}

/** Of the columns user, nice, system, idle, iowait, irq, softirq and steal of /proc/stat (proc(5)); guests are in user already. */
const COLUMNS = 8;

export function processorTime(stat = readFileSync("/proc/stat", "latin1")): ProcessorTime {
  const [, ...columns] = stat
    .slice(0, stat.indexOf("\n"))
    .split(/ +/)
    .slice(0, COLUMNS + 1)
    .map(Number);
  return { all: columns.reduce((sum, each) => sum + each, 0), stolen: columns[COLUMNS - 1] ?? 0 };
}

/** Percent of all processors, between two readings. */
export function stolenPercent(from: ProcessorTime, to: ProcessorTime): number {
  return to.all === from.all ? 0 : (100 * (to.stolen - from.stolen)) / (to.all - from.all);
}
