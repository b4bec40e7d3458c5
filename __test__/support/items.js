// The session's store, seen and filled by a client that is neither ours nor Bun's.

const assert = require("node:assert/strict");
const { join } = require("node:path");
const { listCredentials, writeCredential } = require("./credentials.js");
const { isWindows } = require("./platform.js");

/** Runs one of the Python programs beside this file. */
async function python(session, program, input) {
  // Debian's own Python, because Debian's packages serve no other.
  const { code, stdout, stderr } = await session.run("/usr/bin/python3", ["-B", join(__dirname, program)], {
    input,
  });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/**
 * Every item: { collection, path, label, attributes, contentType, secret }, null where locked; on Windows as
 * credentials.js lists them.
 */
async function items(session) {
  return isWindows ? listCredentials() : python(session, "items.py");
}

/**
 * Stores { collection, attributes, label, secret } as a new item, and gives its path; on Windows what
 * credentials.js takes.
 */
async function storeItem(session, item) {
  return isWindows ? writeCredential(item) : python(session, "store.py", JSON.stringify(item));
}

module.exports = { items, storeItem };
