// Credential helpers: sets up what Docker's helpers need, and writes helpers for tests.

const assert = require("node:assert/strict");
const { writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { isWindows } = require("./platform.js");

/** Makes a password store for `pass` in a session, with a gpg key that has no passphrase. */
async function makePasswordStore(session) {
  // gpg's agent makes a socket here, and the path of a socket must be short.
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
  // The agent does not end by itself.
  const stop = session.stop.bind(session);
  session.stop = async () => {
    await session.run("gpgconf", ["--kill", "all"]);
    await stop();
  };
}

/** The functions that the scripts of `writeHelper` can use. */
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
 * Writes a helper that runs a JavaScript, and returns the options of openStore for it. The script has the
 * `operation` and its `input`. `answer` prints and ends the helper, `beside` names a file beside the helper,
 * `wait` waits for ever, and `start` runs another script.
 */
function writeHelper(folder, script) {
  const path = join(folder, "helper");
  writeFileSync(path, `#!${process.execPath}\n${PRELUDE}\n${script}\nprocess.exit();\n`, { mode: 0o700 });
  if (!isWindows) return { provider: "exec", command: path };
  // Windows runs no scripts as programs. So the program is Node, which loads the script first.
  const env = { NODE_OPTIONS: `--require ${JSON.stringify(path)}` };
  return { provider: "exec", command: process.execPath, env };
}

module.exports = { writeHelper, makePasswordStore };
