/** An example of an API: a request that is valid in every version, and what its answer has to say. */
import type { Uuid } from "../../src/base/uuid.ts";
import type { Api } from "../../src/protocol/apis.ts";
import type { Message, MessageInput } from "../../src/protocol/codec/message.ts";

/** A topic with two records in one partition is there, and a group with one member that has committed offset 1 of it. */
export interface Given {
  readonly topic: string;
  readonly topicId: Uuid;
  readonly group: string;
  readonly memberId: string;
}

export interface Example<A extends Api = Api> {
  readonly api: A;
  readonly request: (version: number, given: Given) => MessageInput<A["request"]>;
  readonly check: (answer: Message<A["response"]>, version: number, given: Given) => void;
}

export function example<A extends Api>(one: Example<A>): Example {
  return one as unknown as Example;
}
