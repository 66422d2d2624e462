/**
 * Run first by the npm scripts, in CommonJS without new syntax: under a Node.js that is too old it says what to do, where
 * the script itself would not even parse.
 */
"use strict";

/** As in package.json, `engines`. */
var NODE_MAJOR_MIN = 24;

if (Number(process.versions.node.split(".")[0]) < NODE_MAJOR_MIN) {
  console.error(
    `this script needs Node.js ${NODE_MAJOR_MIN} or newer; this is ${process.version} (${process.execPath}).\n` +
      "Run `npm ci`, which installs the Node.js of this repository, and start scripts with `npm run`, which finds it.",
  );
  process.exit(1);
}
