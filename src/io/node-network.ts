/**
 * TCP from Node.
 *
 * Reading is the broker's largest flow of bytes, and `data` events cost a fresh buffer for every read: 0.31 CPU s/GB,
 * against 0.1 when the system reads straight into the handler's buffer. Node offers that (`onread`) only to sockets
 * it does not accept itself, so each accepted socket's handle moves to a socket made with `onread`. That takes an
 * undocumented field; where it is missing, bytes come by `data` events and are copied once, with nothing else changed.
 *
 * Which buffer a read fills. Node asks for the first one when the socket is made, for each later one right after the
 * bytes of the last were handed over, and for none at `resume`. Between asking and filling the buffer is the system's.
 * So while a socket is paused, closing or not yet attached, Node is given `#scratch` instead of the handler's buffer,
 * which the handler has not chosen yet. What arrives there, one read at most, is copied to where it then wants it.
 * `#scratch` is shared by all sockets: filling and handing over are one call from the system.
 */
import net from "node:net";
import { assert } from "../base/assert.ts";
import type { Address, Listener, Network, Socket, SocketEvents } from "../ports/network.ts";
import { ioError } from "./io-error.ts";
import { type SocketBuffers, sizeSocketBuffers } from "./socket-buffers.ts";

const SCRATCH_BYTES = 64 * 1024;

/** A silent peer is probed after this long, so that connections of machines that went away do not stay for ever. */
const KEEP_ALIVE_MS = 60_000;

const NOTHING = new Uint8Array(0);

export interface NodeNetworkOptions {
  /** Of the sockets that are accepted. Without it the system chooses. */
  readonly buffers?: SocketBuffers;
  /** false: never read straight into the handler's buffers. For tests of the other way. */
  readonly moveHandles?: boolean;
}

export function createNodeNetwork(options: NodeNetworkOptions = {}): Network {
  const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  return {
    listen: (address, accept) =>
      new Promise((resolve, reject) => {
        // Paused, so that nothing is read before the move; half-open, so that the end of input is ours to act on.
        const server = net.createServer({
          allowHalfOpen: true,
          pauseOnConnect: true,
          noDelay: true,
          keepAlive: true,
          keepAliveInitialDelay: KEEP_ALIVE_MS,
        });
        // Once it listens, an error is a connection that could not be accepted (out of descriptors): libuv has
        // closed that one already, and the promise is settled.
        server.on("error", (error) => reject(ioError(error, "listen on", formatAddress(address))));
        server.listen(address.port, address.host, () => {
          if (options.buffers !== undefined) sizeSocketBuffers(server, options.buffers);
          const move = options.moveHandles !== false && canMoveHandles(server);
          server.on("connection", (accepted) => {
            const socket = new NodeSocket(accepted, { move, scratch });
            socket.attach(accept(socket));
          });
          resolve(listenerOf(server));
        });
      }),
  };
}

function listenerOf(server: net.Server): Listener {
  const { address: host, port } = server.address() as net.AddressInfo;
  return {
    address: { host, port },
    // The port is free as soon as the call returns. Node's own callback would wait for the open connections.
    close: async () => void server.close(),
  };
}

/** What is used of Node's undocumented socket handle. */
interface HandleOwner {
  _handle: object | null;
}

/** Whether this Node's handles can be moved and read into a given buffer; a listening handle is of the same class. */
function canMoveHandles(server: net.Server): boolean {
  const handle = (server as unknown as Partial<HandleOwner>)._handle;
  return typeof handle === "object" && handle !== null && "useUserBuffer" in handle;
}

class NodeSocket implements Socket {
  readonly peer: string;
  readonly local: Address;
  readonly #raw: net.Socket;
  readonly #scratch: Buffer;
  /** The `written` callbacks of the writes the system has not taken, oldest first. */
  readonly #waiting: (() => void)[] = [];
  readonly #onWritten = () => this.#waiting.shift()?.();
  #events: SocketEvents | undefined;
  /** Bytes the handler has not seen, because it paused in the middle of a copied read. */
  #held: Uint8Array = NOTHING;
  #paused = false;
  /** `end` or `destroy` was called, or the peer is gone: nothing is delivered any more. */
  #ending = false;
  #closed = false;

