/** Deletes empty groups with their offsets. Version 2 is flexible. */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, defineMessage, int16, int32, string } from "../codec/schema.ts";

export const deleteGroupsRequest = defineMessage({
  name: "DeleteGroupsRequest",
  apiKey: 42,
  valid: "0-2",
  flexible: "2+",
  fields: {
    groupsNames: arrayOf(string()),
  },
});
export type DeleteGroupsRequest = Message<typeof deleteGroupsRequest>;

export const deleteGroupsResponse = defineMessage({
  name: "DeleteGroupsResponse",
  apiKey: 42,
  valid: "0-2",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    results: array()({
      groupId: string(),
      errorCode: int16(),
    }),
  },
});
export type DeleteGroupsResponse = Message<typeof deleteGroupsResponse>;
