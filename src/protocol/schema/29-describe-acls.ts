/**
 * Lists access rules that match a filter.
 *
 * Versions: 1 resource names as prefixes · 2 flexible · 3 rules about users.
 */
import type { Message } from "../codec/message.ts";
import { array, defineMessage, int8, int16, int32, string } from "../codec/schema.ts";

export const describeAclsRequest = defineMessage({
  name: "DescribeAclsRequest",
  apiKey: 29,
  valid: "1-3",
  flexible: "2+",
  fields: {
    resourceTypeFilter: int8(),
    resourceNameFilter: string({ nullable: "0+" }),
    patternTypeFilter: int8({ default: 3 }),
    principalFilter: string({ nullable: "0+" }),
    hostFilter: string({ nullable: "0+" }),
    operation: int8(),
    permissionType: int8(),
  },
});
export type DescribeAclsRequest = Message<typeof describeAclsRequest>;

export const describeAclsResponse = defineMessage({
  name: "DescribeAclsResponse",
  apiKey: 29,
  valid: "1-3",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    resources: array()({
      resourceType: int8(),
      resourceName: string(),
      patternType: int8({ default: 3 }),
      acls: array()({
        principal: string(),
        host: string(),
        operation: int8(),
        permissionType: int8(),
      }),
    }),
  },
});
export type DescribeAclsResponse = Message<typeof describeAclsResponse>;
