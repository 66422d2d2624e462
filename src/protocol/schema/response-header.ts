/** What precedes the body of a response: version 1 with flexible ones, 0 with the others and ApiVersions always. */
import { defineMessage, int32 } from "../codec/schema.ts";

export const responseHeader = defineMessage({
  name: "ResponseHeader",
  valid: "0-1",
  flexible: "1+",
  fields: { correlationId: int32() },
});
