/** How the log's own messages are defined: like those of the protocol, flexible from their first version on. */
import { defineMessage, type MessageSchema } from "../protocol/codec/schema.ts";

/** Defines a state record or a slice of a snapshot. */
export function record<const F extends MessageSchema["fields"]>(name: string, fields: F): MessageSchema<F> {
  return defineMessage({ name, valid: "0", flexible: "0+", fields });
}
