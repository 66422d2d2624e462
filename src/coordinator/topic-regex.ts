/**
 * Subscriptions by regular expression (KIP-848), in RE2's syntax. The engine is linear in the length of the name: an
 * expression that a client gives must not be able to stop the broker.
 */
import { RE2JS, RE2JSSyntaxException } from "re2js";

export type TopicPattern = (topicName: string) => boolean;

/** A test for whole names, or what is wrong with the expression. */
export function compileTopicRegex(regex: string): TopicPattern | { readonly problem: string } {
  try {
    const pattern = RE2JS.compile(regex);
    return (topicName) => pattern.matches(topicName);
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) return { problem: error.getDescription() };
    throw error;
  }
}
