/** The thread that reads regions of files for whoever catches up: see `io/thread-region-reads.ts`. */
import { parentPort, workerData } from "node:worker_threads";
import { createNodeDisk } from "./io/node-disk.ts";
import type { ReadAnswer, ReadMessage } from "./io/thread-region-reads.ts";
import { DiskRegionReads } from "./log/disk-region-reads.ts";
import { WAL_FOLDER } from "./log/wal-file.ts";

const { folder, memory, logInMemory } = workerData as {
  readonly folder: string;
  readonly memory: SharedArrayBuffer;
  /** The log is written through the system's memory, and what was written lately is there. */
  readonly logInMemory: boolean;
};
const port = parentPort!;
const answer = (message: ReadAnswer): void => port.postMessage(message);
const disk = createNodeDisk(folder);
const pastMemory = await disk.syncedWrites(WAL_FOLDER);
const reads = new DiskRegionReads(disk, {
  ...pastMemory,
  open: (name) => (logInMemory && name.startsWith(`${WAL_FOLDER}/`) ? disk.open(name, "read") : pastMemory.open(name)),
});
port.on("message", (message: ReadMessage) => {
  if (message === "release") return reads.release();
  if ("forget" in message) return reads.forget(message.forget);
  const { id, memoryAt, memoryBytes, read } = message;
  reads.read({ ...read, memory: Buffer.from(memory, memoryAt, memoryBytes) }).then(
    (result) => answer({ id, result }),
    () => answer({ id }), // the other side tries as well, and says why it does not work
  );
});
