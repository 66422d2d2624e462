import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { METRICS_DOC, metricsDoc } from "../../scripts/write-metrics-doc.ts";

test("docs/metrics.md says what the tables say (node scripts/write-metrics-doc.ts writes it)", () => {
  assert.equal(readFileSync(METRICS_DOC, "utf8"), metricsDoc());
});
