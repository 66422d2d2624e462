/**
 * Requests and responses as they travel: a size of 4 bytes (of what follows it), a header, a body.
 *
 * Which header a message has follows from its API and version: flexible versions have the flexible header, except that
 * the answer to ApiVersions always has the oldest one, because the client asks before it knows what the broker speaks.
 */
import type { Api } from "../apis.ts";
import { APIS, apiByKey } from "../apis.ts";
import { requestHeader } from "../schema/request-header.ts";
import { responseHeader } from "../schema/response-header.ts";
import { decode, encode, type Message, type MessageInput } from "./message.ts";
import { MalformedMessage, type Reader } from "./reader.ts";
import { hasVersion } from "./versions.ts";
import type { EncodedMessage, Writer } from "./writer.ts";

export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

/** An API key and an API version open every request header. */
const KEY_AND_VERSION_BYTES = 4;

/**
 * Reads the header of a request; `reader` stands behind the size. Neither API nor version need be known: the header of
 * a version too new for us is read like that of the newest, and of an unknown API only what all header versions share.
 * @throws MalformedMessage
 */
export function decodeRequestHeader(reader: Reader): RequestHeader {
  if (reader.remaining < KEY_AND_VERSION_BYTES) throw new MalformedMessage(`a request of ${reader.remaining} bytes`);
  const apiKey = reader.buffer.readInt16BE(reader.position);
  const apiVersion = reader.buffer.readInt16BE(reader.position + 2);
  const api = apiByKey(apiKey);
  const header = decode(requestHeader, api === undefined ? 1 : requestHeaderVersion(api, apiVersion), reader);
  return { apiKey, apiVersion, correlationId: header.correlationId, clientId: header.clientId };
}

/**
 * Reads the body of a request, which must end where `reader` ends. `version` must be valid for the schema.
 * @throws MalformedMessage
 */
export function decodeRequest<A extends Api>(api: A, version: number, reader: Reader): Message<A["request"]> {
  const body = decode(api.request, version, reader);
  reader.expectEnd();
  return body;
}

/**
 * A whole response, its size first. Anything left in `writer` is thrown away.
 * @throws UnencodableMessage when `body` does not fit the schema in this version.
 */
export function encodeResponse<A extends Api>(
  api: A,
  version: number,
  correlationId: number,
  body: MessageInput<A["response"]>,
  writer: Writer,
): EncodedMessage {
  writer.reset();
  const size = writer.beginPrefixed();
  encode(responseHeader, responseHeaderVersion(api, version), { correlationId }, writer);
  encode(api.response, version, body, writer);
  writer.endPrefixed(size);
  return writer.finish();
}

/** A whole request, its size first: what a client sends. Anything left in `writer` is thrown away. */
export function encodeRequest<A extends Api>(
  api: A,
  header: { readonly apiVersion: number; readonly correlationId: number; readonly clientId?: string | null },
  body: MessageInput<A["request"]>,
  writer: Writer,
): EncodedMessage {
  const { apiVersion, correlationId, clientId = null } = header;
  writer.reset();
  const size = writer.beginPrefixed();
  encode(
    requestHeader,
    requestHeaderVersion(api, apiVersion),
    { requestApiKey: api.key, requestApiVersion: apiVersion, correlationId, clientId },
    writer,
  );
  encode(api.request, apiVersion, body, writer);
  writer.endPrefixed(size);
  return writer.finish();
}

/**
 * Reads a response to a request of this version; `reader` stands behind the size.
 * @throws MalformedMessage
 */
export function decodeResponse<A extends Api>(
  api: A,
  version: number,
  reader: Reader,
): { readonly correlationId: number; readonly body: Message<A["response"]> } {
  const { correlationId } = decode(responseHeader, responseHeaderVersion(api, version), reader);
  const body = decode(api.response, version, reader);
  reader.expectEnd();
  return { correlationId, body };
}

function requestHeaderVersion(api: Api, version: number): number {
  return hasVersion(api.request.flexible, version) ? 2 : 1;
}

function responseHeaderVersion(api: Api, version: number): number {
  return api.key !== APIS.apiVersions.key && hasVersion(api.response.flexible, version) ? 1 : 0;
}
