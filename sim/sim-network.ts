/**
 * The `Network` port inside one process of the simulation, and the other ends of its connections for tests.
 *
 * The faults:
 * - Bytes arrive late and in any pieces; the buffers between the ends hold from 1 KiB to 1 MiB (drawn for each
 *   direction), so that a writer soon waits for its reader. See `sim-stream.ts`.
 * - A handler's buffer is asked for as early as the port allows, or as late: drawn for each socket. A handler that
 *   keeps bytes in a buffer which it has given to another connection loses them here as it would in the world.
 * - `resetRate`: any arrival of bytes can be the end of its connection instead.
 * - A write to a client that has closed ends the connection at some moment, and input that has not been read is lost.
 * - When the process dies, each client receives a part of what was in transit, then the end.
 *
 * Not modelled: closing with unread input makes a real system send a reset, which can overtake the last bytes sent.
 */
import { assert } from "../src/base/assert.ts";
import { ioError } from "../src/io/io-error.ts";
import type { Address, Listener, Network, Socket, SocketEvents } from "../src/ports/network.ts";
import type { SimRandom } from "./random.ts";
import type { Lifetime, Scheduler } from "./scheduler.ts";
import { SimStream } from "./sim-stream.ts";

export interface NetworkFaults {
  /** Share of the arrivals (of bytes, at either end) that reset their connection. */
  readonly resetRate: number;
}

export const NO_NETWORK_FAULTS: NetworkFaults = { resetRate: 0 };

/** The client's end of a connection. It outlives the process at the other end. */
export interface SimConnection {
  /** Called with what arrives; the bytes are the callee's own. */
  onData: (bytes: Uint8Array) => void;
  /** Called once: the other end is gone, or there was no one listening. Not called after `close` or `reset`. */
  onClosed: () => void;
  /** Copies and sends. Never blocks; `unsentBytes` grows while the other end does not read. */
  send(bytes: Uint8Array): void;
  readonly unsentBytes: number;
  pause(): void;
  resume(): void;
  /** Finishes sending, and still receives. */
  shutdown(): void;
  /** Closes behind what was sent; nothing is received any more. */
  close(): void;
  /** Breaks off; what is in transit is lost. */
  reset(): void;
}

interface Environment {
  readonly scheduler: Scheduler;
  readonly random: SimRandom;
  readonly lifetime: Lifetime;
}

type Accept = (socket: Socket) => SocketEvents;

const FIRST_FREE_PORT = 49_152;
const MAX_CONNECT_MS = 1;

export class SimNetwork implements Network {
  /** May be changed at any time. */
  faults: NetworkFaults;
  readonly #environment: Environment;
  readonly #listening = new Map<number, Accept>();
  readonly #connections = new Set<Connection>();
  #nextPort = FIRST_FREE_PORT;

  constructor(options: Environment & { faults: NetworkFaults }) {
    this.#environment = options;
    this.faults = options.faults;
  }

  async listen(address: Address, accept: Accept): Promise<Listener> {
    const port = address.port === 0 ? this.#nextPort++ : address.port;
    if (this.#listening.has(port)) {
      throw ioError(Object.assign(new Error(), { code: "EADDRINUSE" }), "listen on", `${address.host}:${port}`);
    }
    this.#listening.set(port, accept);
    return {
      address: { host: address.host, port },
      close: async () => void this.#listening.delete(port),
    };
  }

