/** How the log's own messages are defined: like those of the protocol, flexible from their first version on. */
import { defineMessage, type MessageSchema } from "../protocol/codec/schema.ts";
import type { VersionText } from "../protocol/codec/versions.ts";

/** Defines a state record or a slice of a snapshot. The newest version is written, all of them are read. */
export function record<const F extends MessageSchema["fields"]>(
  name: string,
  fields: F,
  versions: VersionText = "0",
): MessageSchema<F> {
  return defineMessage({ name, valid: versions, flexible: "0+", fields });
}
