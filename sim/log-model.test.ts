/** Every rule of the model is broken once, by a history that a client could have seen; a good history breaks none. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Uuid } from "../src/base/uuid.ts";
import { encodeBatch } from "../src/protocol/record.ts";
import { setBatchBaseOffset, setBatchLeaderEpoch } from "../src/protocol/record-batch.ts";
import {
  LogModel,
  type PartitionModel,
  type ReadPartition,
  type ReadTopic,
  type Rule,
  type SentBatch,
  type SentRequest,
  type TopicModel,
  Violation,
} from "./log-model.ts";

const ID = "0123456789abcdef" as Uuid;
const SETTINGS = new Map([["cleanup.policy", "delete"]]);

/** A model that knows of one topic with two partitions, in its first life. */
class History {
  readonly model = new LogModel();
  readonly topic: TopicModel;
  readonly place: PartitionModel;
  readonly other: PartitionModel;
  #values = 0;

  constructor(settings = SETTINGS) {
    this.model.life = 1;
    const asked = { name: "orders", partitions: 2, settings };
    this.model.asked.push(asked);
    this.topic = this.model.topicCreated(asked, ID);
    [this.place, this.other] = this.topic.partitions as [PartitionModel, PartitionModel];
    this.model.leaderEpochShown(this.topic, 0);
  }

