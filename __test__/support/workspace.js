// A workspace to run a program in: a folder with a datapackage.json, in a session of its own.

const assert = require("node:assert/strict");
const { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { isWindows } = require("./platform.js");
const { runProgram } = require("./programs.js");
const { startSession } = require("./session.js");

/** What the program says of itself and of files, without what differs from session to session. */
function anywhere(text, session) {
  return text.replaceAll(session.directory, "<session>");
}

class Workspace {
  /** What was asked for, and what came of it. */
  said = [];

  constructor(session, way, program) {
    this.session = session;
    this.way = way;
    this.program = program;
    this.directory = join(session.directory, "workspace");
    this.datapackage = join(this.directory, "datapackage.json");
    this.preferences = join(session.configuration, isWindows ? "BusDK" : "busdk", "preferences.json");
    mkdirSync(this.directory);
  }

  /** Writes a file, and the folders it is in. */
  write(path, text, mode = 0o600) {
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, text, { mode });
  }

  /** Runs the program: { code, signal, stdout, stderr }. */
  async run(args, options) {
    const result = await runProgram(this.session, this.way, this.program, args, {
      cwd: this.directory,
      ...options,
    });
    const [stdout, stderr, ...words] = [result.stdout, result.stderr, ...args].map((text) =>
      anywhere(text, this.session),
    );
    this.said.push({ words, code: result.code, stdout, stderr });
    return result;
  }

  /** Runs what succeeds and says nothing on standard error; prints just this. */
  async gives(args, expected = "", options = undefined) {
    const { code, stdout, stderr } = await this.run(args, options);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: expected, stderr: "" });
  }

  /** Runs what fails with this exit code, prints nothing, and says why in one line, which is given. */
  async fails(args, expected, why = /./, options = undefined) {
    const { code, stdout, stderr } = await this.run(args, options);
    assert.deepEqual({ code, stdout }, { code: expected, stdout: "" }, stderr);
    assert.match(stderr, new RegExp(`^${this.program}: [^\\n]+\\n$`));
    assert.match(stderr, why);
    return stderr;
  }

  /** Stores a secret in the repository, of which the program warns. */
  async setInRepository(name, value, options) {
    const args = ["set", "--scope", "repo", "--", name, value];
    const { code, stdout, stderr } = await this.run(args, options);
    assert.deepEqual({ code, stdout }, { code: 0, stdout: "" }, stderr);
    assert.match(stderr, new RegExp(`^${this.program}: warning: [^\\n]+\\n$`));
  }
}

/** Starts one, which ends with the test. Without `datapackage` it has no such file. */
async function startWorkspace(t, options = {}) {
  const { way = "native", program = "bus-secrets", datapackage = "{}\n", bus = false } = options;
  const session = await startSession({ bus });
  t.after(() => session.stop());
  const workspace = new Workspace(session, way, program);
  if (datapackage !== null) workspace.write(workspace.datapackage, datapackage, 0o644);
  return workspace;
}

/** A file's text. */
const text = (path) => readFileSync(path, "utf8");

/** Fails where a file has other permissions. Windows has none of this kind. */
function assertMode(path, expected) {
  if (!isWindows) assert.equal(statSync(path).mode & 0o7777, expected, path);
}

/** The names of all files under a folder, sorted, but for those that Bun makes of the scripts it runs. */
function filesUnder(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((path) => !path.includes(join("bun", "@t@")))
    .sort();
}

/** The preferences file that holds these secrets, given in its order. */
function preferencesOf(secrets) {
  const values = Object.fromEntries(
    Object.entries(secrets).map(([name, value]) => [`secrets.${name}`, value]),
  );
  return `${JSON.stringify({ version: 1, values }, null, 2)}\n`;
}

/** The datapackage.json that holds these secrets, given in its order, and nothing else. */
function datapackageOf(secrets) {
  return `${JSON.stringify({ busdk: { secrets } }, null, 2)}\n`;
}

module.exports = { assertMode, datapackageOf, filesUnder, preferencesOf, startWorkspace, text };
