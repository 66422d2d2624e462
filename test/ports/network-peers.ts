/** The peer's end of a connection for the network suite: over real sockets, with the shape the simulator's has. */
import net from "node:net";
import type { SimConnection } from "../../sim/sim-network.ts";

export type Peer = SimConnection;

export function connectNodePeer(port: number): Peer {
  const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  let closing = false;
  const peer: Peer = {
    onData: () => undefined,
    onClosed: () => undefined,
    send: (bytes) => void socket.write(Uint8Array.from(bytes)),
    get unsentBytes() {
      return socket.writableLength;
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    shutdown: () => void socket.end(),
    close: () => {
      closing = true;
      socket.destroySoon();
    },
    reset: () => {
      closing = true;
      socket.resetAndDestroy();
    },
  };
  socket.on("data", (bytes: Buffer) => peer.onData(bytes));
  socket.on("end", () => void socket.end());
  socket.on("error", () => undefined);
  socket.on("close", () => {
    if (!closing) peer.onClosed();
  });
  return peer;
}
