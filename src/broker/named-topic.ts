/** A topic as newer requests name it, by id, or as older ones do, by name. */
import { type Uuid, ZERO_UUID } from "../base/uuid.ts";
import type { State, Topic } from "../state/state.ts";

export function namedTopic(
  state: State,
  { name, topicId }: { readonly name: string; readonly topicId: Uuid },
): Topic | undefined {
  return topicId === ZERO_UUID ? state.topic(name) : state.topicById(topicId);
}
