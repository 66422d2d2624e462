#!/usr/bin/env node
/**
 * The `chronik` command. CommonJS without new syntax, so that an old Node.js gets as far as the message below.
 *
 * In the published package this starts the compiled program; in a clone of the repository, its sources.
 */
"use strict";

var fs = require("fs");
var module_ = require("module");
var os = require("os");
var path = require("path");
var url = require("url");

var NODE_MAJOR_MIN = 24;
/** Threads that wait for the disk and compress; the broker keeps some of them free for syncing the log. */
var POOL_THREADS = 8;
/** The compile cache is written this long after the start, because a broker may well be ended by a signal. */
var CACHE_FLUSH_DELAY_MS = 5000;

var source = path.join(__dirname, "..", "src", "cli", "chronik.ts");
var compiled = path.join(__dirname, "..", "dist", "cli", "chronik.js");
var isClone = fs.existsSync(source);

if (Number(process.versions.node.split(".")[0]) < NODE_MAJOR_MIN) {
  console.error(
    "chronik needs Node.js " + NODE_MAJOR_MIN + " or newer; this is " + process.version + " (" + process.execPath + ").\n" +
      (isClone
        ? "Run `npm ci`, which installs the Node.js of this repository, and then `npm start`."
        : "Install a newer Node.js and start chronik again."),
  );
  process.exit(1);
}

// Read when the pool's first thread starts, which is later than this line.
if (process.env.UV_THREADPOOL_SIZE === undefined) process.env.UV_THREADPOOL_SIZE = String(POOL_THREADS);

var cache = cacheFolder();
if (cache !== undefined) {
  module_.enableCompileCache(cache);
  setTimeout(module_.flushCompileCache, CACHE_FLUSH_DELAY_MS).unref();
}

import(url.pathToFileURL(isClone ? source : compiled).href);

/** A folder of this user alone, never the shared temporary one. Where it can't be written Node.js goes on without. */
function cacheFolder() {
  if (process.env.XDG_CACHE_HOME) return path.join(process.env.XDG_CACHE_HOME, "chronik");
  try {
    return path.join(os.homedir(), process.platform === "darwin" ? "Library/Caches" : ".cache", "chronik");
  } catch (error) {
    return undefined; // a container's user without a home
  }
}
