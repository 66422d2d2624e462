/** A thread that does what it is told, for `child.test.ts`. */
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";

const eaten: unknown[] = [];

parentPort!.on("message", ({ what, value }: { readonly what: string; readonly value?: unknown }) => {
  switch (what) {
    case "data":
      return parentPort!.postMessage(workerData);
    case "echo":
      return parentPort!.postMessage(value);
    case "throw":
      throw new Error(String(value));
    case "reject":
      void Promise.reject(new Error(String(value)));
      return;
    case "eat":
      for (;;) eaten.push(Array.from({ length: 1000 }, (_, index) => ({ index })));
    case "exit":
      return process.exit(3);
    case "spin":
      parentPort!.postMessage("spinning");
      for (;;) eaten.length = 0;
  }
});
