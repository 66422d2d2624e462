/** DescribeCluster 0-2: the one broker, at the address of the client's own listener. */
import type { APIS } from "../../protocol/apis.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Exchange } from "../exchange.ts";

const ENDPOINT_BROKERS = 1;
const ENDPOINT_CONTROLLERS = 2;
/** Every operation that Kafka knows for a cluster, as a bit field: without an authorizer all are allowed. */
export const ALL_CLUSTER_OPERATIONS = 0b0001_1111_1010_0000;
export const NOT_ASKED_OPERATIONS = -2147483648;

export function handleDescribeCluster(exchange: Exchange<(typeof APIS)["describeCluster"]>): void {
  const { broker, request, connection } = exchange;
  const { endpointType } = request;
  if (endpointType !== ENDPOINT_BROKERS && endpointType !== ENDPOINT_CONTROLLERS) {
    const errorMessage = `Unsupported endpoint type ${endpointType}`;
    return exchange.answer({
      errorCode: ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
      errorMessage,
      endpointType: ENDPOINT_BROKERS,
    });
  }
  if (endpointType === ENDPOINT_CONTROLLERS) {
    const errorMessage =
      "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER";
    return exchange.answer({
      errorCode: ErrorCode.MISMATCHED_ENDPOINT_TYPE,
      errorMessage,
      endpointType: ENDPOINT_BROKERS,
    });
  }
  const { host, port } = connection.endpoint;
  exchange.answer({
    clusterId: broker.store.state.clusterId,
    controllerId: broker.nodeId,
    brokers: [{ brokerId: broker.nodeId, host, port, rack: broker.store.state.broker["broker.rack"] }],
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? ALL_CLUSTER_OPERATIONS
      : NOT_ASKED_OPERATIONS,
  });
}
