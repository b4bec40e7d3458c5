// Where the runtimes lie that the tests run under.
//
// On Windows they are those that whoever runs the tests has: this Node, and a Bun that OS_SECRETS_TEST_BUN names.
// On macOS it is this Node as well.
// OS_SECRETS_TEST_NODE is the command of a Node to be tested instead of all others: an array, as JSON.

const { execFileSync } = require("node:child_process");
const { existsSync } = require("node:fs");
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

function findBun() {
  if (!isWindows) {
    const arch = process.arch === "arm64" ? "aarch64" : process.arch;
    return find("Bun", [
      "node_modules/bun/bin/bun.exe",
      `node_modules/@oven/bun-${process.platform}-${arch}/bin/bun`,
    ]);
  }
  const { OS_SECRETS_TEST_BUN: path } = process.env;
  if (!path) throw new Error("OS_SECRETS_TEST_BUN does not name a bun.exe");
  return path;
}

/** Real Bun. */
const bun = findBun();

/** Each runtime: its command, and what comes before the file to run. */
function findRuntimes() {
  if (only) return { Node: only };
  if (isWindows || isMac) return { [`Node ${process.versions.node.split(".")[0]}`]: node(), Bun: [bun] };
  const deno = find("Deno", ["node_modules/@deno/linux-x64-glibc/deno"]);
  return {
    "Node 20": node(20),
    "Node 22": node(22),
    "Node 24": node(24),
    Bun: [bun],
    Deno: [deno, "run", "--quiet", "--allow-all", "--no-lock"],
  };
}

module.exports = {
  bun,
  node,
  root,
  // Looked for when asked for: the quick start has no other runtime than Bun.
  get runtimes() {
    return findRuntimes();
  },
};
