/** Where a group would go on after `reset-offsets`. */

export type ResetTarget =
  | { readonly kind: "earliest" | "latest" }
  | { readonly kind: "offset"; readonly offset: bigint }
  /** The first record of this time or later; the end when there is none. Milliseconds since 1970. */
  | { readonly kind: "time"; readonly ms: bigint }
  /** So far from the committed offset. A partition without one stays as it is. */
  | { readonly kind: "shift"; readonly by: bigint };

export interface PartitionState {
  readonly topic: string;
  readonly partition: number;
  readonly committed: bigint | null;
  readonly beginning: bigint;
  readonly end: bigint;
  /** Of a target that is a time: what was found for it. */
  readonly atTime: bigint | null;
}

export interface ResetPlan {
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint | null;
  readonly to: bigint;
}

/** One row for each partition that gets an offset. As Kafka does, what lies outside of a partition becomes its nearest end. */
export function planReset(target: ResetTarget, states: readonly PartitionState[]): readonly ResetPlan[] {
  return states.flatMap((state) => {
    const wanted = wantedOffset(target, state);
    if (wanted === undefined) return [];
    const { topic, partition, committed, beginning, end } = state;
    const to = wanted < beginning ? beginning : wanted > end ? end : wanted;
    return [{ topic, partition, from: committed, to }];
  });
}

function wantedOffset(target: ResetTarget, state: PartitionState): bigint | undefined {
  switch (target.kind) {
    case "earliest":
      return state.beginning;
    case "latest":
      return state.end;
    case "offset":
      return target.offset;
    case "time":
      return state.atTime ?? state.end;
    case "shift":
      return state.committed === null ? undefined : state.committed + target.by;
  }
}
