/** Changes single values of a configuration: 0 set, 1 delete, 2 append, 3 subtract (KIP-339). Version 1 is flexible. */
import type { Message } from "../codec/message.ts";
import { array, bool, defineMessage, int8, int16, int32, string } from "../codec/schema.ts";

export const incrementalAlterConfigsRequest = defineMessage({
  name: "IncrementalAlterConfigsRequest",
  apiKey: 44,
  valid: "0-1",
  flexible: "1+",
  fields: {
    resources: array()({
      resourceType: int8(),
      resourceName: string(),
      configs: array()({
        name: string(),
        configOperation: int8(),
        value: string({ nullable: "0+" }),
      }),
    }),
    validateOnly: bool(),
  },
});
export type IncrementalAlterConfigsRequest = Message<typeof incrementalAlterConfigsRequest>;

export const incrementalAlterConfigsResponse = defineMessage({
  name: "IncrementalAlterConfigsResponse",
  apiKey: 44,
  valid: "0-1",
  flexible: "1+",
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
export type IncrementalAlterConfigsResponse = Message<typeof incrementalAlterConfigsResponse>;
