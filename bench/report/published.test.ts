import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { writeReport } from "./document.ts";
import { readRuns } from "./results.ts";

const ROOT = join(import.meta.dirname, "../..");
const PUBLISHED = join(ROOT, "bench/published");

test("the page that is published is the report of the measurements that are published with it", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "chronik-report-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const notes = readFileSync(join(PUBLISHED, "notes.md"), "utf8").trim();
  writeReport(join(folder, "benchmarks.md"), readRuns(join(PUBLISHED, "results.json")), { notes, maxStolen: 100 });
  const files = ["benchmarks.md", ...readdirSync(join(folder, "benchmarks")).map((name) => `benchmarks/${name}`)];
  assert.ok(files.length > 1, "it has plots");
  for (const file of files) {
    const made = readFileSync(join(folder, file), "utf8");
    assert.equal(readFileSync(join(ROOT, "docs", file), "utf8"), made, `${file}: write it again, see bench/README.md`);
  }
});
