/** The thread that reads regions of files for whoever catches up: see `io/thread-region-reads.ts`. */
import { parentPort, workerData } from "node:worker_threads";
import { readRegion } from "./io/region-reader.ts";
import type { ReadAnswer, ReadRequest } from "./io/thread-region-reads.ts";
import { RecordEnds } from "./log/record-ends.ts";
import { verifiedRecordsEnd } from "./log/wal-record.ts";

const { folder, memory } = workerData as { readonly folder: string; readonly memory: SharedArrayBuffer };
const port = parentPort!;
const ends = new RecordEnds();
const answer = (message: ReadAnswer): void => port.postMessage(message);
port.on("message", ({ id, memoryAt, memoryBytes, read }: ReadRequest) => {
  try {
    const request = { ...read, memory: Buffer.from(memory, memoryAt, memoryBytes), recordAt: ends.startOf(read) };
    const result = readRegion(folder, request, verifiedRecordsEnd);
    ends.done(read, result.verifiedTo);
    answer({ id, result });
  } catch {
    answer({ id }); // the other side tries as well, and says why it does not work
  }
});
