/** The storage worker's thread: jobs come as messages, and so do the answers. */
import os from "node:os";
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { createNodeClock } from "./io/node-clock.ts";
import { createNodeDisk } from "./io/node-disk.ts";
import { takeUsualSlices } from "./io/time-slices.ts";
import type { Request } from "./storage/jobs.ts";
import { StorageWorker } from "./storage/worker.ts";

/** It gets what the broker and its clients leave: of Linux, where this is of the calling thread alone. */
const NICENESS = 19;

const { folder } = workerData as { readonly folder: string };
takeUsualSlices();
try {
  if (process.platform === "linux") os.setPriority(0, NICENESS);
} catch {
  // not allowed here: then it competes with the broker on equal terms
}
const port = parentPort!;
const worker = new StorageWorker(createNodeDisk(folder), createNodeClock(), (answer) => port.postMessage(answer));
port.on("message", (request: Request) => void worker.take(request));
