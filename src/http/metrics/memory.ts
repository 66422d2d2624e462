/** What the broker's own bounds are used for. */
import { gauges, type Scrape, type Section, type Series } from "./metric.ts";

interface Budget {
  /** Value of the label. */
  readonly name: string;
  /** What it is for, for people. */
  readonly of: string;
  readonly used: (scrape: Scrape) => number;
  readonly limit: (scrape: Scrape) => number;
  readonly waiting?: (scrape: Scrape) => number;
}

const BUDGETS: readonly Budget[] = [
  {
    name: "requests",
    of: "requests that are being read",
    used: ({ broker }) => broker.requestBytes,
    limit: ({ broker }) => broker.requestLimitBytes,
    waiting: ({ broker }) => broker.waitingRequests,
  },
  {
    name: "wal_pending",
    of: "what waits to be written",
    used: ({ broker }) => broker.store.wal.pendingBytes,
    limit: ({ broker }) => broker.store.state.broker["wal.max.pending.bytes"],
  },
  {
    name: "tail_cache",
    of: "the end of the log",
    used: ({ broker }) => broker.store.blocks.memoryBytes - broker.store.blocks.lentBytes,
    limit: ({ broker }) => broker.store.state.broker["wal.tail.cache.bytes"],
  },
  {
    name: "lent_blocks",
    of: "what has left it and slow consumers still hold",
    used: ({ broker }) => broker.store.blocks.lentBytes,
    limit: ({ broker }) => broker.store.state.broker["wal.tail.cache.bytes"],
  },
  {
    name: "reads",
    of: "reads of files under way",
    used: ({ broker }) => broker.reader.busyBytes,
    limit: ({ broker }) => broker.store.state.broker["read.buffer.bytes"] / 2,
    waiting: ({ broker }) => broker.reader.waitingReads,
  },
  {
    name: "read_regions",
    of: "what was read beside and ahead",
    used: ({ broker }) => broker.reader.regionBytes,
    limit: ({ broker }) => broker.store.state.broker["read.buffer.bytes"] / 2,
  },
  {
    name: "index_cache",
    of: "indexes of closed files",
    used: ({ broker }) => broker.reader.indexCacheBytes,
    limit: ({ broker }) => broker.store.state.broker["wal.index.cache.bytes"],
  },
];

const NAMES = BUDGETS.map(({ name, of }) => `${name} (${of})`).join(", ");

export const MEMORY: Section = {
  title: "Memory and its bounds",
  metrics: [
    gauges("chronik_memory_used_bytes", ["budget"], `Memory in use, by what for: ${NAMES}.`, (scrape) =>
      BUDGETS.map(({ name, used }): Series => [[name], used(scrape)]),
    ),
    gauges(
      "chronik_memory_limit_bytes",
      ["budget"],
      "What memory in use may come to; a single larger thing, and what is kept for use again, may go beyond.",
      (scrape) => BUDGETS.map(({ name, limit }): Series => [[name], limit(scrape)]),
    ),
    gauges("chronik_memory_waiting", ["budget"], "How many wait for memory, where it is waited for.", (scrape) =>
      BUDGETS.flatMap(({ name, waiting }): Series[] => (waiting === undefined ? [] : [[[name], waiting(scrape)]])),
    ),
  ],
};
