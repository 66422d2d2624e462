/**
 * A part of the state that a room above this one looks after. It is given to the state when that is opened, and sees
 * every record and every slice: its own ones, and those of others that it has to follow (a topic is deleted, and with it
 * the offsets committed for it).
 */
import type { Position } from "../base/brands.ts";
import type { Slice, StateRecord } from "./state-record.ts";

export interface Fold {
  /** Live and in recovery alike. `position` is the record's own; what a slice has brought is in the fold already. */
  apply(record: StateRecord, position: number): void;
  /**
   * Slices for a snapshot, taken one after the other while the log goes on. Each is of one moment, and stamped with
   * `now()` of that moment: records before it are in the slice, and do not count for it in a replay.
   */
  slices(now: () => Position): Iterable<Slice>;
  restore(slice: Slice): void;
  /** Records may have been lost, and the operator accepts it: what they may have given out must not be given out again. */
  skipLost(): void;
}
