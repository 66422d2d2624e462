import assert from "node:assert/strict";
import { test } from "node:test";
import { BrokerError, checkProduce, encodeProduce, visitFetch } from "./wire.ts";

/** A Produce answer, version 11, for the topic "t" and one partition. */
function produceAnswer(code: number): Buffer {
  const answer = Buffer.alloc(4 + 1 + 1 + 2 + 1 + 4 + 2 + 24 + 1 + 1 + 1 + 1 + 4 + 1);
  answer.writeInt32BE(7, 0); // correlation id
  answer.set([0, 2, 2, "t".charCodeAt(0), 2], 4); // no tags, one topic, its name, one partition
  answer.writeInt16BE(code, 13);
  answer.set([1, 0, 0, 0], 39); // no record errors, no message, no tags twice
  return answer;
}

test("a produce request states its length", () => {
  const frame = encodeProduce(7, "t", [{ partition: 0, batch: Buffer.alloc(300) }]);
  assert.equal(frame.readInt32BE(0), frame.length - 4);
  assert.equal(frame.readInt32BE(8), 7);
});

test("an acknowledgement gives its correlation id, an error throws", () => {
  const good = produceAnswer(0);
  assert.equal(checkProduce(good, 0, good.length), 7);
  const bad = produceAnswer(6);
  assert.throws(() => checkProduce(bad, 0, bad.length), new BrokerError("produce to partition 0 failed", 6));
});

test("an answer that ends too early throws", () => {
  const answer = produceAnswer(0);
  assert.throws(() => checkProduce(answer, 0, 30), /ends \d+ bytes too early/);
  assert.throws(() => visitFetch(Buffer.alloc(12), 0, 12, () => {}), /ends \d+ bytes too early/);
});
