/**
 * One request and how it is answered. Handlers get an `Exchange` and answer through it, at once or later.
 *
 * The barrier: whatever is answered, errors included, leaves only when the log is committed up to the position of the
 * state that it was computed from. `waitFor` says which that is; without it, the newest state record.
 */
import type { Api } from "../protocol/apis.ts";
import { encodeResponse } from "../protocol/codec/frame.ts";
import type { Message, MessageInput } from "../protocol/codec/message.ts";
import type { VersionRange } from "../protocol/codec/versions.ts";
import { UnencodableMessage } from "../protocol/codec/writer.ts";
import type { Broker } from "./broker.ts";
import type { Answer, AnswerSlot, Connection } from "./connection.ts";
import type { RequestMetrics } from "./metrics.ts";

export interface AnswerOptions {
  /** The log position that the answer's state is of. */
  readonly waitFor?: number;
  /** Called when the answer was sent, or never can be. */
  readonly sent?: () => void;
}

/** A request with its decoded body. Byte fields in it are gone after the handler has returned. */
export class Exchange<A extends Api = Api> {
  readonly broker: Broker;
  readonly connection: Connection;
  readonly version: number;
  readonly clientId: string | null;
  /** Who waits long before answering puts something smaller in its place: a request can be large once it is decoded. */
  request: Message<A["request"]>;
  readonly #api: A;
  readonly #correlationId: number;
  readonly #slot: AnswerSlot;
  readonly #metrics: RequestMetrics;
  readonly #receivedMs: number;

  constructor(fields: {
    readonly broker: Broker;
    readonly connection: Connection;
    readonly api: A;
    readonly version: number;
    readonly clientId: string | null;
    readonly correlationId: number;
    readonly request: Message<A["request"]>;
  }) {
    this.broker = fields.broker;
    this.connection = fields.connection;
    this.version = fields.version;
    this.clientId = fields.clientId;
    this.request = fields.request;
    this.#api = fields.api;
    this.#correlationId = fields.correlationId;
    this.#slot = fields.connection.openSlot();
    this.#receivedMs = fields.connection.lastActiveMs;
    this.#metrics = fields.broker.metrics.of(fields.api);
    this.#metrics.received(fields.version);
  }

  /** Answers. The body is encoded now and leaves when the barrier lets it. */
  answer(body: MessageInput<A["response"]>, options: AnswerOptions = {}): void {
    const { store, writer, clock } = this.broker;
    let answer: Answer;
    try {
      const encoded = encodeResponse(this.#api, this.version, this.#correlationId, body, writer);
      answer = { parts: encoded.parts, sizeBytes: encoded.sizeBytes, sent: options.sent };
    } catch (error) {
      if (!(error instanceof UnencodableMessage)) throw error;
      // Something that the peer sent, quoted back, is too long for a string of the protocol, or it asks for too much.
      options.sent?.();
      return this.connection.refuse(`its ${this.#api.name} request cannot be answered: ${error.message}`);
    }
    this.#metrics.answered(body);
    const answeredMs = clock.monotonicMs();
    store.whenCommitted(options.waitFor ?? store.state.position, () => {
      // Now, or in the turn in which the log was committed that far: at the later of the two.
      this.#metrics.released(this.#receivedMs, answeredMs, Math.max(answeredMs, store.committedMs));
      this.connection.fill(this.#slot, answer);
    });
  }

  /** See `Connection.whenNext`. */
  whenNext(): Promise<void> | undefined {
    return this.connection.whenNext(this.#slot);
  }

  /** Leaves the request without an answer (acks=0). `body` is what would have been said. */
  answerNothing(body: MessageInput<A["response"]>): void {
    this.#metrics.answered(body);
    this.connection.fill(this.#slot, "none");
  }
}

/** A handler of one API. Answers before it returns, or later. Never throws for what a peer can send. */
export type Handle<A extends Api> = (exchange: Exchange<A>) => void;

export interface Handler {
  readonly api: Api;
  /** The versions that are offered. */
  readonly versions: VersionRange;
  readonly handle: Handle<Api>;
}

/** Ties a handler to its API, and to the versions that are offered: all that are defined, if nothing else is said. */
export function handler<A extends Api>(api: A, handle: Handle<A>, versions: VersionRange = api.request.valid): Handler {
  return { api, versions, handle: handle as unknown as Handle<Api> };
}
