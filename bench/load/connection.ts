/** A connection that does as little as it can: whole frames out, whole frames in, one reused buffer for what arrives. */
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";

const READ_BUFFER_BYTES = 256 * 1024;
const LENGTH_BYTES = 4;

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** Takes one answer, `frame[start, end)` without its length. The bytes change after the call. */
export type FrameHandler = (frame: Buffer, start: number, end: number) => void;

/** What happens to a connection after it was opened. */
export interface ConnectionEvents {
  readonly onFrame: FrameHandler;
  /** The connection broke or closed although `close` was not called. Also what `onFrame` throws comes here. */
  readonly onFailure: (error: Error) => void;
}

export class Connection {
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  /** The beginning of a frame whose rest is still to come. Grows to the largest answer and is used again. */
  #partial = Buffer.allocUnsafe(READ_BUFFER_BYTES);
  #partialBytes = 0;
  #closed = false;

  private constructor(address: BrokerAddress, events: ConnectionEvents) {
    this.#events = events;
    this.#socket = createConnection({
      ...address,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(READ_BUFFER_BYTES),
        callback: (bytes, buffer) => {
          this.#receive(Buffer.from(buffer.buffer, buffer.byteOffset, bytes));
          return true;
        },
      },
    });
  }

  static async open(address: BrokerAddress, events: ConnectionEvents): Promise<Connection> {
    const connection = new Connection(address, events);
    await once(connection.#socket, "connect");
    connection.#socket.on("error", (error) => connection.#fail(error));
    connection.#socket.on("close", () => connection.#fail(new Error("the broker closed the connection")));
    return connection;
  }

  /** `frame` starts with its length, and must stay as it is until it is answered. */
  send(frame: Buffer): void {
    this.#socket.write(frame);
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.close();
    this.#events.onFailure(error);
  }

  #receive(chunk: Buffer): void {
    this.#socket.cork(); // what these answers let the owner send goes out in one system call
    try {
      let at = this.#partialBytes === 0 ? 0 : this.#complete(chunk);
      while (this.#partialBytes === 0 && at < chunk.length) {
        const end = chunk.length - at < LENGTH_BYTES ? Infinity : at + LENGTH_BYTES + chunk.readInt32BE(at);
        if (end > chunk.length) {
          this.#keep(chunk, at, chunk.length);
          return;
        }
        this.#events.onFrame(chunk, at + LENGTH_BYTES, end);
        at = end;
      }
    } catch (error) {
      this.#fail(error as Error);
    } finally {
      this.#socket.uncork();
    }
  }

  /** Adds from `chunk` what the partial frame still lacks, hands the frame on when whole; returns the bytes taken. */
  #complete(chunk: Buffer): number {
    let at = 0;
    if (this.#partialBytes < LENGTH_BYTES) {
      at = Math.min(LENGTH_BYTES - this.#partialBytes, chunk.length);
      this.#keep(chunk, 0, at);
      if (this.#partialBytes < LENGTH_BYTES) return at;
    }
    const frameBytes = LENGTH_BYTES + this.#partial.readInt32BE(0);
    const end = Math.min(at + frameBytes - this.#partialBytes, chunk.length);
    this.#keep(chunk, at, end);
    if (this.#partialBytes === frameBytes) {
      this.#partialBytes = 0;
      this.#events.onFrame(this.#partial, LENGTH_BYTES, frameBytes);
    }
    return end;
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    const neededBytes = this.#partialBytes + to - from;
    if (neededBytes > this.#partial.length) {
      const larger = Buffer.allocUnsafe(Math.max(neededBytes, this.#partial.length * 2));
      this.#partial.copy(larger, 0, 0, this.#partialBytes);
      this.#partial = larger;
    }
    chunk.copy(this.#partial, this.#partialBytes, from, to);
    this.#partialBytes = neededBytes;
  }
}

/** Sends one request over a connection of its own and returns its answer, without the length. */
export async function ask(address: BrokerAddress, request: Buffer): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const connection = await Connection.open(address, {
    onFrame: (frame, start, end) => resolve(Buffer.from(frame.subarray(start, end))),
    onFailure: reject,
  });
  try {
    connection.send(request);
    return await promise;
  } finally {
    connection.close();
  }
}
