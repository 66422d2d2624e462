/** Whatever became of a file: what is read of it covers every byte once, and nothing that prints or checks it fails. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compatBytes } from "../../test/compat-data/read.ts";
import { MemoryFolder, WalFileBuilder } from "../../test/log/wal-files.ts";
import { encodeBatch } from "../protocol/record.ts";
import { CommandFailure } from "./failure.ts";
import { WalCheck } from "./wal-check.ts";
import { itemJson, itemText } from "./wal-lines.ts";
import { openWalIn, type WalInput } from "./wal-walk.ts";

const BUILDER = new WalFileBuilder({ base: 4096 })
  .group([{ type: 2, fields: Buffer.from("0000000001000000000000000500", "hex") }, { fillerBytes: 30 }])
  .group([{ batch: encodeBatch([{ key: "k", value: "v" }], { compression: "snappy" }) }])
  .group([{ type: 4, fields: Buffer.of(0) }, { fillerBytes: 14 }])
  .group([{ batch: encodeBatch([{ value: "w" }], { baseOffset: 1 }) }]);
const SINGLES = Buffer.concat(
  ["v1-nulls", "v1", "v2", "v2-plain", "v3", "v3-filler"].map((name) => compatBytes(`wal-record-${name}.hex`)),
);

const bytes = fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array));
/** Bytes replaced, put in, or taken out. */
const change = fc.record({ at: fc.nat(), taken: fc.nat(80), put: bytes });
const file = fc
  .record({
    original: fc.constantFrom(BUILDER.bytes, SINGLES),
    changes: fc.array(change, { maxLength: 3 }),
    isNamed: fc.boolean(),
    hasLater: fc.boolean(),
  })
  .map(({ original, changes, ...rest }) => {
    const changed = changes.reduce((before, { at, taken, put }) => {
      const from = at % (before.length + 1);
      return Buffer.concat([before.subarray(0, from), put, before.subarray(from + taken)]);
    }, original);
    return { content: changed, ...rest };
  });

async function open(folder: MemoryFolder, name: string): Promise<WalInput | undefined> {
  try {
    return await openWalIn(folder, name, name);
  } catch (error) {
    if (error instanceof CommandFailure) return undefined;
    throw error;
  }
}

test("any file: every byte is in one item, in order; text, JSON and the check take all of them", async () => {
  await fc.assert(
    fc.asyncProperty(file, async ({ content, isNamed, hasLater }) => {
      const folder = new MemoryFolder();
      const name = isNamed ? BUILDER.name : "copy";
      folder.files.set(name, content);
      if (hasLater) folder.files.set(new WalFileBuilder({ base: BUILDER.end }).name, Buffer.alloc(0));
      const input = await open(folder, name);
      if (input === undefined) {
        assert.ok(!isNamed, "a file with the name of a WAL file is always read");
        return;
      }
      let next = 0;
      let damagedBytes = 0;
      for await (const item of input.items()) {
        assert.equal(item.at, next);
        assert.ok(item.bytes > 0);
        next += item.bytes;
        if (item.kind === "damage") damagedBytes += item.bytes;
        for (const line of itemJson(input, item)) JSON.parse(line);
        assert.ok(itemText(input, item).every((line) => !line.includes("\n")));
      }
      assert.equal(next, content.length);
      const { problemCount, torn } = await new WalCheck().check(input);
      if (damagedBytes > 0) assert.ok(problemCount > 0);
      if (isNamed && hasLater) assert.equal(torn, undefined, "only the end of the log is torn");
    }),
    { seed: 1, numRuns: 2000 },
  );
});
