/** Error messages in answers. They quote what the peer sent, which can be as long as any string of the protocol. */

/** Far below the protocol's limit of 32767 bytes, whatever the characters. */
const MAX_CHARACTERS = 1000;

/** `text`, cut when it would not fit into an answer. */
export function boundedMessage(text: string): string {
  return text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS)}…`;
}
