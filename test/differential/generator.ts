/**
 * Requests of an API: mostly meaningful ones, errors on purpose among them. A generator draws what is random once and
 * returns the request as a function of a side, because ids differ between the brokers.
 */
import type { SimRandom } from "../../sim/random.ts";
import { ZERO_UUID } from "../../src/base/uuid.ts";
import type { Api } from "../../src/protocol/apis.ts";
import type { Message, MessageInput } from "../../src/protocol/codec/message.ts";
import type { Side } from "./side.ts";

export interface Draw {
  readonly random: SimRandom;
  readonly version: number;
  /** Opens the names of this sequence's topics and groups. */
  readonly prefix: string;
}

export interface Generator<A extends Api = Api> {
  readonly api: A;
  readonly request: (draw: Draw) => (side: Side) => MessageInput<A["request"]>;
  /** Puts away what later requests need of an answer. */
  readonly learn?: (answer: Message<A["response"]>, side: Side, asked: MessageInput<A["request"]>) => void;
}

export function generator<A extends Api>(one: Generator<A>): Generator {
  return one as unknown as Generator;
}

/** A topic that stays, one that comes and goes, one that never is, or no name for a topic at all. */
export function drawTopic({ random, prefix }: Draw): string {
  const name = random.pick(["kept", "kept", "kept", "other", "other", "brief", "never", "bad name"]);
  return prefix + name;
}

/** How a request names a topic: by name, or by id from this version on. */
export function topicIn(
  draw: Draw,
  idsFrom: number,
  { nameField = "name", zeroIds = true } = {},
): (side: Side) => object {
  const topic = drawTopic(draw);
  if (draw.version < idsFrom) return () => ({ [nameField]: topic });
  const none = draw.random.chance(0.1) && zeroIds;
  return (side) => ({ topicId: none ? ZERO_UUID : side.topicId(topic) });
}
