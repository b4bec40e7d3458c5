// What Docker's credential helpers need.

const assert = require("node:assert/strict");
const { join } = require("node:path");

/** Makes a password store of `pass` in a session, with a key of gpg's that has no passphrase. */
async function passwordStoreIn(session) {
  // Sockets have short paths; gpg's agent makes its own there.
  session.env.GNUPGHOME = join(session.env.XDG_RUNTIME_DIR, "gnupg");
  session.env.PASSWORD_STORE_DIR = join(session.directory, "password-store");
  const run = async (command, ...args) => {
    const { code, stderr } = await session.run(command, args);
    assert.equal(code, 0, stderr);
  };
  await run("mkdir", "--mode=700", session.env.GNUPGHOME);
  const key = [
    "--batch",
    "--passphrase",
    "",
    "--quick-generate-key",
    "test@example.com",
    "default",
    "default",
  ];
  await run("gpg", ...key);
  await run("pass", "init", "test@example.com");
  // Ends the agent, which would stay.
  const stop = session.stop.bind(session);
  session.stop = async () => {
    await session.run("gpgconf", ["--kill", "all"]);
    await stop();
  };
}

module.exports = { passwordStoreIn };
