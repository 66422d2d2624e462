/** Which member of a consumer group may use a partition, or may still use it until it has given it up. */
import type { Uuid } from "../base/uuid.ts";
import type { ConsumerMember } from "./consumer-member.ts";

type Held = Pick<ConsumerMember, "memberId" | "assigned" | "pendingRevocation">;

export class PartitionHolders {
  /** Member id by topic and partition. */
  readonly #holders = new Map<Uuid, Map<number, string>>();

  of(topicId: Uuid, partition: number): string | undefined {
    return this.#holders.get(topicId)?.get(partition);
  }

  hold({ memberId, assigned, pendingRevocation }: Held): void {
    for (const held of [assigned, pendingRevocation]) {
      for (const [topicId, partitions] of held) {
        let holders = this.#holders.get(topicId);
        if (holders === undefined) {
          holders = new Map();
          this.#holders.set(topicId, holders);
        }
        for (const partition of partitions) holders.set(partition, memberId);
      }
    }
  }

  release({ memberId, assigned, pendingRevocation }: Held): void {
    for (const held of [assigned, pendingRevocation]) {
      for (const [topicId, partitions] of held) {
        const holders = this.#holders.get(topicId);
        if (holders === undefined) continue;
        for (const partition of partitions) if (holders.get(partition) === memberId) holders.delete(partition);
        if (holders.size === 0) this.#holders.delete(topicId);
      }
    }
  }
}
