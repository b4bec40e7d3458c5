// A workspace for a program: a folder with a datapackage.json, in its own session.

const assert = require("node:assert/strict");
const { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { isWindows } = require("./platform.js");
const { runProgram } = require("./programs.js");
const { startSession } = require("./session.js");

/** Removes the parts of a program's output that differ between sessions. */
function removeSessionPaths(readText, session) {
  return readText.replaceAll(session.directory, "<session>");
}

class Workspace {
  /** The arguments and the result of each run. */
  results = [];

  constructor(session, way, program) {
    this.session = session;
    this.way = way;
    this.program = program;
    this.directory = join(session.directory, "workspace");
    this.datapackage = join(this.directory, "datapackage.json");
    this.preferences = join(session.configuration, isWindows ? "BusDK" : "busdk", "preferences.json");
    mkdirSync(this.directory);
  }

  /** Writes a file, and creates its folder. */
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
      removeSessionPaths(text, this.session),
    );
    this.results.push({ words, code: result.code, stdout, stderr });
    return result;
  }

  /** Runs the program, which must succeed, print exactly this, and print nothing on standard error. */
  async expectOutput(args, expected = "", options = undefined) {
    const { code, stdout, stderr } = await this.run(args, options);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: expected, stderr: "" });
  }

  /** Runs the program, which must fail with this exit code and print one line of error. Returns that line. */
  async expectFailure(args, expected, why = /./, options = undefined) {
    const { code, stdout, stderr } = await this.run(args, options);
    assert.deepEqual({ code, stdout }, { code: expected, stdout: "" }, stderr);
    assert.match(stderr, new RegExp(`^${this.program}: [^\\n]+\\n$`));
    assert.match(stderr, why);
    return stderr;
  }

  /** Stores a secret in the repository. The program must print a warning. */
  async setInRepository(name, value, options) {
    const args = ["set", "--scope", "repo", "--", name, value];
    const { code, stdout, stderr } = await this.run(args, options);
    assert.deepEqual({ code, stdout }, { code: 0, stdout: "" }, stderr);
    assert.match(stderr, new RegExp(`^${this.program}: warning: [^\\n]+\\n$`));
  }
}

/** Starts a workspace, which is removed when the test ends. If `datapackage` is null, it has no such file. */
async function startWorkspace(t, options = {}) {
  const { way = "native", program = "bus-secrets", datapackage = "{}\n", bus = false } = options;
  const session = await startSession({ bus });
  t.after(() => session.stop());
  const workspace = new Workspace(session, way, program);
  if (datapackage !== null) workspace.write(workspace.datapackage, datapackage, 0o644);
  return workspace;
}

const readText = (path) => readFileSync(path, "utf8");

/** Asserts the permissions of a file. Does nothing on Windows, which has no modes. */
function assertMode(path, expected) {
  if (!isWindows) assert.equal(statSync(path).mode & 0o7777, expected, path);
}

/** Lists the paths of all files under a folder, sorted. Leaves out the files that Bun creates for scripts. */
function listFiles(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((path) => !path.includes(join("bun", "@t@")))
    .sort();
}

/** Returns the text of a preferences file with these secrets. They must be in the file's order. */
function formatPreferences(secrets) {
  const values = Object.fromEntries(
    Object.entries(secrets).map(([name, value]) => [`secrets.${name}`, value]),
  );
  return `${JSON.stringify({ version: 1, values }, null, 2)}\n`;
}

/** Returns the text of a datapackage.json with only these secrets. They must be in the file's order. */
function formatDatapackage(secrets) {
  return `${JSON.stringify({ busdk: { secrets } }, null, 2)}\n`;
}

module.exports = { assertMode, formatDatapackage, listFiles, formatPreferences, startWorkspace, readText };