  send(place = this.place, request: SentRequest = { batches: [] }, idempotent = true): SentBatch {
    const bytes = encodeBatch([{ value: `${this.#values++}` }, { value: "and another" }]);
    return this.model.sent({ bytes, records: 2, place, producer: 1, idempotent, request, sentMs: this.#values });
  }

  /** Sends a batch and is told that it stands at `offset`. */
  produce(offset: number, place = this.place): SentBatch {
    const batch = this.send(place);
    this.model.acknowledged(batch, offset, this.#values);
    return batch;
  }

  /** What a client reads in the next life, with these batches one behind the other. */
  read(batches: readonly SentBatch[], changes: Partial<ReadTopic> = {}): ReadTopic {
    return {
      id: ID,
      name: "orders",
      leaderEpoch: 1,
      settings: SETTINGS,
      partitions: [stored(batches), stored([])],
      ...changes,
    };
  }

  restart(): void {
    this.model.life += 1;
  }

  /** The next life begins, and a client reads this. */
  finds(...topics: readonly ReadTopic[]): void {
    this.restart();
    this.model.check(topics);
  }
}

/** The batches as a broker would give them, from `logStart` on. */
function stored(batches: readonly SentBatch[], logStart = 0, epoch = 0): ReadPartition {
  let offset = logStart;
  const read = batches.map(({ bytes, records }) => {
    const copy = Buffer.from(bytes);
    setBatchBaseOffset(copy, 0, offset);
    setBatchLeaderEpoch(copy, 0, epoch);
    offset += records;
    return copy;
  });
  return { logStart, highWatermark: offset, batches: read };
}

const NEW = { from: 0, logStart: 0, highWatermark: 0 };

/** Each takes a history that is fine so far, and breaks the rule with its last step. */
const BREACHES: readonly (readonly [Rule, string, (history: History) => void])[] = [
  [
    "acknowledged batches stay",
    "the last one is gone",
    (h) => {
      const batches = [h.produce(0), h.produce(2)];
      h.place.highWatermark = 0;
      h.finds(h.read(batches.slice(0, 1)));
    },
  ],
  [
    "shown batches stay",
    "what a consumer was shown is gone",
    (h) => {
      const batch = h.send();
      h.model.shown(h.place, NEW, stored([batch]));
      h.place.highWatermark = 0;
      h.finds(h.read([]));
    },
  ],
  [
    "high watermark never goes back",
    "what a consumer was shown is beyond the end",
    (h) => {
      h.model.shown(h.place, NEW, stored([h.send()]));
      h.finds(h.read([]));
    },
  ],
  [
    "a batch has one offset",
    "a retry is told another offset",
    (h) => {
      const batch = h.produce(0);
      h.model.acknowledged(batch, 2, 9);
    },
  ],
  [
    "a batch has one offset",
    "a batch is there twice",
    (h) => {
      const batch = h.produce(0);
      h.finds(h.read([batch, batch]));
    },
  ],
  [
    "an offset has one batch",
    "two batches are told the same offset",
    (h) => {
      h.produce(0);
      h.produce(1);
    },
  ],
  [
    "only what was sent is there",
    "a batch of another partition",
    (h) => {
      h.finds(h.read([h.produce(0, h.other)]));
    },
  ],
  [
    "bytes stay",
    "one bit is another",
    (h) => {
      const read = stored([h.produce(0)]);
      read.batches[0]![70]! ^= 1;
      h.finds(h.read([], { partitions: [read, stored([])] }));
    },
  ],
  [
    "no holes",
    "a batch in the middle is missing",
    (h) => {
      const [first, , last] = [h.produce(0), h.produce(2), h.produce(4)];
      const partition = { ...stored([first, last]), highWatermark: 6 };
      setBatchBaseOffset(partition.batches[1]!, 0, 4);
      h.finds(h.read([], { partitions: [partition, stored([])] }));
    },
  ],
  [
    "no holes",
    "less is read than the high watermark promises",
    (h) => {
      h.finds(h.read([], { partitions: [{ ...stored([h.produce(0)]), highWatermark: 5 }, stored([])] }));
    },
  ],
  [
    "no holes",
    "more is read than the high watermark allows",
    (h) => {
      h.model.shown(h.place, NEW, { ...stored([h.send()]), highWatermark: 1 });
    },
  ],
  [
    "log start never goes back",
    "what was let go of is there again",
    (h) => {
      h.place.logStart = 2;
      h.finds(h.read([h.produce(0), h.produce(2)]));
    },
  ],
  [
    "retention keeps what it should",
    "a topic without a limit begins at 2",
    (h) => {
      const [, last] = [h.produce(0), h.produce(2)];
      h.finds(h.read([], { partitions: [stored([last], 2), stored([])] }));
    },
  ],
  [
    "requests are whole",
    "one partition of two",
    (h) => {
      const request: SentRequest = { batches: [] };
      const batch = h.send(h.place, request);
      h.send(h.other, request);
      h.finds(h.read([batch]));
    },
  ],
  [
    "order stays",
    "the second without the first",
    (h) => {
      h.send();
      h.finds(h.read([h.send()]));
    },
  ],
  [
    "order stays",
    "the second before the first",
    (h) => {
      const [first, second] = [h.send(), h.send()];
      h.finds(h.read([second, first]));
    },
  ],
  ["topics stay", "the topic is gone", (h) => h.finds()],
  [
    "topics stay",
    "a topic that nobody asked for",
    (h) => {
      h.finds(h.read([]), h.read([], { id: "another topic id" as Uuid, name: "payments" }));
    },
  ],
  ["topics stay", "a partition is gone", (h) => h.finds(h.read([], { partitions: [stored([])] }))],
  ["topics stay", "a setting is gone", (h) => h.finds(h.read([], { settings: new Map() }))],
  ["topics stay", "its name is another", (h) => h.finds(h.read([], { name: "payments" }))],
  [
    "deleted topics stay away",
    "it is back",
    (h) => {
      h.topic.fate = "deleted";
      h.finds(h.read([]));
    },
  ],
  ["leader epochs rise", "a start that changes nothing", (h) => h.finds(h.read([], { leaderEpoch: 0 }))],
  ["leader epochs rise", "two epochs in one life", (h) => h.model.leaderEpochShown(h.topic, 1)],
  [
    "leader epochs rise",
    "a batch of an epoch that is still to come",
    (h) => {
      h.finds(h.read([], { partitions: [stored([h.produce(0)], 0, 2), stored([])] }));
    },
  ],
  [
    "leader epochs tell of losses",
    "a lost offset is used again in the same epoch",
    (h) => {
      h.produce(0);
      h.restart();
      h.model.forgiveLoss([h.read([])], 0);
      h.model.check([h.read([])]);
      h.model.shown(h.place, NEW, stored([h.send()]));
    },
  ],
  [
    "only the unsynced is lost",
    "what was acknowledged long ago",
    (h) => {
      h.produce(0);
      h.model.forgiveLoss([h.read([])], 100);
    },
  ],
  [
    "only the unsynced is lost",
    "an older batch and not a newer one",
    (h) => {
      h.produce(0);
      const newer = h.produce(0, h.other);
      h.model.forgiveLoss([h.read([], { partitions: [stored([]), stored([newer])] })], 0);
    },
  ],
  [
    "producer ids are given out once",
    "the same again",
    (h) => {
      h.model.producerIdGiven(7);
      h.model.producerIdGiven(7);
    },
  ],
  [
    "identity stays",
    "another cluster",
    (h) => {
      h.model.clusterIs("one");
      h.model.clusterIs("another");
    },
  ],
  ["good requests are accepted", "refused without a reason", (h) => h.model.refused(h.send(), "error 42")],
  [
    "fetches get on",
    "the same batch for ever",
    (h) => {
      const batches = [h.produce(0), h.produce(2)];
      h.model.shown(h.place, { ...NEW, from: 2 }, stored(batches));
    },
  ],
  [
    "fetches get on",
    "the batch that was asked for is passed over",
    (h) => {
      const [, last] = [h.produce(0), h.produce(2)];
      const passed = { ...stored([last], 2), logStart: 0 };
      h.model.shown(h.place, NEW, passed);
    },
  ],
];

describe("the model of the log", () => {
  for (const [rule, what, breach] of BREACHES) {
    it(`${rule}: ${what}`, () => {
      assert.throws(
        () => breach(new History()),
        (error) => error instanceof Violation && error.rule === rule,
      );
    });
  }

  it("finds nothing wrong with a good history", () => {
    const history = new History();
    const request: SentRequest = { batches: [] };
    const acknowledged = [history.produce(0), history.produce(2)];
    const whole = history.send(history.place, request);
    const inAnother = history.send(history.other, request);
    history.send(); // and this one never arrived
    history.finds(history.read([], { partitions: [stored([...acknowledged, whole]), stored([inAnother])] }));
    history.restart();
    const read = history.read([], {
      leaderEpoch: 5,
      partitions: [stored([...acknowledged, whole]), stored([inAnother])],
    });
    history.model.check([read]);
  });

  it("lets retention move the log start while enough stays", () => {
    const settings = new Map([["retention.bytes", "100"]]);
    const history = new History(settings);
    const batches = [history.produce(0), history.produce(2), history.produce(4)];
    history.finds(history.read([], { settings, partitions: [stored(batches.slice(1), 2), stored([])] }));
    history.restart();
    const tooLittle = history.read([], { settings, leaderEpoch: 2, partitions: [stored([], 6), stored([])] });
    assert.throws(() => history.model.check([tooLittle]), { rule: "retention keeps what it should" });
  });
});
