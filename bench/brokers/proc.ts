/** What /proc of Linux says about a process group and about a port. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

/** Ticks a second of the times in /proc/PID/stat: USER_HZ, 100 on every Linux that Node supports. */
const TICKS_PER_SECOND = 100;

export interface Usage {
  /** User and system time of all threads and of ended children, since the start. */
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  readonly peakMemoryBytes: number;
}

/** CPU and resident memory of all living processes of a group, summed. */
export function groupUsage(groupId: number): Usage {
  let cpuSeconds = 0;
  let memoryBytes = 0;
  let peakMemoryBytes = 0;
  for (const member of members(groupId)) {
    cpuSeconds += member.cpuSeconds;
    const status = readProc(`${member.pid}/status`);
    memoryBytes += statusBytes(status, "VmRSS");
    peakMemoryBytes += statusBytes(status, "VmHWM");
  }
  return { cpuSeconds, memoryBytes, peakMemoryBytes };
}

/** File descriptors of all living processes of a group, sockets and pipes included. */
export function groupOpenFiles(groupId: number): number {
  return members(groupId).reduce((count, { pid }) => count + readdirSync(`/proc/${pid}/fd`).length, 0);
}

/** Sets the peak of each member's memory back to what it has now (see clear_refs in proc(5)). */
export function resetPeakMemory(groupId: number): void {
  for (const { pid } of members(groupId)) writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Bytes waiting in the receive queues of a port's sockets. The listening socket, which counts connections, is left out. */
export function unreadBytes(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  let total = 0;
  for (const table of ["net/tcp", "net/tcp6"]) {
    for (const line of readProc(table).split("\n").slice(1)) {
      const [, localAddress, , state, queues] = line.trim().split(/\s+/);
      if (state !== "01" || localAddress?.endsWith(local) !== true) continue; // 01: established
      total += Number.parseInt(queues?.split(":")[1] ?? "0", 16);
    }
  }
  return total;
}

interface Member {
  readonly pid: number;
  readonly cpuSeconds: number;
}

function members(groupId: number): Member[] {
  const found: Member[] = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    // "PID (name) state ppid pgrp …": the name may hold anything, so count from its last parenthesis.
    const stat = readProc(`${entry}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(fields[2]) !== groupId) continue;
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0); // utime stime cutime cstime
    found.push({ pid: Number(entry), cpuSeconds: ticks / TICKS_PER_SECOND });
  }
  return found;
}

/** The file's text; empty when the process has ended meanwhile. */
function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, "utf8");
  } catch {
    return "";
  }
}

function statusBytes(status: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status);
  return match === null ? 0 : Number(match[1]) * 1024;
}
