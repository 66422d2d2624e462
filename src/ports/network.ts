/** Stream sockets, as the broker sees them: accept, bytes in, gathered bytes out. */
export interface Network {
  /** Listens. Rejects with an `IoError` (`conflict`: the address is in use). `port` 0 picks a free one. */
  listen(address: Address, accept: (socket: Socket) => SocketEvents): Promise<Listener>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Listener {
  /** What it is bound to, with the real port. */
  readonly address: Address;
  /** Stops accepting; sockets that are open stay open. */
  close(): Promise<void>;
}

/** One accepted connection. Nothing is called back any more once `closed` was. */
export interface Socket {
  /** For log lines: `127.0.0.1:51234`. */
  readonly peer: string;
  /** The address and port of this end. */
  readonly local: Address;
  /**
   * Sends the parts one behind the other. They must not change until `written` is called: once the system has taken
   * every byte, or the connection is gone. Calls go out in their order. Nothing limits what waits: callers do.
   */
  write(parts: readonly Uint8Array[], written: () => void): void;
  /** After this no bytes are delivered until `resume`, and the peer's own sending fills up and stops. */
  pause(): void;
  resume(): void;
  /** Sends what waits, then closes. */
  end(): void;
  /** Closes at once; what waits is lost. */
  destroy(): void;
}

/** The broker's side of one connection. */
export interface SocketEvents {
  /**
   * Where the next bytes shall go; asked before each read, at least one byte long. Several connections may give the
   * same buffer: it is filled and `received` is called without anything in between.
   */
  readBuffer(): Uint8Array;
  /** The first `size` bytes of the buffer given last hold new input. */
  received(size: number): void;
  /** The peer is gone, or `end`/`destroy` has finished. Called once; the last call. */
  closed(): void;
}
