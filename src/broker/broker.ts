/**
 * The broker: what handlers work with, and the connections they answer to.
 */

import { BufferPool } from "../base/buffer-pool.ts";
import type { GroupFold } from "../coordinator/group-fold.ts";
import type { BatchReader } from "../log/batch-reader.ts";
import { ByteBudget } from "../log/byte-budget.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { Address, Listener, Network, Socket, SocketEvents } from "../ports/network.ts";
import type { Random } from "../ports/random.ts";
import { Writer } from "../protocol/codec/writer.ts";
import type { Store } from "../state/store.ts";
import type { Storage } from "../storage/storage.ts";
import { Connection, SHARED_BUFFER_BYTES } from "./connection.ts";
import { FetchSessions } from "./fetch-sessions.ts";
import { Groups } from "./groups.ts";
import { BrokerMetrics } from "./metrics.ts";
import { ParkedFetches } from "./parked-fetches.ts";
import { ProducerIds } from "./producer-ids.ts";
import { route } from "./router.ts";

export interface BrokerOptions {
  readonly nodeId: number;
  readonly store: Store;
  readonly storage: Storage;
  /** What the log knows of groups. */
  readonly groupFold: GroupFold;
  readonly reader: BatchReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly log: (line: string) => void;
  /** Something failed that must not: ends the process. */
  readonly fail: (error: unknown) => void;
}

/** Where clients of one listener are sent. */
export type Endpoint = Address;

/** Requests up to this size have memory of their own, so that none waits for a large one that does not come. */
const SMALL_REQUEST_BYTES = 16 * 1024;
const SMALL_REQUESTS_BYTES = 8 * 1024 * 1024;
/** An answer, but for its records. A few bytes of a request can ask for thousands: beyond this it is not answered. */
export const MAX_ANSWER_BYTES = 128 * 1024 * 1024;
/** How often the deadlines of connections are looked at. */
const DEADLINE_CHECK_MS = 5_000;

export class Broker {
  readonly nodeId: number;
  readonly store: Store;
  readonly storage: Storage;
  readonly reader: BatchReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly log: (line: string) => void;
  readonly fail: (error: unknown) => void;
  /** Shared by all answers: used within one turn only. */
  readonly writer = new Writer(MAX_ANSWER_BYTES);
  readonly fetchSessions: FetchSessions;
  readonly producerIds: ProducerIds;
  readonly groups: Groups;
  readonly parkedFetches: ParkedFetches;
  readonly metrics = new BrokerMetrics();
  /** Of the disk, as it was last looked at. */
  freeBytes = Number.POSITIVE_INFINITY;
  /** Less free disk than `wal.min.free.bytes`: produce requests are refused. */
  spaceLow = false;
  /** Where the log will have come down to that, as the disk was last seen: it can be filled faster than it is looked at. */
  spaceEnd = Number.POSITIVE_INFINITY;
  readonly #connections = new Set<Connection>();
  readonly #listeners: Listener[] = [];
  readonly #shared = Buffer.allocUnsafeSlow(SHARED_BUFFER_BYTES);
  readonly #frames = new BufferPool();
  readonly #largeRequests: ByteBudget;
  readonly #smallRequests = new ByteBudget(SMALL_REQUESTS_BYTES);
  readonly #throttled = new Set<Connection>();
  #deadlineTimer: Timer | undefined;
  #stopping = false;

