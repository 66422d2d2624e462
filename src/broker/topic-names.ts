/** Which topic names are legal, as in Kafka. They go into no file name here, but other tools make some of them. */
import { boundedMessage } from "./error-message.ts";

export const MAX_TOPIC_NAME_LENGTH = 249;
const LEGAL = /^[a-zA-Z0-9._-]+$/;

/** What is wrong with a name, in Kafka's words; undefined when nothing is. */
export function topicNameProblem(name: string): string | undefined {
  if (name === "") return "Topic name is invalid: the empty string is not allowed";
  if (name === "." || name === "..") return "Topic name is invalid: '.' or '..' is not allowed";
  if (name.length > MAX_TOPIC_NAME_LENGTH) {
    return boundedMessage(
      `Topic name is invalid: the length of '${name}' is longer than the max allowed length ${MAX_TOPIC_NAME_LENGTH}`,
    );
  }
  if (LEGAL.test(name)) return undefined;
  return `Topic name is invalid: '${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`;
}

/** Topics that clients should not write to. */
export function isInternalTopic(name: string): boolean {
  return name === "__consumer_offsets" || name === "__transaction_state" || name === "__share_group_state";
}
