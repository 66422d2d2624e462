/**
 * Tells the configuration of topics and brokers, where each value comes from, and what it overrides.
 *
 * Versions: 1 source and synonyms · 3 type and documentation · 4 flexible.
 */
import type { Message } from "../codec/message.ts";
import { array, arrayOf, bool, defineMessage, int8, int16, int32, string } from "../codec/schema.ts";

export const describeConfigsRequest = defineMessage({
  name: "DescribeConfigsRequest",
  apiKey: 32,
  valid: "1-4",
  flexible: "4+",
  fields: {
    resources: array()({
      resourceType: int8(),
      resourceName: string(),
      configurationKeys: arrayOf(string(), { nullable: "0+" }),
    }),
    includeSynonyms: bool(),
    includeDocumentation: bool({ versions: "3+" }),
  },
});
export type DescribeConfigsRequest = Message<typeof describeConfigsRequest>;

export const describeConfigsResponse = defineMessage({
  name: "DescribeConfigsResponse",
  apiKey: 32,
  valid: "1-4",
  flexible: "4+",
  fields: {
    throttleTimeMs: int32(),
    results: array()({
      errorCode: int16(),
      errorMessage: string({ nullable: "0+" }),
      resourceType: int8(),
      resourceName: string(),
      configs: array()({
        name: string(),
        value: string({ nullable: "0+" }),
        readOnly: bool(),
        configSource: int8({ default: -1 }),
        isSensitive: bool(),
        synonyms: array()({
          name: string(),
          value: string({ nullable: "0+" }),
          source: int8(),
        }),
        configType: int8({ versions: "3+", ignorable: true }),
        documentation: string({ versions: "3+", nullable: "0+", ignorable: true }),
      }),
    }),
  },
});
export type DescribeConfigsResponse = Message<typeof describeConfigsResponse>;