  /** Connects a client to the process, as if from another machine. */
  connect(port: number): SimConnection {
    const { scheduler, random, lifetime } = this.#environment;
    const clientPort = this.#nextPort++;
    const connection = new Connection(this.#environment, { port, clientPort, faults: () => this.faults });
    scheduler.at({ delayMs: random.fraction() * MAX_CONNECT_MS }, () => {
      const accept = this.#listening.get(port);
      if (accept === undefined || !lifetime.alive) {
        connection.refuse();
        return;
      }
      scheduler.note(`network ${clientPort} connected to ${port}`);
      this.#connections.add(connection);
      connection.accept(accept);
    });
    return connection.client;
  }

  /** The process has died. */
  abandon(): void {
    for (const connection of this.#connections) connection.abandon();
    this.#connections.clear();
  }
}

/** Both ends of a connection, and the two streams between them. */
class Connection {
  readonly client: SimConnection;
  readonly #environment: Environment;
  readonly #faults: () => NetworkFaults;
  readonly #title: string;
  readonly #server: ServerSocket;
  readonly #toServer: SimStream;
  readonly #toClient: SimStream;
  #clientPaused = false;
  #clientOpen = true;
  #clientFinished = false;
  #accepted = false;

  constructor(environment: Environment, options: { port: number; clientPort: number; faults: () => NetworkFaults }) {
    const { scheduler, random } = environment;
    this.#environment = environment;
    this.#faults = options.faults;
    this.#title = `network ${options.clientPort}`;
    this.#toServer = new SimStream({
      scheduler,
      random,
      reader: { take: (bytes) => this.#serverTakes(bytes), finished: () => this.#server.peerFinished() },
    });
    this.#toClient = new SimStream({
      scheduler,
      random,
      reader: { take: (bytes) => this.#clientTakes(bytes), finished: () => this.#clientClosed() },
    });
    this.#server = new ServerSocket(environment, {
      peer: `127.0.0.1:${options.clientPort}`,
      local: { host: "127.0.0.1", port: options.port },
      toClient: this.#toClient,
      toServer: this.#toServer,
    });
    this.client = this.#createClient();
  }

  accept(accept: Accept): void {
    this.#accepted = true;
    this.#server.attach(accept(this.#server));
    this.#toServer.resume();
  }

  refuse(): void {
    this.#toServer.cut();
    this.#clientClosed();
  }

  abandon(): void {
    this.#toServer.cut();
    this.#toClient.abandon();
  }

  #createClient(): SimConnection {
    const toServer = this.#toServer;
    const finish = () => {
      if (!this.#clientFinished) toServer.finish(() => undefined);
      this.#clientFinished = true;
    };
    return {
      onData: () => undefined,
      onClosed: () => undefined,
      send: (bytes) => {
        if (this.#clientOpen && !this.#clientFinished) toServer.send([Uint8Array.from(bytes)], () => undefined);
      },
      get unsentBytes() {
        return toServer.waitingBytes;
      },
      pause: () => void (this.#clientPaused = true),
      resume: () => {
        this.#clientPaused = false;
        this.#toClient.resume();
      },
      shutdown: finish,
      close: () => {
        finish();
        this.#clientOpen = false;
        this.#toClient.cut();
      },
      reset: () => this.#reset(),
    };
  }

  #serverTakes(arrived: Uint8Array): number {
    if (!this.#accepted || !this.#environment.lifetime.alive) return 0;
    if (this.#drawsReset()) return 0;
    const taken = this.#server.take(arrived);
    if (taken > 0) this.#environment.scheduler.note(`${this.#title} in ${taken}`);
    return taken;
  }

  #clientTakes(arrived: Uint8Array): number {
    if (this.#clientPaused || this.#drawsReset()) return 0;
    this.#environment.scheduler.note(`${this.#title} out ${arrived.length}`);
    this.client.onData(Uint8Array.from(arrived));
    return arrived.length;
  }

  #clientClosed(): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.#toServer.cut();
    this.client.onClosed();
  }

  #drawsReset(): boolean {
    if (!this.#environment.random.chance(this.#faults().resetRate)) return false;
    const { client } = this;
    this.#reset();
    client.onClosed();
    return true;
  }

  #reset(): void {
    if (!this.#clientOpen) return;
    this.#environment.scheduler.note(`${this.#title} reset`);
    this.#clientOpen = false;
    this.#toServer.cut();
    this.#toClient.cut();
    this.#server.peerReset();
  }
}

/** The process's end. Every call back is an event of its own, and none comes once the process is dead. */
class ServerSocket implements Socket {
  readonly peer: string;
  readonly local: Address;
  readonly #environment: Environment;
  readonly #toClient: SimStream;
  readonly #toServer: SimStream;
  readonly #asksEarly: boolean;
  readonly #waiting: (() => void)[] = [];
  #events: SocketEvents | undefined;
  #buffer: Uint8Array | undefined;
  #paused = false;
  #ending = false;
  #closePlanned = false;
  #closed = false;

  constructor(
    environment: Environment,
    options: { peer: string; local: Address; toClient: SimStream; toServer: SimStream },
  ) {
    this.#environment = environment;
    this.peer = options.peer;
    this.local = options.local;
    this.#toClient = options.toClient;
    this.#toServer = options.toServer;
    this.#asksEarly = environment.random.chance(0.5);
  }

  attach(events: SocketEvents): void {
    this.#events = events;
    this.#askEarly();
  }

  take(arrived: Uint8Array): number {
    if (this.#ending) return arrived.length;
    if (this.#paused || this.#events === undefined) return 0;
    const buffer = this.#buffer ?? this.#ask(this.#events);
    this.#buffer = undefined;
    const size = Math.min(buffer.length, arrived.length);
    buffer.set(arrived.subarray(0, size));
    this.#events.received(size);
    this.#askEarly();
    return size;
  }

  write(parts: readonly Uint8Array[], written: () => void): void {
    if (this.#closed || !this.#environment.lifetime.alive) return;
    this.#waiting.push(written);
    if (this.#ending) return;
    if (this.#toClient.isCut) this.#meetReset();
    else this.#toClient.send(parts, () => this.#callBack(() => this.#waiting.shift()?.()));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#toServer.resume();
  }

  end(): void {
    if (this.#ending || !this.#environment.lifetime.alive) return;
    this.#ending = true;
    this.#toServer.resume();
    this.#toClient.finish(() => this.#planClose());
  }

  destroy(): void {
    if (this.#closePlanned || !this.#environment.lifetime.alive) return;
    this.#ending = true;
    this.#toServer.cut();
    this.#toClient.abandon();
    this.#planClose();
  }

  /** The client has finished: gone, unless this end is closing anyway; then what waits goes out. */
  peerFinished(): void {
    if (!this.#ending) this.destroy();
  }

  peerReset(): void {
    this.#ending = true;
    this.#planClose();
  }

  #ask(events: SocketEvents): Uint8Array {
    const buffer = events.readBuffer();
    assert(buffer.length > 0, "a read buffer is empty");
    return buffer;
  }

  #askEarly(): void {
    if (this.#asksEarly && !this.#paused && !this.#ending) this.#buffer = this.#ask(this.#events!);
  }

  /** The client's system answers bytes for a closed connection with a reset. */
  #meetReset(): void {
    const { scheduler, random, lifetime } = this.#environment;
    scheduler.at({ delayMs: random.fraction() * MAX_CONNECT_MS, lifetime }, () => {
      this.#toServer.cut();
      this.peerReset();
    });
  }

  #planClose(): void {
    if (this.#closePlanned) return;
    this.#closePlanned = true;
    this.#callBack(() => {
      this.#closed = true;
      for (const written of this.#waiting.splice(0)) written();
      this.#events?.closed();
    });
  }

  #callBack(run: () => void): void {
    this.#environment.scheduler.at({ delayMs: 0, order: "last", lifetime: this.#environment.lifetime }, run);
  }
}
