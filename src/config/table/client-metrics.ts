/** Settings of a client metrics subscription (KIP-714). */
import { int, list, withoutMeaning } from "../setting.ts";

export const CLIENT_METRICS = {
  ...withoutMeaning("clients are not asked for their metrics", {
    "interval.ms": int(300000, "How often clients send their metrics."),
    match: list([], "Which clients: a list of SELECTOR=REGULAR EXPRESSION, none for all."),
    metrics: list([], "Prefixes of the metrics that clients send."),
  }),
};
