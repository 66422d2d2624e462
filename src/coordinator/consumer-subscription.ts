/**
 * The one thing a broker reads in the metadata of a classic consumer: which topics it is subscribed to. All else in
 * there is between the members. Metadata is `version int16, topics [string], …`, and every version begins like that.
 */
import { MalformedMessage, Reader } from "../protocol/codec/reader.ts";

/** Members of this protocol type speak the consumers' protocol. */
export const CONSUMER_PROTOCOL_TYPE = "consumer";

/** The topics, or undefined when the bytes are no subscription. */
export function subscribedTopics(metadata: Buffer): string[] | undefined {
  const reader = new Reader(metadata);
  try {
    if (reader.int16() < 0) return undefined;
    const topics: string[] = [];
    for (let left = reader.int32(); left > 0; left -= 1) topics.push(reader.string());
    return topics;
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined;
    throw error;
  }
}
