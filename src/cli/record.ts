/** A record as the command line handles it: bytes that nothing has interpreted. */
import type { Buffer } from "node:buffer";

/** In the order they were written; a key may come more than once. */
export type Headers = readonly (readonly [key: Buffer, value: Buffer | null])[];

export interface NewRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Headers;
  /** Undefined: chosen by the key, as Kafka's clients do. */
  readonly partition?: number | undefined;
  /** Milliseconds since 1970. Undefined: now. */
  readonly timestamp?: bigint | undefined;
}

export type TimedRecord = NewRecord & { readonly timestamp: bigint };

export interface StoredRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestamp: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Headers;
}
