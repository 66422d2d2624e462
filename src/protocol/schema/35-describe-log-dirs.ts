/**
 * Tells where partitions lie and what space they take.
 *
 * Versions: 2 flexible · 3 an error for the whole answer · 4 size of the volume.
 */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, bool, defineMessage, int16, int32, offset64, string } from "../codec/schema.ts";

export const describeLogDirsRequest = defineMessage({
  name: "DescribeLogDirsRequest",
  apiKey: 35,
  valid: "1-4",
  flexible: "2+",
  fields: {
    topics: array({ nullable: "0+" })({
      topic: string(),
      partitions: arrayOf(int32()),
    }),
  },
});
export type DescribeLogDirsRequest = Message<typeof describeLogDirsRequest>;

export const describeLogDirsResponse = defineMessage({
  name: "DescribeLogDirsResponse",
  apiKey: 35,
  valid: "1-4",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: "3+", ignorable: true }),
    results: array()({
      errorCode: int16(),
      logDir: string(),
      topics: array()({
        name: string(),
        partitions: array()({
          partitionIndex: int32(),
          partitionSize: offset64(),
          offsetLag: offset64(),
          isFutureKey: bool(),
        }),
      }),
      totalBytes: offset64({ versions: "4+", default: -1, ignorable: true }),
      usableBytes: offset64({ versions: "4+", default: -1, ignorable: true }),
    }),
  },
});
export type DescribeLogDirsResponse = Message<typeof describeLogDirsResponse>;
