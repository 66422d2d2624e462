#!/usr/bin/env node
/**
 * The `chronik` command: prepares the process, then hands over to the program. CommonJS, in the syntax of Node.js 10, so that an
 * old one gets as far as saying that it is too old.
 *
 * In a clone of the repository it runs the sources, in the published package (which has none) what was compiled.
 */
"use strict";

var fs = require("fs");
var nodeModule = require("module");
var path = require("path");
var url = require("url");
var v8 = require("v8");

var NODE_MAJOR_MIN = 24;
/** Threads that wait for the disk and compress. The broker's own limits keep some of them free for syncing the log. */
var POOL_THREADS = 8;
/**
 * How V8 uses memory: 8 MB for each of the three parts of the heap for new objects, and another collection when the others have
 * grown by half. Left to itself it takes 80 MB more, and is no faster (docs/decisions/0018-readers-of-files.md).
 */
var SEMI_SPACE_OPTION = "--max-semi-space-size=8";
var GROWING_OPTION = "--heap-growing-percent=50";
/**
 * One thread to help V8 with collecting garbage and compiling, in place of four: they keep processors that the deciding thread waits
 * for (docs/decisions/0019-time-slices.md).
 */
var HELPERS_OPTION = "--v8-pool-size=1";
/** Of the C library: its memory in two parts in place of one for each of a dozen threads, of which 2 MB less lie idle. */
var ARENAS = "2";
/** In the environment of a process that was started anew with them. */
var STARTED_ANEW = "CHRONIK_STARTED_ANEW";
/** What was compiled is also saved while running, because a broker is often ended by a signal that it can't handle. */
var CACHE_SAVE_DELAY_MS = 5000;

var source = path.join(__dirname, "..", "src", "cli", "chronik.ts");
var compiled = path.join(__dirname, "..", "dist", "cli", "chronik.js");
var inClone = fs.existsSync(source);

if (Number(process.versions.node.split(".")[0]) < NODE_MAJOR_MIN) {
  console.error(
    `chronik needs Node.js ${NODE_MAJOR_MIN} or newer; this is ${process.version} (${process.execPath}).\n` +
      (inClone
        ? "Run `npm ci`, which installs the Node.js of this repository, and then `npm start`, or `npx chronik` with a command."
        : "Install a newer Node.js and start chronik again."),
  );
  process.exit(1);
}

// A broker runs long enough to be worth it.
if (process.argv[2] === "start" || process.argv[2] === "standalone") startAnew();

// The pool's size is read when its first thread starts, and no thread has started yet.
if (process.env.UV_THREADPOOL_SIZE === undefined) process.env.UV_THREADPOOL_SIZE = String(POOL_THREADS);

var cacheFolder = userCacheFolder();
if (cacheFolder !== undefined) {
  // Where the folder can't be written, Node.js goes on without it.
  nodeModule.enableCompileCache(cacheFolder);
  setTimeout(function save() {
    nodeModule.flushCompileCache();
  }, CACHE_SAVE_DELAY_MS).unref();
}

void import(url.pathToFileURL(inClone ? source : compiled).href).then(function run(cli) {
  return cli.main(process.argv.slice(2));
});

/**
 * Some options are only taken at a start, so Node.js is started once more, in the same process: 0.03 s. Without those that whoever
 * started it has chosen; and not where it cannot be: on Windows, and with a channel to a parent, which would be lost.
 */
function startAnew() {
  v8.setFlagsFromString(GROWING_OPTION);
  if (process.env[STARTED_ANEW] !== undefined) return;
  var given = process.execArgv
    .concat(process.env.NODE_OPTIONS || "")
    .join(" ")
    .replace(/_/g, "-");
  var options = [SEMI_SPACE_OPTION, HELPERS_OPTION].filter(function isNotGiven(option) {
    return given.indexOf(option.split("=")[0]) === -1;
  });
  if (options.length === 0) return;
  if (process.platform === "win32" || process.channel || typeof process.execve !== "function") return;
  if (!fs.existsSync(process.execPath)) return; // replaced by an upgrade: the call would end the process
  process.env[STARTED_ANEW] = "1";
  if (process.env.MALLOC_ARENA_MAX === undefined) process.env.MALLOC_ARENA_MAX = ARENAS;
  try {
    process.execve(
      process.execPath,
      [process.execPath].concat(options, process.execArgv, process.argv.slice(1)),
      process.env,
    );
  } catch {
    // Then with more memory, and more threads.
  }
}

/** A folder of this user's own: in the shared temporary folder anyone could plant code. */
function userCacheFolder() {
  var caches = process.env.XDG_CACHE_HOME || path.join(process.env.HOME || "", ".cache");
  // A service's user may have no home: then `HOME` is missing, or names a folder that does not exist.
  return path.isAbsolute(caches) && fs.existsSync(path.dirname(caches)) ? path.join(caches, "chronik") : undefined;
}
