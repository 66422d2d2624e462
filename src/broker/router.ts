/**
 * From a frame to its handler: which API, whether this version of it is offered, and who handles it.
 *
 * What is offered is the table in `handlers.ts`, and ApiVersions answers from the same table. A request that cannot be
 * understood ends its connection, as in Kafka, because nothing sensible can be answered. The one exception is ApiVersions
 * in a version that we do not know: clients ask it first, and expect version 0 with error 35 (KIP-511).
 */
import { APIS } from "../protocol/apis.ts";
import { decodeRequest, decodeRequestHeader } from "../protocol/codec/frame.ts";
import { MalformedMessage, Reader } from "../protocol/codec/reader.ts";
import { hasVersion } from "../protocol/codec/versions.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";
import { Exchange } from "./exchange.ts";
import { handlerOf, OFFERED } from "./handlers.ts";

/** Handles one frame, `at`..`end` of `buffer`, size prefix not included. */
export function route(broker: Broker, connection: Connection, buffer: Buffer, at: number, end: number): void {
  try {
    dispatch(broker, connection, new Reader(buffer, at, end));
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    connection.refuse(`malformed request: ${error.message}`);
  }
}

function dispatch(broker: Broker, connection: Connection, reader: Reader): void {
  const { apiKey, apiVersion, correlationId, clientId } = decodeRequestHeader(reader);
  const offered = handlerOf(apiKey);
  if (offered === undefined) return connection.refuse(`API key ${apiKey} is not offered`);
  const { api, versions, handle } = offered;
  if (!hasVersion(versions, apiVersion)) {
    if (api.key !== APIS.apiVersions.key) {
      return connection.refuse(`${api.name} version ${apiVersion} is not offered`);
    }
    const fields = { broker, connection, api: APIS.apiVersions, version: 0, clientId, correlationId };
    const exchange = new Exchange({ ...fields, request: { clientSoftwareName: "", clientSoftwareVersion: "" } });
    return exchange.answer({ errorCode: ErrorCode.UNSUPPORTED_VERSION, apiKeys: OFFERED });
  }
  const request = decodeRequest(api, apiVersion, reader);
  handle(new Exchange({ broker, connection, api, version: apiVersion, clientId, correlationId, request }));
}
