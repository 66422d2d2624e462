/** Bytes to a broker, and what comes back, for what `KafkaClient` would never send. */
import type { SimConnection } from "../../sim/sim-network.ts";
import type { Api } from "../../src/protocol/apis.ts";
import { decodeResponse, encodeRequest } from "../../src/protocol/codec/frame.ts";
import type { Message, MessageInput } from "../../src/protocol/codec/message.ts";
import { Reader } from "../../src/protocol/codec/reader.ts";
import { Writer } from "../../src/protocol/codec/writer.ts";

export class RawClient {
  readonly connection: SimConnection;
  /** Whether the broker has closed the connection. */
  closed = false;
  #received = Buffer.alloc(0);

  constructor(connection: SimConnection) {
    this.connection = connection;
    connection.onData = (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
    };
    connection.onClosed = () => {
      this.closed = true;
    };
  }

  send(...parts: readonly Uint8Array[]): void {
    for (const part of parts) this.connection.send(part);
  }

  get receivedBytes(): number {
    return this.#received.length;
  }

  /** The whole answers that have come, size prefix not included. */
  frames(): Buffer[] {
    const frames: Buffer[] = [];
    for (let at = 0; at + 4 <= this.#received.length; ) {
      const end = at + 4 + this.#received.readInt32BE(at);
      if (end > this.#received.length) break;
      frames.push(this.#received.subarray(at + 4, end));
      at = end;
    }
    return frames;
  }

  /** The answer in `frame` to a request of this version. */
  answer<A extends Api>(
    api: A,
    version: number,
    frame: number,
  ): { readonly correlationId: number; readonly body: Message<A["response"]> } {
    return decodeResponse(api, version, new Reader(this.frames()[frame]!));
  }
}

/** A request as it travels, size included. */
export function requestBytes<A extends Api>(
  api: A,
  version: number,
  body: MessageInput<A["request"]>,
  correlationId = 1,
  clientId: string | null = "raw",
): Buffer {
  const header = { apiVersion: version, correlationId, clientId };
  return Buffer.concat(encodeRequest(api, header, body, new Writer()).parts);
}

/** A frame with these bytes behind its size, or behind the size that is given. */
export function frameOf(bytes: Uint8Array, sizeBytes = bytes.length): Buffer {
  const frame = Buffer.alloc(4 + bytes.length);
  frame.writeInt32BE(sizeBytes);
  frame.set(bytes, 4);
  return frame;
}

/** A request header as all versions have it, with whatever follows. */
export function headerBytes(apiKey: number, version: number, correlationId: number, rest = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(10);
  head.writeInt16BE(apiKey, 0);
  head.writeInt16BE(version, 2);
  head.writeInt32BE(correlationId, 4);
  head.writeInt16BE(-1, 8);
  return Buffer.concat([head, rest]);
}
