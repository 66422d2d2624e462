/** What a client believes the leader epoch to be, against what it is (KIP-320). */
import { ErrorCode } from "../protocol/errors.ts";

/** `asked` is -1 when the client does not say. */
export function leaderEpochProblem(asked: number, current: number): ErrorCode {
  if (asked < 0 || asked === current) return ErrorCode.NONE;
  return asked < current ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH;
}
