import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFolder } from "../../test/log/wal-files.ts";
import { memoryOutput } from "../../test/storage/memory-segments.ts";
import { toPosition } from "../base/brands.ts";
import { WalFile } from "../log/wal-file.ts";
import { Window } from "./window.ts";

const MIB = 1024 * 1024;

test("memory is bounded by what is placed, however far it lies apart", async () => {
  const fileBytes = 64 * MIB;
  const file = new WalFile(toPosition(0), 1, toPosition(fileBytes));
  const source = { read: async (into: Uint8Array) => into.length };
  const window = new Window({
    output: memoryOutput(new MemoryFolder(), 512),
    source: source as never,
    file,
    limitBytes: 4 * MIB,
    progress: () => undefined,
    recordBytes: () => 0,
  });
  for (let at = 0; at < fileBytes && window.hasRoom(1, 1000); at += 16 * 1024) {
    window.place({ topicId: "t", partition: 0 }, 1, { position: at, sizeBytes: 1000, baseOffset: 0, endOffset: 1 });
  }
  await window.read().catch(() => undefined);
  assert.ok(window.bytes.length <= 16 * MIB, `${window.bytes.length / MIB} MiB`);
});
