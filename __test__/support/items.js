// Reads and fills the session's store with a client that is neither ours nor Bun's.

const assert = require("node:assert/strict");
const { join } = require("node:path");
const { listCredentials, writeCredential } = require("./credentials.js");
const { isWindows } = require("./platform.js");

/** Runs a Python program in this folder. Returns its JSON output. */
async function runPython(session, program, input) {
  // Debian's own Python, because only that has Debian's packages.
  const { code, stdout, stderr } = await session.run("/usr/bin/python3", ["-B", join(__dirname, program)], {
    input,
  });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/**
 * Lists every item: { collection, path, label, attributes, contentType, secret }. The last two are null if it
 * is locked. On Windows the items are those of `listCredentials`.
 */
async function listItems(session) {
  return isWindows ? listCredentials() : runPython(session, "items.py");
}

/**
 * Stores { collection, attributes, label, secret } as a new item and returns its path. On Windows the item is
 * that of `writeCredential`.
 */
async function storeItem(session, item) {
  return isWindows ? writeCredential(item) : runPython(session, "store.py", JSON.stringify(item));
}

module.exports = { listItems, storeItem };
