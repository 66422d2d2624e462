/**
 * Lists the groups of a broker.
 *
 * Versions: 3 flexible · 4 filter by state · 5 filter by type.
 */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, defineMessage, int16, int32, string } from "../codec/schema.ts";

export const listGroupsRequest = defineMessage({
  name: "ListGroupsRequest",
  apiKey: 16,
  valid: "0-5",
  flexible: "3+",
  fields: {
    statesFilter: arrayOf(string(), { versions: "4+" }),
    typesFilter: arrayOf(string(), { versions: "5+" }),
  },
});
export type ListGroupsRequest = Message<typeof listGroupsRequest>;

export const listGroupsResponse = defineMessage({
  name: "ListGroupsResponse",
  apiKey: 16,
  valid: "0-5",
  flexible: "3+",
  fields: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16(),
    groups: array()({
      groupId: string(),
      protocolType: string(),
      groupState: string({ versions: "4+", ignorable: true }),
      groupType: string({ versions: "5+", ignorable: true }),
    }),
  },
});
export type ListGroupsResponse = Message<typeof listGroupsResponse>;