  constructor(options: BrokerOptions) {
    this.nodeId = options.nodeId;
    this.store = options.store;
    this.storage = options.storage;
    this.reader = options.reader;
    this.clock = options.clock;
    this.random = options.random;
    this.disk = options.disk;
    this.log = options.log;
    this.fail = options.fail;
    this.parkedFetches = new ParkedFetches(this.clock);
    this.producerIds = new ProducerIds(this.store);
    const { clock, random, store, groupFold: fold } = options;
    this.groups = new Groups({ store, fold, clock, random });
    const config = this.store.state.broker;
    this.#largeRequests = new ByteBudget(config["queued.max.request.bytes"]);
    this.fetchSessions = new FetchSessions({
      slots: config["max.incremental.fetch.session.cache.slots"],
      clock: this.clock,
      random: this.random,
    });
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Bytes of requests that are being read. */
  get requestBytes(): number {
    return this.#largeRequests.usedBytes + this.#smallRequests.usedBytes;
  }

  /** What `requestBytes` may come to. */
  get requestLimitBytes(): number {
    return this.#largeRequests.limitBytes + this.#smallRequests.limitBytes;
  }

  /** Requests that wait for memory before they are read. */
  get waitingRequests(): number {
    return this.#largeRequests.waiting + this.#smallRequests.waiting;
  }

  /** Connections that are held back because too much waits for the log. */
  get throttledCount(): number {
    return this.#throttled.size;
  }

  /** Listens. `endpoint` is what clients of this listener are told; its port 0 stands for the port bound. */
  async listen(network: Network, address: Address, endpoint: Endpoint): Promise<Address> {
    const listener = await network.listen(address, (socket) => {
      const { port } = socket.local;
      return this.#accept(socket, { host: endpoint.host, port: endpoint.port === 0 ? port : endpoint.port });
    });
    this.#listeners.push(listener);
    if (this.#listeners.length === 1) this.#checkDeadlines();
    return listener.address;
  }

  /** Holds a producer's connection back when too much waits: for being synced, or for becoming segments. */
  throttle(connection: Connection): void {
    const { wal, state } = this.store;
    if (this.#throttled.has(connection)) return;
    if (wal.pendingBytes > state.broker["wal.max.pending.bytes"]) {
      this.#holdBack(connection);
      this.store.whenCommitted(wal.position, () => this.#letGo(connection));
    } else if (this.storage.backlog.delayMs > 0) {
      this.storage.metrics.producersHeldBack += 1;
      this.#holdBack(connection);
      this.#delay(connection);
    }
  }

  /** Stops listening, answers what was asked, and closes the connections. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#deadlineTimer?.cancel();
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    this.parkedFetches.stopWaiting();
    this.groups.stop();
    await this.store.wal.flush();
    for (const connection of [...this.#connections]) connection.finish();
  }

  /** Until the backlog allows more. */
  #delay(connection: Connection): void {
    this.clock.schedule(this.storage.backlog.delayMs, () => {
      if (this.storage.backlog.isFull && !this.#stopping) this.#delay(connection);
      else this.#letGo(connection);
    });
  }

  #holdBack(connection: Connection): void {
    this.#throttled.add(connection);
    connection.closeGate();
  }

  #letGo(connection: Connection): void {
    this.#throttled.delete(connection);
    connection.openGate();
  }

  #accept(socket: Socket, endpoint: Endpoint): SocketEvents {
    const config = this.store.state.broker;
    const connection = new Connection({
      socket,
      endpoint,
      clock: this.clock,
      shared: this.#shared,
      frames: this.#frames,
      budgetFor: (sizeBytes) => (sizeBytes <= SMALL_REQUEST_BYTES ? this.#smallRequests : this.#largeRequests),
      maxFrameBytes: config["socket.request.max.bytes"],
      handle: (from, buffer, at, end) => route(this, from, buffer, at, end),
      closed: (gone) => this.#connections.delete(gone),
      log: this.log,
      metrics: this.metrics,
    });
    this.#connections.add(connection);
    this.metrics.connectionsOpened += 1;
    if (this.#stopping || this.#connections.size > config["max.connections"]) {
      connection.refuse(`there are max.connections (${config["max.connections"]}) already`);
    }
    return connection;
  }

  #checkDeadlines(): void {
    const nowMs = this.clock.monotonicMs();
    const idleSinceMs = nowMs - this.store.state.broker["connections.max.idle.ms"];
    for (const connection of this.#connections) connection.checkDeadlines(nowMs, idleSinceMs);
    this.#deadlineTimer = this.clock.schedule(DEADLINE_CHECK_MS, () => this.#checkDeadlines());
  }
}
