import assert from "node:assert/strict";
import { test } from "node:test";
import { readBaseline } from "./baseline.ts";
import { checksumBenches } from "./checksums.ts";
import { codecBenches } from "./codec.ts";
import { logBenches } from "./log.ts";

test("every step runs, and the baseline knows just these", async () => {
  const benches = [...codecBenches(), ...checksumBenches(), ...(await logBenches())];
  for (const { run } of benches) await run();
  assert.deepEqual(
    benches.map(({ name }) => name),
    Object.keys(readBaseline().ratios),
  );
});
