/**
 * Replaces the whole configuration of resources; IncrementalAlterConfigs is what clients use today. Version 2 is
 * flexible.
 */
import type { Message } from "../codec/message.ts";
import { array, bool, defineMessage, int8, int16, int32, string } from "../codec/schema.ts";

export const alterConfigsRequest = defineMessage({
  name: "AlterConfigsRequest",
  apiKey: 33,
  valid: "0-2",
  flexible: "2+",
  fields: {
    resources: array()({
      resourceType: int8(),
      resourceName: string(),
      configs: array()({
        name: string(),
        value: string({ nullable: "0+" }),
      }),
    }),
    validateOnly: bool(),
  },
});
export type AlterConfigsRequest = Message<typeof alterConfigsRequest>;

export const alterConfigsResponse = defineMessage({
  name: "AlterConfigsResponse",
  apiKey: 33,
  valid: "0-2",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    responses: array()({
      errorCode: int16(),
      errorMessage: string({ nullable: "0+" }),
      resourceType: int8(),
      resourceName: string(),
    }),
  },
});
export type AlterConfigsResponse = Message<typeof alterConfigsResponse>;
