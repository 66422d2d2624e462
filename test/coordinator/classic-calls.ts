/** Requests of the classic protocol, with what tests seldom care about filled in. */

import type { Int64 } from "../../src/base/int64.ts";
import type { Uuid } from "../../src/base/uuid.ts";
import type { JoinRequest, SyncRequest } from "../../src/coordinator/classic-group.ts";
import type { JoinReply, SyncReply } from "../../src/coordinator/classic-member.ts";
import type { Effects } from "../../src/coordinator/effects.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { Call, type GroupWorld, type JoinCall, type SyncCall } from "./group-world.ts";

export const GROUP = "group";
export const SESSION_MS = 10_000;
export const REBALANCE_MS = 60_000;

export type Hold = (effects: Effects) => void;

/** A consumer's subscription, as it stands in the metadata of a member. */
export function subscription(...topics: readonly string[]): Buffer {
  const parts = topics.map((topic) => {
    const bytes = Buffer.from(topic);
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
  });
  const head = Buffer.alloc(6);
  head.writeInt32BE(topics.length, 2);
  return Buffer.concat([head, ...parts, Buffer.from([0xff, 0xff, 0xff, 0xff])]);
}

export function offered(...names: readonly string[]): JoinRequest["protocols"] {
  return names.map((name) => ({ name, metadata: subscription("topic") }));
}

export function join(world: GroupWorld, fields: Partial<JoinRequest> = {}, hold?: Hold): JoinCall {
  const call = new Call<JoinReply>();
  const request: JoinRequest = {
    version: 9,
    groupId: GROUP,
    memberId: "",
    instanceId: null,
    clientId: "client",
    clientHost: "/127.0.0.1",
    sessionTimeoutMs: SESSION_MS,
    rebalanceTimeoutMs: REBALANCE_MS,
    protocolType: "consumer",
    protocols: offered("range"),
    ...fields,
  };
  world.decide((coordinator, now, effects) => coordinator.join(request, call, now, effects), hold);
  return call;
}

export function sync(world: GroupWorld, fields: Partial<SyncRequest>, hold?: Hold): SyncCall {
  const call = new Call<SyncReply>();
  const request: SyncRequest = {
    groupId: GROUP,
    memberId: "",
    instanceId: null,
    generation: 1,
    protocolType: null,
    protocolName: null,
    assignments: [],
    ...fields,
  };
  world.decide((coordinator, now, effects) => coordinator.sync(request, call, now, effects), hold);
  return call;
}

/** A new dynamic member: asks for its id and joins with it. */
export function enter(world: GroupWorld, fields: Partial<JoinRequest> = {}): JoinCall & { readonly memberId: string } {
  const memberId = join(world, fields).reply?.memberId ?? "";
  const call = join(world, { ...fields, memberId });
  return Object.assign(call, { memberId });
}

/** Members that are alone in a group, complete and stable: the first leads. Answers their ids. */
export function stableGroup(world: GroupWorld, count: number, fields: Partial<JoinRequest> = {}): string[] {
  const ids: string[] = [];
  for (let index = 0; index < count; index++) {
    const { memberId } = enter(world, fields);
    for (const other of ids) join(world, { ...fields, memberId: other });
    ids.push(memberId);
    world.advance(0);
    const { generation } = world.coordinator.classicGroup(fields.groupId ?? GROUP)!;
    const assignments = ids.map((id) => ({ memberId: id, assignment: Buffer.from(`work of ${id}`) }));
    for (const id of ids) {
      sync(world, { memberId: id, generation, assignments, ...(fields.groupId && { groupId: fields.groupId }) });
    }
  }
  return ids;
}

export function heartbeat(
  world: GroupWorld,
  memberId: string,
  generation: number,
  instanceId: string | null = null,
): ErrorCode {
  return world.decide((coordinator, now) => coordinator.heartbeat(GROUP, { memberId, instanceId, generation }, now));
}

export function leave(world: GroupWorld, memberId: string, instanceId: string | null = null, hold?: Hold): ErrorCode {
  const result = world.decide(
    (coordinator, now, effects) => coordinator.leave(GROUP, [{ memberId, instanceId }], now, effects),
    hold,
  );
  return typeof result === "number" ? result : (result[0] ?? ErrorCode.NONE);
}

export const TOPIC_ID = "topic-topic-topi" as Uuid;

export interface CommitFields {
  readonly groupId?: string;
  readonly memberId?: string;
  readonly instanceId?: string | null;
  readonly generation?: number;
  readonly version?: number;
  readonly retentionMs?: number;
  readonly topicId?: Uuid;
  readonly partition?: number;
  readonly offset: Int64;
}

export function commit(world: GroupWorld, fields: CommitFields, hold?: Hold): ErrorCode {
  const { groupId = GROUP, memberId = "", instanceId = null, generation = -1 } = fields;
  const { version = 9, retentionMs = -1, topicId = TOPIC_ID, partition = 0, offset } = fields;
  const partitions = [{ partition, offset, leaderEpoch: -1, metadata: "" }];
  return world.decide(
    (coordinator, now, effects) =>
      coordinator.commit(
        {
          version,
          groupId,
          committer: { memberId, instanceId, generation },
          retentionMs,
          topics: [{ topicId, partitions }],
        },
        now,
        effects,
      ),
    hold,
  );
}

export function committed(world: GroupWorld, groupId = GROUP, topicId = TOPIC_ID, partition = 0): Int64 | undefined {
  return world.coordinator.offsets(groupId).get(topicId)?.get(partition)?.offset;
}
