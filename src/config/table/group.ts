/** Settings of a group. */
import { int, string, withoutMeaning } from "../setting.ts";

export const GROUP = {
  "consumer.heartbeat.interval.ms": int(5000, "How often members of the consumer group send a heartbeat.", {
    min: 1,
  }),
  "consumer.session.timeout.ms": int(45000, "How long a member of the consumer group may be silent.", { min: 1 }),
  ...withoutMeaning("share groups are not part of this version yet", {
    "share.auto.offset.reset": string("latest", "Where a share group starts in a partition it has not read yet.", {
      custom: {
        valid: "latest, earliest or by_duration:PnDTnHnMn.nS",
        problem(text) {
          if (/^(earliest|latest|by_duration:P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d{1,9})?S)?)?)$/.test(text)) {
            return null;
          }
          return (
            `Invalid value \`${text}\` for configuration share.auto.offset.reset. The value must be either ` +
            "'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."
          );
        },
      },
    }),
    "share.heartbeat.interval.ms": int(5000, "How often members of the share group send a heartbeat.", { min: 1 }),
    "share.isolation.level": string("read_uncommitted", "Whether records of aborted transactions are delivered.", {
      oneOf: ["read_committed", "read_uncommitted"],
    }),
    "share.record.lock.duration.ms": int(30000, "How long a member of the share group holds a record.", { min: 1000 }),
    "share.session.timeout.ms": int(45000, "How long a member of the share group may be silent.", { min: 1 }),
  }),
  ...withoutMeaning("streams groups are not part of this version yet", {
    "streams.heartbeat.interval.ms": int(5000, "How often members of the streams group send a heartbeat.", { min: 1 }),
    "streams.initial.rebalance.delay.ms": int(3000, "How long a new streams group waits for more members.", {
      min: 0,
    }),
    "streams.num.standby.replicas": int(0, "Standby replicas of each task.", { min: 0 }),
    "streams.session.timeout.ms": int(45000, "How long a member of the streams group may be silent.", { min: 1 }),
  }),
};
