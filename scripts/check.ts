/**
 * `npm run check`: everything that can be said about the code without starting a broker, in under a minute. All steps run
 * even when one fails; the output of a step is shown only when it does. `--no-tests` leaves out the unit tests, for those who
 * have run them already.
 */
import { spawnSync } from "node:child_process";

const STEPS: readonly { readonly name: string; readonly command: string }[] = [
  { name: "format", command: "biome check" },
  { name: "lint", command: "oxlint" },
  { name: "types", command: "tsc" },
  { name: "protocol", command: "node scripts/check-protocol.ts" },
  { name: "unit tests", command: "npm run --silent test:unit" },
];

const withTests = !process.argv.includes("--no-tests");
for (const { name, command } of STEPS.filter((step) => withTests || step.name !== "unit tests")) {
  const startedAt = performance.now();
  const { status, stdout, stderr } = spawnSync(command, { shell: true, encoding: "utf8" });
  const took = `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  if (status === 0) {
    console.log(`ok    ${name} (${took})`);
  } else {
    console.log(`${stdout}${stderr}\nFAIL  ${name} (${took}): ${command}`);
    process.exitCode = 1;
  }
}
