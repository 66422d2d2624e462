/**
 * What precedes the body of a request. Version 2, which flexible requests have, differs by its tagged fields; the
 * client id stays in its old form, so that a broker can read the header of a version that it does not know.
 */
import type { Message } from "../codec/message.ts";
import { defineMessage, int16, int32, string } from "../codec/schema.ts";

export const requestHeader = defineMessage({
  name: "RequestHeader",
  valid: "1-2",
  flexible: "2+",
  fields: {
    requestApiKey: int16(),
    requestApiVersion: int16(),
    correlationId: int32(),
    clientId: string({ nullable: "0+", flexible: "none" }),
  },
});
export type RequestHeaderMessage = Message<typeof requestHeader>;
