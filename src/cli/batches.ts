/** Batches as the client library can write them. */

/**
 * A record's timestamp is written as its distance from that of the first one in its batch, and the library writes a distance
 * of 2^31 ms (25 days) or more as another number (int64ZigZagEncode of @platformatic/dynamic-buffer 0.3.1).
 */
const DISTANCE_LIMIT_MS = 2n ** 31n;

/** The records in their order, cut where one is too far in time from the first of its batch. */
export function closeInTime<T>(records: readonly T[], timestampOf: (record: T) => bigint): readonly (readonly T[])[] {
  const batches: T[][] = [];
  for (const record of records) {
    const batch = batches.at(-1);
    const distance = batch === undefined ? 0n : timestampOf(record) - timestampOf(batch[0]!);
    if (batch === undefined || distance >= DISTANCE_LIMIT_MS || distance < -DISTANCE_LIMIT_MS) batches.push([record]);
    else batch.push(record);
  }
  return batches;
}
