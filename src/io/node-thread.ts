/**
 * Children as threads of this process: a thread costs some 10 MB and starts in 30 ms, a process three times that. What
 * crashes a thread (an exception, memory) ends only the thread, and one that hangs can be ended.
 */
import { Worker } from "node:worker_threads";
import type { Child, ChildEvents, ChildLauncher } from "../ports/child.ts";

export interface ThreadOptions {
  /** The module that the thread runs. */
  readonly entry: URL;
  /** What `workerData` is in it. */
  readonly data: unknown;
  /** JavaScript heap of the thread; buffers come on top. */
  readonly heapMegabytes: number;
}

export function createThreadLauncher({ entry, data, heapMegabytes }: ThreadOptions): ChildLauncher {
  return {
    launch(events: ChildEvents): Child {
      const worker = new Worker(entry, {
        workerData: data,
        resourceLimits: { maxOldGenerationSizeMb: heapMegabytes },
      });
      let reason = "it ended";
      worker.on("message", (message: unknown) => events.message(message));
      worker.on("error", (error: unknown) => {
        reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      });
      worker.on("exit", () => events.ended(reason));
      worker.unref();
      return {
        send: (message) => worker.postMessage(message),
        end: () => void worker.terminate(),
      };
    },
  };
}
