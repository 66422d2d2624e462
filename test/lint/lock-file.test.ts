/** The lock file is what makes an install safe and the same everywhere: exact bytes, no scripts, no particular registry. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

interface Package {
  readonly link?: true;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: true;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lockFile = readFileSync(join(import.meta.dirname, "..", "..", "package-lock.json"), "utf8");
const { packages } = JSON.parse(lockFile) as { packages: Record<string, Package> };

test("every package has its integrity hash, no address and no install script", () => {
  for (const [path, { link, integrity, resolved, hasInstallScript }] of Object.entries(packages)) {
    if (!path.startsWith("node_modules/") || link) continue;
    assert.match(integrity ?? "", /^sha512-/, `${path} has no integrity hash`);
    assert.equal(resolved, undefined, `${path} names where it was downloaded`);
    assert.equal(hasInstallScript, undefined, `${path} runs a script when it is installed`);
  }
});

test("every platform's package of a native module is there, without which npm ci refuses the lock file", () => {
  for (const [path, { optionalDependencies = {} }] of Object.entries(packages)) {
    for (const name of Object.keys(optionalDependencies)) {
      assert.ok(packages[`node_modules/${name}`], `${name}, wanted by ${path || "the root"}, is missing`);
    }
  }
});
