/**
 * Numbers that must not be mixed up. A brand exists only for the compiler; at run time each is a plain number.
 */
declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** The place of a record in its partition: 0, 1, 2, … Always a safe integer. */
export type Offset = Branded<"Offset">;

/** A byte position in the write-ahead log, counted from the first byte ever written, across all its files. */
export type Position = Branded<"Position">;

/** @throws RangeError when the value is not a safe integer of at least 0. */
export function toOffset(value: number): Offset {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`offset ${value} is not in 0..2^53-1`);
  return value as Offset;
}

/** @throws RangeError when the value is not a safe integer of at least 0. */
export function toPosition(value: number): Position {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`position ${value} is not in 0..2^53-1`);
  return value as Position;
}
