// Reads and fills Windows' Credential Manager with a client that is neither ours nor Bun's.
//
// Each user has one store, and the environment cannot choose another. So a variable must allow the tests to
// empty it.

const { spawnSync } = require("node:child_process");
const { join } = require("node:path");

/** Runs a command of crates/os-secrets/tests/programs/credentials.rs with this input. Returns its output. */
function runCommand(command, input) {
  const { OS_SECRETS_TEST_DISPOSABLE: disposable, OS_SECRETS_TEST_PROGRAMS: folder } = process.env;
  if (disposable !== "1") {
    throw new Error(
      "The tests delete all credentials of the user who runs them. " +
        "If this machine has none to lose, set OS_SECRETS_TEST_DISPOSABLE=1",
    );
  }
  const program = join(folder, "examples", "credentials.exe");
  const options = { encoding: "utf8", maxBuffer: 1 << 28 };
  // A command that reads no input must not get any.
  if (input === undefined) options.stdio = ["ignore", "pipe", "pipe"];
  else options.input = JSON.stringify(input);
  const { status, stdout, stderr, error } = spawnSync(program, [command], options);
  if (status !== 0) throw error ?? new Error(`credentials ${command}: ${stderr}`);
  return stdout;
}

/** Lists every generic credential: { label, user, persist, blob, comment, alias, attributes, secret }. */
function listCredentials() {
  const listed = JSON.parse(runCommand("list")).map(({ target, blob, ...others }) => {
    const bytes = Buffer.from(blob, "base64");
    return { label: target, ...others, blob: bytes.toString("hex"), secret: bytes.toString("utf8") };
  });
  return listed.sort((a, b) => (a.label < b.label ? -1 : 1));
}

/** Stores a credential. `label` is its target name, and `secret` its text or bytes. */
function writeCredential({ label, user = null, persist = 3, secret }) {
  runCommand("write", { target: label, user, persist, blob: Buffer.from(secret).toString("base64") });
}

/** Deletes all credentials. */
function clearCredentials() {
  const targets = listCredentials().map(({ label }) => label);
  if (targets.length > 0) runCommand("delete", targets);
}

module.exports = { clearCredentials, listCredentials, writeCredential };
