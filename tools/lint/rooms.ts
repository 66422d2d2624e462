/**
 * The rooms of `src/`: the one table of what may import what. docs/ARCHITECTURE.md shows it to people, and a test keeps
 * the two the same.
 */

/**
 * Each room, with the rooms it builds upon. It may import those, and all that they build upon. `main` (the file
 * `main.ts`) puts the parts together, `storage-worker` and `reader-thread` those of
 * two threads; `io` is known to nothing but these and the command line.
 */
const BUILT_UPON = {
  base: [],
  ports: ["base"],
  config: ["base"],
  protocol: ["ports"],
  log: ["protocol", "config"],
  state: ["log"],
  coordinator: ["state"],
  storage: ["state"],
  broker: ["coordinator", "storage"],
  indexer: ["storage"],
  query: ["storage"],
  http: ["broker"],
  io: ["ports"],
  main: ["http", "indexer", "query", "io"],
  "storage-worker": ["storage", "io"],
  "reader-thread": ["log", "io"],
  cli: ["main"],
} as const satisfies Record<string, readonly string[]>;

export type Room = keyof typeof BUILT_UPON;

export const ROOMS = Object.keys(BUILT_UPON) as readonly Room[];

/** Every other room that `room` may import. */
export function mayImport(room: Room): ReadonlySet<Room> {
  const rooms = new Set<Room>();
  for (const below of BUILT_UPON[room]) {
    rooms.add(below);
    for (const deeper of mayImport(below)) rooms.add(deeper);
  }
  return rooms;
}

/** Node's modules that compute and touch nothing else: open to every room. All others reach the world outside. */
export const PURE_MODULES: ReadonlySet<string> = new Set(
  ["assert", "buffer", "crypto", "events", "path", "path/posix", "string_decoder", "url", "util", "zlib"].map(
    (name) => `node:${name}`,
  ),
);

/** Modules for single rooms, beside the pure ones. `io` may import every module of Node. */
export const MODULES: { readonly [R in Room]?: ReadonlySet<string> } = {
  protocol: new Set(["node:module"]), // the native codecs are loaded when first needed
  http: new Set(["node:http", "node:stream"]),
  main: new Set(["node:process", "node:os", "node:module"]),
  "storage-worker": new Set(["node:process", "node:os", "node:worker_threads"]),
  "reader-thread": new Set(["node:worker_threads"]),
  cli: new Set(["node:process", "node:os", "node:module"]),
};

/** The rooms that each dependency belongs to. A new dependency is entered here, with its reason in docs/decisions/. */
export const PACKAGES: { readonly [name: string]: readonly Room[] } = {
  "@hono/node-server": ["http"],
  "@node-rs/crc32": ["base"],
  "@platformatic/kafka": ["cli"],
  commander: ["cli"],
  hono: ["http"],
  "lz4-napi": ["protocol"],
  "prom-client": ["http"],
  re2js: ["coordinator"],
  snappy: ["protocol"],
};

/** What to use in place of a module that reaches the world outside. */
export const REPLACEMENTS: { readonly [module: string]: string } = {
  "node:fs": "use a Disk (src/ports/disk.ts)",
  "node:fs/promises": "use a Disk (src/ports/disk.ts)",
  "node:net": "use a Network (src/ports/network.ts)",
  "node:perf_hooks": "use a Clock (src/ports/clock.ts)",
  "node:timers": "use Clock.schedule or Clock.defer (src/ports/clock.ts)",
  "node:timers/promises": "use Clock.schedule (src/ports/clock.ts)",
};
