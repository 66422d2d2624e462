/** The networks under test, and both ends of a connection for the suite to use. */
import assert from "node:assert/strict";
import { SimRandom } from "../../sim/random.ts";
import { Simulation } from "../../sim/simulation.ts";
import { createNodeNetwork } from "../../src/io/node-network.ts";
import type { Network, Socket, SocketEvents } from "../../src/ports/network.ts";
import { connectNodePeer, type Peer } from "./network-peers.ts";
import { Changes } from "./until.ts";

/** A network, and the peers that connect to it. */
export interface World {
  readonly network: Network;
  readonly random: SimRandom;
  /** More than the buffers between two ends ever hold. */
  readonly tooMuch: number;
  connect(port: number): Peer;
}

export interface Backend {
  readonly name: string;
  run(scenario: (world: World) => Promise<void>): Promise<void>;
}

export const MIB = 1024 * 1024;

function nodeBackend(moveHandles: boolean): Backend["run"] {
  return (scenario) =>
    scenario({
      network: createNodeNetwork({ moveHandles }),
      random: new SimRandom(1),
      tooMuch: 16 * MIB,
      connect: connectNodePeer,
    });
}

export const BACKENDS: readonly Backend[] = [
  { name: "node", run: nodeBackend(true) },
  { name: "node, copying", run: nodeBackend(false) },
  {
    name: "simulated",
    run: async (scenario) => {
      for (let seed = 1; seed <= 20; seed++) {
        const simulation = new Simulation({ seed });
        await simulation.run(({ network, random }) =>
          scenario({ network, random, tooMuch: 2 * MIB, connect: (port) => simulation.connect(port) }),
        );
      }
    },
  },
];

export const ANYWHERE = { host: "127.0.0.1", port: 0 };

/** A handler that collects what it receives, and checks the order of the calls. */
export class Collector implements SocketEvents {
  readonly socket: Socket;
  readonly changes: Changes;
  readonly chunks: Buffer[] = [];
  buffer: Uint8Array;
  asked = 0;
  closedCalls = 0;
  onReceived: () => void = () => undefined;
  #current: Uint8Array | undefined;

  constructor(socket: Socket, options: { changes: Changes; buffer?: Uint8Array }) {
    this.socket = socket;
    this.changes = options.changes;
    this.buffer = options.buffer ?? Buffer.alloc(1024);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString("latin1");
  }

  get size(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  readBuffer(): Uint8Array {
    assert.equal(this.closedCalls, 0, "asked after closed");
    assert.equal(this.#current, undefined, "asked twice for one read");
    this.asked++;
    this.#current = this.buffer;
    return this.buffer;
  }

  received(size: number): void {
    assert.equal(this.closedCalls, 0, "received after closed");
    assert(this.#current !== undefined, "received without a buffer");
    assert(size > 0 && size <= this.#current.length);
    this.chunks.push(Buffer.from(this.#current.subarray(0, size)));
    this.#current = undefined;
    this.onReceived();
    this.changes.changed();
  }

  closed(): void {
    this.closedCalls++;
    this.changes.changed();
  }
}

/** A listener whose sockets all go to collectors. */
export async function collect(network: Network, options: { buffer?: Uint8Array } = {}) {
  const changes = new Changes();
  const collectors: Collector[] = [];
  const listener = await network.listen(ANYWHERE, (socket) => {
    const collector = new Collector(socket, { changes, ...options });
    collectors.push(collector);
    changes.changed();
    return collector;
  });
  const first = async () => {
    await changes.until(() => collectors.length > 0);
    return collectors[0]!;
  };
  return { listener, collectors, changes, first };
}

/** Collects what a peer receives. */
export function inbox(peer: Peer, changes: Changes) {
  const chunks: Buffer[] = [];
  const state = {
    closed: false,
    get bytes() {
      return Buffer.concat(chunks);
    },
  };
  peer.onData = (bytes) => {
    chunks.push(Buffer.from(bytes));
    changes.changed();
  };
  peer.onClosed = () => {
    state.closed = true;
    changes.changed();
  };
  return state;
}

/** A second listener: a round trip to it is a while in which everything that could happen has had its chance. */
export async function startEcho(world: World) {
  const changes = new Changes();
  const listener = await world.network.listen(ANYWHERE, (socket) => {
    const buffer = Buffer.alloc(1);
    return {
      readBuffer: () => buffer,
      received: () => socket.write([Uint8Array.from(buffer)], () => undefined),
      closed: () => undefined,
    };
  });
  const peer = world.connect(listener.address.port);
  const received = inbox(peer, changes);
  return {
    roundTrip: async () => {
      const { length } = received.bytes;
      peer.send(Buffer.from("?"));
      await changes.until(() => received.bytes.length > length);
    },
    stop: () => {
      peer.close();
      return listener.close();
    },
  };
}

/** Sends in pieces of drawn sizes. */
export function sendInPieces(peer: Peer, bytes: Uint8Array, random: SimRandom): void {
  for (let from = 0; from < bytes.length; ) {
    const size = random.pick([1, random.between(1, 100), random.between(1, 50_000)]);
    peer.send(bytes.subarray(from, from + size));
    from += size;
  }
}
