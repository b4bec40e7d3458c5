// Stores credentials with the Rust crate keyring: see __test__/keyring-writer.

const assert = require("node:assert/strict");
const { join } = require("node:path");
const { place } = require("../../tools/install.js");
const { isWindows } = require("./platform.js");

/** The program. On Windows it is built beside the others. */
const program = () =>
  isWindows
    ? join(process.env.OS_SECRETS_TEST_PROGRAMS, "keyring-writer.exe")
    : join(place("keyring-writer"), "keyring-writer");

/** Stores a value with a version of the crate, "3" or "4", as a "password" (a text) or a "secret" (text or bytes). */
async function writeKeyring(session, version, kind, service, user, value) {
  const { code, stderr } = await session.run(program(), [version, kind, service, user], { input: value });
  assert.equal(code, 0, stderr);
}

module.exports = { writeKeyring };
