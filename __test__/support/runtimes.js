// Finds the runtimes that the tests run under.
//
// On Windows and macOS the only Node is the one that runs the tests. OS_SECRETS_TEST_BUN is the path of a Bun
// to use instead of the installed one. OS_SECRETS_TEST_NODE is the command of a Node, as a JSON array. If it
// is set, the tests use no other runtime.

const { execFileSync } = require("node:child_process");
const { existsSync, readdirSync } = require("node:fs");
const { join } = require("node:path");
const { isMac, isWindows } = require("./platform.js");

const root = join(__dirname, "..", "..");

/** Finds the first place that has a program that runs. */
function findProgram(name, places) {
  for (const path of places.map((place) => join(root, place))) {
    if (!existsSync(path)) continue;
    try {
      execFileSync(path, ["--version"], { stdio: "ignore" });
      return path;
    } catch {
      // If npm does not run a package's install script, a placeholder stays in place of the program.
    }
  }
  throw new Error(`${name} is not installed. Run npm test, which installs it`);
}

/** The command of the only Node to test, if the environment names one. */
const only = process.env.OS_SECRETS_TEST_NODE && JSON.parse(process.env.OS_SECRETS_TEST_NODE);

/**
 * Returns the command of a Node by its major version. On Windows and macOS it is the Node that runs the
 * tests.
 */
function node(version) {
  if (only) return only;
  if (isWindows || isMac) return [process.execPath];
  return [findProgram(`Node ${version}`, [`__test__/runtimes/node_modules/node${version}/bin/node`])];
}

/** Lists the possible paths of a program in a scope's packages. npm installs those for the platform. */
function listScopePaths(scope, program) {
  const folder = join("node_modules", scope);
  const packages = existsSync(join(root, folder)) ? readdirSync(join(root, folder)) : [];
  return packages.flatMap((name) => ["", ".exe"].map((end) => join(folder, name, program + end)));
}

/** The path of the real Bun. If npm runs the package's install script, that moves Bun to the first place. */
const bun =
  process.env.OS_SECRETS_TEST_BUN ??
  findProgram("Bun", ["node_modules/bun/bin/bun.exe", ...listScopePaths("@oven", "bin/bun")]);

const findDeno = () => findProgram("Deno", listScopePaths("@deno", "deno"));

/** Returns each runtime's command: the program, and the arguments before the file to run. */
function findRuntimes() {
  if (only) return { Node: only };
  if (isWindows || isMac) return { [`Node ${process.versions.node.split(".")[0]}`]: node(), Bun: [bun] };
  return {
    "Node 20": node(20),
    "Node 22": node(22),
    "Node 24": node(24),
    Bun: [bun],
    Deno: [findDeno(), "run", "--quiet", "--allow-all", "--no-lock"],
  };
}

module.exports = {
  bun,
  findDeno,
  node,
  root,
  /** The commands of Node and Bun, for tests of many processes at once. */
  get commands() {
    return only ? [only] : [node(20), node(22), node(24), [bun]];
  },
  // Found only on first use, because the quick start installs no runtime but Bun.
  get runtimes() {
    return findRuntimes();
  },
};
