import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CONFIGURATION_DOC, configurationDoc } from "../../scripts/write-configuration-doc.ts";

test("docs/configuration.md says what the tables say (node scripts/write-configuration-doc.ts writes it)", () => {
  assert.equal(readFileSync(CONFIGURATION_DOC, "utf8"), configurationDoc());
});
