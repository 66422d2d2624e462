/**
 * Reads regions in a thread of their own, once there was so much to read that it pays: going over gigabytes would take a third
 * of the time of the one thread that serves everybody. Until then, where no thread can be had, and what a thread
 * could not read, is read in this one. The thread stays, since another one would have compiled nothing; of its memory
 * nothing is kept while nobody reads.
 */
import type { Child, ChildLauncher } from "../ports/child.ts";
import type { RegionRead, RegionReadResult, RegionReads } from "../ports/region-reads.ts";
import { alignedSharedBuffer } from "./direct-writes.ts";
import { freePages } from "./huge-pages.ts";

/** A thread costs as much processor time as reading this, and 17 MB of memory. */
const WORTH_BYTES = 64 * 1024 * 1024;
/** Behind a thread that failed so much is read without one: the next may fail as well. */
const RETRY_BYTES = 4 * 1024 * 1024 * 1024;

/** What the thread is told: to read, to let go of a file, or of all. */
export type ReadMessage = ReadRequest | { readonly forget: string } | "release";

/** `read` is without its memory, of which the thread has all. */
export interface ReadRequest {
  readonly id: number;
  /** Where the region begins in the memory that is shared. */
  readonly memoryAt: number;
  readonly memoryBytes: number;
  readonly read: Omit<RegionRead, "memory">;
}

/** `result` is missing when it could not be read. */
export interface ReadAnswer {
  readonly id: number;
  readonly result?: RegionReadResult;
}

interface Pending {
  readonly request: RegionRead;
  readonly resolve: (result: RegionReadResult | Promise<RegionReadResult>) => void;
}

export class ThreadRegionReads implements RegionReads {
  readonly #launcher: (memory: SharedArrayBuffer) => ChildLauncher;
  readonly #here: RegionReads;
  readonly #log: (line: string) => void;
  #memory: Buffer<SharedArrayBuffer> | undefined;
  #child: Child | undefined;
  readonly #pending = new Map<number, Pending>();
  #requests = 0;
  /** Read since the last thread ended. */
  #bytes = 0;
  #closed = false;

  /** `here`: the other way. `launcher`: of threads that have this memory. */
  constructor(options: {
    readonly launcher: (memory: SharedArrayBuffer) => ChildLauncher;
    readonly here: RegionReads;
    readonly log: (line: string) => void;
  }) {
    this.#launcher = options.launcher;
    this.#here = options.here;
    this.#log = options.log;
  }

  allocate(sizeBytes: number): Buffer {
    this.#memory ??= alignedSharedBuffer(sizeBytes);
    return this.#memory;
  }

  read(request: RegionRead): Promise<RegionReadResult> {
    this.#bytes += request.to - request.from;
    if (this.#child === undefined && this.#bytes > WORTH_BYTES) this.#launch();
    const child = this.#child;
    if (child === undefined) return this.#here.read(request);
    const id = (this.#requests += 1);
    return new Promise((resolve) => {
      this.#pending.set(id, { request, resolve });
      const { memory, ...read } = request;
      const message: ReadMessage = { id, memoryAt: memory.byteOffset, memoryBytes: memory.length, read };
      child.send(message);
    });
  }

  forget(name: string): void {
    this.#here.forget(name);
    const message: ReadMessage = { forget: name };
    this.#child?.send(message);
  }

  release(): void {
    this.#here.release();
    const message: ReadMessage = "release";
    this.#child?.send(message);
    if (this.#memory !== undefined) freePages(this.#memory);
  }

  close(): void {
    this.#closed = true;
    this.#here.close();
    this.#child?.end();
  }

  #launch(): void {
    this.#bytes = 0;
    if (this.#closed || this.#memory === undefined) return;
    try {
      const child = this.#launcher(this.#memory.buffer).launch({
        message: (message) => this.#take(message as ReadAnswer),
        ended: (reason) => this.#ended(child, reason),
      });
      this.#child = child;
    } catch (error) {
      this.#bytes = WORTH_BYTES - RETRY_BYTES;
      const why = error instanceof Error ? error.message : String(error);
      this.#log(`warning: no thread for reading could be started: ${why}`);
    }
  }

  #take({ id, result }: ReadAnswer): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    pending.resolve(result ?? this.#here.read(pending.request));
  }

  /** Nothing is written into the memory any more then: what the thread had begun can be read again. */
  #ended(child: Child, reason: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#bytes = WORTH_BYTES - RETRY_BYTES;
    if (!this.#closed) this.#log(`warning: the thread that reads files ended (${reason})`);
    for (const { request, resolve } of this.#pending.values()) resolve(this.#here.read(request));
    this.#pending.clear();
  }
}
