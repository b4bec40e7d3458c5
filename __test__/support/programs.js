// The ways to start the programs. All of them must do and print the same.

const { existsSync } = require("node:fs");
const { join } = require("node:path");
const tools = require("../../tools/build.js");
const { isWindows } = require("./platform.js");
const { bun, node, root } = require("./runtimes.js");

/** The folder of the native programs. */
const folder = process.env.OS_SECRETS_TEST_PROGRAMS ?? (isWindows ? undefined : tools.programs());

/** Returns the path of a native program. */
const nativePath = (program) => join(folder, isWindows ? `${program}.exe` : program);
if (!folder || !existsSync(nativePath("secrets")))
  throw new Error("The programs are not built. Run npm test, which builds them");

/** For each way, a function from the program's name to the command that runs it. */
const ways = {
  native: (program) => [nativePath(program)],
  // The command in the file's first line.
  Node: (program) => [...node(22), "--", join(root, "bin", `${program}.js`)],
  Bun: (program) => [bun, join(root, "bin", `${program}.js`)],
};

/** Runs a program in a session: { code, signal, stdout, stderr }. */
function runProgram(session, way, program, args, options) {
  const [command, ...first] = ways[way](program);
  return session.run(command, [...first, ...args], options);
}

/** Runs a bash script in which "$@" is the command of `secrets`. */
function runInBash(session, way, script, options) {
  return session.run("bash", ["-c", script, "bash", ...ways[way]("secrets")], options);
}

module.exports = { runInBash, runProgram, ways };
