// What the session's store holds, read by a client that is neither ours nor Bun's.

const assert = require("node:assert/strict");
const { join } = require("node:path");

/** Every item: { collection, path, label, attributes, contentType, secret }; null where locked. */
async function items(session) {
  // Debian's own Python, because Debian's packages serve no other.
  const { code, stdout, stderr } = await session.run("/usr/bin/python3", [join(__dirname, "items.py")]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

module.exports = { items };
