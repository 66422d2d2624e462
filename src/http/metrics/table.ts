/** All metrics, as /metrics gives them and docs/metrics.md lists them. A new one is a line in one of the sections. */
import { MEMORY } from "./memory.ts";
import type { Section } from "./metric.ts";
import { PROCESS } from "./process.ts";
import { RECORDS, TOPICS_AND_GROUPS } from "./records.ts";
import { CONNECTIONS, REQUESTS } from "./requests.ts";
import { SEGMENTS } from "./segments.ts";
import { DISK, LOG, RECOVERY } from "./storage.ts";

export const SECTIONS: readonly Section[] = [
  REQUESTS,
  RECORDS,
  CONNECTIONS,
  LOG,
  SEGMENTS,
  DISK,
  RECOVERY,
  MEMORY,
  TOPICS_AND_GROUPS,
  PROCESS,
];
