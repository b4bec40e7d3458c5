// Credential helpers: what Docker's need, and some of the tests' own.

const assert = require("node:assert/strict");
const { writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { isWindows } = require("./platform.js");

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

/** What helpers of the tests' own have at hand. */
const PRELUDE = `
  const { spawn } = require("node:child_process");
  const { existsSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } = require("node:fs");
  const { basename } = require("node:path");
  const operation = process.argv[2] ?? basename(process.argv[1]);
  const input = readFileSync(0, "utf8");
  const beside = (name) => __filename + "." + name;
  const answer = (text, code = 0) => {
    writeSync(1, text + "\\n");
    process.exit(code);
  };
  const wait = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  const start = (script, stdio) =>
    spawn(process.execPath, ["-e", script], { env: { SystemRoot: process.env.SystemRoot }, stdio });
`;

/**
 * The options of openStore for a helper that runs this script of JavaScript. It has the `operation` and its
 * `input`, `answer` ends it, `beside` names files of its own, `wait` never ends, and `start` runs a script.
 */
function helperIn(folder, script) {
  const path = join(folder, "helper");
  writeFileSync(path, `#!${process.execPath}\n${PRELUDE}\n${script}\nprocess.exit();\n`, { mode: 0o700 });
  if (!isWindows) return { provider: "exec", command: path };
  // Only programs run there: this one does what it loads first.
  const env = { NODE_OPTIONS: `--require ${JSON.stringify(path)}` };
  return { provider: "exec", command: process.execPath, env };
}

module.exports = { helperIn, passwordStoreIn };
