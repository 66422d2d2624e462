/**
 * DescribeAcls 1-3: there is no authorizer, so there are no access rules to list. A filter with 0 ("unknown") where a type or
 * an operation belongs is no filter at all: as in Kafka the request counts as malformed.
 */
import type { APIS } from "../../protocol/apis.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Exchange } from "../exchange.ts";

const UNKNOWN = 0;

export function handleDescribeAcls(exchange: Exchange<(typeof APIS)["describeAcls"]>): void {
  const { resourceTypeFilter, patternTypeFilter, operation, permissionType } = exchange.request;
  if ([resourceTypeFilter, patternTypeFilter, operation, permissionType].includes(UNKNOWN)) {
    return exchange.connection.refuse("malformed request: a DescribeAcls filter with an unknown element");
  }
  exchange.answer({
    errorCode: ErrorCode.SECURITY_DISABLED,
    errorMessage: "No Authorizer is configured on the broker",
  });
}
