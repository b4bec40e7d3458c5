const { mkdirSync } = require("node:fs");
const { join } = require("node:path");
const { openStore } = require("../..");
const { writeIdentity } = require("./age.js");
const { startSession } = require("./session.js");

/**
 * Starts a session without a bus, with an identity and an encrypted file store. It stops when the test ends.
 */
async function prepareFileStore(t) {
  const session = await startSession({ bus: false });
  t.after(() => session.stop());
  const folder = join(session.directory, "store");
  mkdirSync(folder, { mode: 0o700 });
  const identity = writeIdentity(session.directory);
  const path = join(folder, "secrets.age");
  const store = openStore({ provider: "file", path, identity: identity.path });
  return { session, folder, identity, path, store };
}

module.exports = { prepareFileStore };
