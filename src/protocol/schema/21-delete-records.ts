/** Moves the start of partitions up to an offset; -1 is the high watermark. Version 2 is flexible. */
import type { Message } from "../codec/message.ts";
import { array, defineMessage, int16, int32, int64, offset64, string } from "../codec/schema.ts";

export const deleteRecordsRequest = defineMessage({
  name: "DeleteRecordsRequest",
  apiKey: 21,
  valid: "0-2",
  flexible: "2+",
  fields: {
    topics: array()({
      name: string(),
      partitions: array()({
        partitionIndex: int32(),
        offset: int64(),
      }),
    }),
    timeoutMs: int32(),
  },
});
export type DeleteRecordsRequest = Message<typeof deleteRecordsRequest>;

export const deleteRecordsResponse = defineMessage({
  name: "DeleteRecordsResponse",
  apiKey: 21,
  valid: "0-2",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    topics: array()({
      name: string(),
      partitions: array()({
        partitionIndex: int32(),
        lowWatermark: offset64(),
        errorCode: int16(),
      }),
    }),
  },
});
export type DeleteRecordsResponse = Message<typeof deleteRecordsResponse>;
