/** Lists what has a configuration (KIP-1142). Version 0 knows client metrics only, version 1 any type. */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, defineMessage, int8, int16, int32, string } from "../codec/schema.ts";

export const listConfigResourcesRequest = defineMessage({
  name: "ListConfigResourcesRequest",
  apiKey: 74,
  valid: "0-1",
  flexible: "0+",
  fields: {
    resourceTypes: arrayOf(int8(), { versions: "1+" }),
  },
});
export type ListConfigResourcesRequest = Message<typeof listConfigResourcesRequest>;

export const listConfigResourcesResponse = defineMessage({
  name: "ListConfigResourcesResponse",
  apiKey: 74,
  valid: "0-1",
  flexible: "0+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    configResources: array()({
      resourceName: string(),
      resourceType: int8({ versions: "1+", default: 16, ignorable: true }),
    }),
  },
});
export type ListConfigResourcesResponse = Message<typeof listConfigResourcesResponse>;
