import assert from "node:assert/strict";
import test from "node:test";
import { capacityFor, FrameBuffers } from "./frame-buffers.ts";

const MIB = 1024 * 1024;

test("a buffer that was given back is used for the next frame of its class", () => {
  const frames = new FrameBuffers();
  const first = frames.take(100_000);
  assert.equal(first.length, 131_072);
  assert.notEqual(frames.take(100_000), first, "it is in use");
  frames.give(first);
  assert.notEqual(frames.take(200_000), first, "it is too small");
  assert.equal(frames.take(66_000), first);
  assert.equal(frames.keptBytes, 0);
});

test("small and huge frames get what they need, and nothing of it is kept", () => {
  const frames = new FrameBuffers();
  for (const sizeBytes of [0, 1, 16 * 1024, 8 * MIB + 1, 100 * MIB]) {
    const buffer = frames.take(sizeBytes);
    assert.equal(buffer.length, sizeBytes);
    frames.give(buffer);
  }
  assert.equal(frames.keptBytes, 0);
});

test("what is kept is bounded", () => {
  const frames = new FrameBuffers();
  const buffers = Array.from({ length: 10 }, () => frames.take(5 * MIB));
  for (const buffer of buffers) frames.give(buffer);
  assert.equal(frames.keptBytes, 32 * MIB);
});

test("a frame fits into its capacity, which is at most twice its size", () => {
  for (let sizeBytes = 0; sizeBytes < 10 * MIB; sizeBytes += 4093) {
    const capacity = capacityFor(sizeBytes);
    assert.ok(capacity >= sizeBytes && capacity <= Math.max(2 * sizeBytes, 0), `${sizeBytes}: ${capacity}`);
  }
  assert.equal(capacityFor(8 * MIB), 8 * MIB);
});
