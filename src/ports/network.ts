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

/**
 * One accepted connection. Its life: `accept` is called with it and returns its events; `readBuffer` and `received`
 * take turns; `closed` is the last call. Nothing is called back from within a call of one of its methods, and nothing
 * at all before `accept` has returned or after `closed`.
 */
export interface Socket {
  /** For log lines: `127.0.0.1:51234`. */
  readonly peer: string;
  /** The address and port of this end. */
  readonly local: Address;
  /**
   * Sends the parts one behind the other. They must not change until `written` is called: once the system has taken
   * every byte, or the connection is gone. Calls go out, and `written` comes back, in their order; before `closed`
   * each has come back. Nothing limits what waits: callers do. After `end` or `destroy` nothing is sent any more.
   */
  write(parts: readonly Uint8Array[], written: () => void): void;
  /**
   * After this no bytes are delivered until `resume`, and the peer's own sending fills up and stops. Nor is the end of
   * the peer noticed, except by a write that fails: a pause needs a deadline of its own.
   */
  pause(): void;
  resume(): void;
  /** Sends what waits, then closes. No bytes are delivered any more. A peer that does not read can hold it up. */
  end(): void;
  /** Closes at once; what waits is lost. No bytes are delivered any more. */
  destroy(): void;
}

/**
 * The broker's side of one connection.
 *
 * The rule of buffers: an answer of `readBuffer` counts until the next `received`, which says how many bytes of it
 * were filled. In between, which can be hours, the system may write into it at any moment. So a buffer that was given
 * must stay good for this connection until then, even if its owner has begun to prefer another one: above all, bytes
 * that are still needed must not stay in a buffer that another connection has been given.
 *
 *     A asks for a buffer and is given the shared block S
 *     B is given S too, B receives a frame into S, and the frame is kept as a view of S
 *     the owner gives S2 from now on, but A has S: A's next bytes destroy B's frame
 *
 * Sharing itself is safe: S is filled and `received` is called with nothing in between, for one connection after the
 * other. What is needed after `received` returns is copied out of S, or is read into a buffer of its own.
 */
export interface SocketEvents {
  /**
   * Where the next bytes shall go, at least one byte long. Asked once for each `received`, never while paused: at some
   * moment after `accept` or the last `received` (usually right then) and, after a pause that began in `received`,
   * not before `resume`. So a handler that waits for memory pauses in `received`, and resumes when it has a buffer.
   */
  readBuffer(): Uint8Array;
  /** The first `size` (≥ 1) bytes of the buffer given last hold new input. */
  received(size: number): void;
  /**
   * The peer is gone, or has closed its sending side, or `end`/`destroy` has finished. Called once; the last call.
   * All bytes that came before the end of the peer's input were delivered; after an error some may be missing.
   */
  closed(): void;
}
