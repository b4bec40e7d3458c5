// Where the runtimes lie that the tests run under.
//
// On Windows and macOS it is the Node that runs the tests, and not several. OS_SECRETS_TEST_BUN names a Bun to be taken
// instead of the installed one.
// OS_SECRETS_TEST_NODE is the command of a Node to be tested instead of all others: an array, as JSON.

const { execFileSync } = require("node:child_process");
const { existsSync, readdirSync } = require("node:fs");
const { join } = require("node:path");
const { isMac, isWindows } = require("./platform.js");

const root = join(__dirname, "..", "..");

/** The first of several places that holds a program which runs. */
function find(name, places) {
  for (const path of places.map((place) => join(root, place))) {
    if (!existsSync(path)) continue;
    try {
      execFileSync(path, ["--version"], { stdio: "ignore" });
      return path;
    } catch {
      // npm leaves a placeholder where it does not let a package's script put the program in place.
    }
  }
  throw new Error(`${name} is not installed: run npm test, which installs it`);
}

/** The command of the one Node that is tested, if only one is. */
const only = process.env.OS_SECRETS_TEST_NODE && JSON.parse(process.env.OS_SECRETS_TEST_NODE);

/** Node of a major version; on Windows and macOS the one that runs the tests. */
function node(version) {
  if (only) return only;
  if (isWindows || isMac) return [process.execPath];
  return [find(`Node ${version}`, [`__test__/runtimes/node_modules/node${version}/bin/node`])];
}

/** Where a program may lie in a scope's packages, of which npm chooses those for the platform. */
function inScope(scope, program) {
  const folder = join("node_modules", scope);
  const packages = existsSync(join(root, folder)) ? readdirSync(join(root, folder)) : [];
  return packages.flatMap((name) => ["", ".exe"].map((end) => join(folder, name, program + end)));
}

/** Real Bun. Its package's script moves it to the first place, where npm lets that run. */
const bun =
  process.env.OS_SECRETS_TEST_BUN ??
  find("Bun", ["node_modules/bun/bin/bun.exe", ...inScope("@oven", "bin/bun")]);

const findDeno = () => find("Deno", inScope("@deno", "deno"));

/** Each runtime: its command, and what comes before the file to run. */
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
  // Looked for when asked for: the quick start has no other runtime than Bun.
  get runtimes() {
    return findRuntimes();
  },
};