  constructor(accepted: net.Socket, options: { move: boolean; scratch: Buffer }) {
    this.#scratch = options.scratch;
    this.#raw = options.move ? this.#moveHandle(accepted) : accepted;
    this.peer = formatAddress({ host: this.#raw.remoteAddress ?? "unknown", port: this.#raw.remotePort ?? 0 });
    this.local = { host: this.#raw.localAddress ?? "unknown", port: this.#raw.localPort ?? 0 };
    if (!options.move) this.#raw.on("data", (bytes: Buffer) => this.#deliver(bytes));
    // Half-closed counts as gone, as it does for Kafka. Unless this end is closing anyway: then what waits goes out.
    this.#raw.on("end", () => {
      if (!this.#ending) this.destroy();
    });
    // `close` follows each error and says all there is to say: the peer is gone.
    this.#raw.on("error", () => undefined);
    this.#raw.on("close", () => this.#finish());
  }

  attach(events: SocketEvents): void {
    this.#events = events;
    if (!this.#paused) this.#raw.resume();
  }

  write(parts: readonly Uint8Array[], written: () => void): void {
    if (this.#closed) return;
    this.#waiting.push(written);
    // `#finish` calls back for what the socket does not take any more.
    if (this.#ending) return;
    const last = parts.length - 1;
    if (last > 0) this.#raw.cork();
    for (let index = 0; index < last; index++) this.#raw.write(parts[index]!);
    this.#raw.write(parts[last] ?? NOTHING, this.#onWritten);
    if (last > 0) this.#raw.uncork();
  }

  pause(): void {
    this.#paused = true;
    this.#raw.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#held.length === 0) this.#raw.resume();
    else process.nextTick(() => this.#deliverHeld());
  }

  end(): void {
    this.#ending = true;
    this.#raw.destroySoon();
  }

  destroy(): void {
    this.#ending = true;
    this.#raw.destroy();
  }

  #moveHandle(accepted: net.Socket): net.Socket {
    const owner = accepted as unknown as HandleOwner;
    const handle = owner._handle;
    owner._handle = null;
    // The empty shell goes through its own end of life, so that the server forgets it.
    accepted.destroy();
    return new net.Socket({
      handle,
      allowHalfOpen: true,
      onread: {
        buffer: () => this.#nextBuffer(),
        callback: (size: number, buffer: Uint8Array) => {
          if (buffer === this.#scratch) this.#deliver(buffer.subarray(0, size));
          else if (!this.#ending) this.#events?.received(size);
          return true;
        },
      },
    } as net.SocketConstructorOpts);
  }

  #nextBuffer(): Uint8Array {
    const chosen = this.#events !== undefined && !this.#paused && !this.#ending;
    return chosen ? this.#askBuffer(this.#events!) : this.#scratch;
  }

  #askBuffer(events: SocketEvents): Uint8Array {
    const buffer = events.readBuffer();
    assert(buffer.length > 0, "a read buffer is empty");
    return buffer;
  }

  /** Copies `bytes` to where the handler wants them, until it pauses; the rest is held until it resumes. */
  #deliver(bytes: Uint8Array): void {
    const events = this.#events;
    assert(events !== undefined, "bytes arrived before the connection was attached");
    let from = 0;
    while (from < bytes.length && !this.#paused && !this.#ending) {
      const into = this.#askBuffer(events);
      const size = Math.min(into.length, bytes.length - from);
      into.set(bytes.subarray(from, from + size));
      from += size;
      events.received(size);
    }
    // A copy, since `bytes` is the shared scratch buffer.
    this.#held = from < bytes.length && !this.#ending ? Uint8Array.from(bytes.subarray(from)) : NOTHING;
  }

  #deliverHeld(): void {
    if (this.#paused || this.#ending) return;
    this.#deliver(this.#held);
    if (!this.#paused) this.#raw.resume();
  }

  #finish(): void {
    this.#ending = true;
    this.#held = NOTHING;
    this.#closed = true;
    for (const written of this.#waiting.splice(0)) written();
    this.#events?.closed();
  }
}

function formatAddress({ host, port }: Address): string {
  const plain = host.startsWith("::ffff:") ? host.slice("::ffff:".length) : host;
  return plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`;
}
