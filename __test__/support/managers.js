// The package managers: how each installs os-secrets into a project, from the registry of a session.

const { mkdirSync, readFileSync, readdirSync, writeFileSync } = require("node:fs");
const { basename, dirname, join } = require("node:path");
const { version } = require("../../package.json");
const { runSuccessfully } = require("./registry.js");
const { bun, root, runtimes } = require("./runtimes.js");

// pnpm is the program in its platform package: not every mirror of the registry has the packages of all
// platforms.
const tools = join(root, "__test__", "install", "node_modules");
const yarn4 = [process.execPath, join(tools, "@yarnpkg", "cli-dist", "bin", "yarn.js")];
const noScripts = "--ignore-scripts";
const young = "--minimum-dependency-age=0";

/**
 * The package managers by their names. The arguments are those that add a package to a project (`add`),
 * install exactly what the lock file says (`frozen`), leave optional dependencies out (`omit`), and install
 * for another processor (`cpu`). `fix` is the command that installs missing optional dependencies. If a
 * manager cannot do one of these, the property is missing.
 */
const managers = {
  npm: {
    command: ["npm"],
    add: ["install", noScripts],
    frozen: ["ci", noScripts],
    lock: "package-lock.json",
    omit: "--omit=optional",
    fix: "npm install --include=optional --force os-secrets",
    cpu: (name) => `--cpu=${name}`,
  },
  pnpm: {
    command: [join(tools, "@pnpm", "exe.linux-x64", "pnpm")],
    add: ["add", noScripts],
    frozen: ["install", noScripts, "--frozen-lockfile"],
    lock: "pnpm-lock.yaml",
    omit: "--no-optional",
    fix: "pnpm install --force",
    cpu: (name) => `--cpu=${name}`,
  },
  "Yarn 1": {
    command: [process.execPath, join(tools, "yarn", "bin", "yarn.js")],
    add: ["add", noScripts],
    frozen: ["install", noScripts, "--frozen-lockfile"],
    lock: "yarn.lock",
    omit: "--ignore-optional",
    fix: "yarn install --force",
    ignoresLibc: true,
  },
  // For Yarn 4, the session's configuration disables scripts.
  "Yarn 4": {
    command: yarn4,
    add: ["add"],
    frozen: ["install", "--immutable"],
    lock: "yarn.lock",
    env: { YARN_NODE_LINKER: "node-modules" },
  },
  "Yarn 4 with PnP": {
    command: yarn4,
    add: ["add"],
    frozen: ["install", "--immutable"],
    lock: "yarn.lock",
    hasNoFolder: true,
  },
  Bun: {
    command: [bun],
    add: ["add", noScripts],
    frozen: ["install", noScripts, "--frozen-lockfile"],
    lock: "bun.lock",
    omit: "--omit=optional",
    fix: "bun install --force",
    cpu: (name) => `--cpu=${name}`,
  },
  // By default, Deno runs no scripts.
  Deno: {
    command: [runtimes.Deno[0]],
    add: ["add", young],
    frozen: ["install", young, "--frozen"],
    lock: "deno.lock",
    prefix: "npm:",
    ignoresLibc: true,
  },
};

/** Runs a package manager in a project. Returns its output. */
function runManager(session, name, folder, args) {
  const { command, env } = managers[name];
  const [program, ...first] = command;
  return runSuccessfully(session, program, [...first, ...args], { cwd: folder, env });
}

/**
 * Makes a project and installs os-secrets, or what `spec` names, into it with a package manager. `args` are added to its
 * arguments.
 */
async function installPackage(session, name, folder, args = [], spec = undefined) {
  const { add, prefix = "" } = managers[name];
  mkdirSync(folder);
  const project = { name: basename(folder), private: true, type: "module" };
  writeFileSync(join(folder, "package.json"), JSON.stringify(project));
  // Without a lock file here, Yarn takes a folder above for the project.
  if (name.startsWith("Yarn")) writeFileSync(join(folder, "yarn.lock"), "");
  await runManager(session, name, folder, [...add, ...args, spec ?? `${prefix}os-secrets@${version}`]);
}

/** Lists the platform packages in a project, in any folder. */
function listInstalled(folder) {
  const all = readdirSync(folder, { recursive: true, withFileTypes: true });
  return all
    .filter((entry) => entry.isFile() && entry.name === "os-secrets.node")
    .map(({ parentPath }) => JSON.parse(readFileSync(join(parentPath, "package.json"), "utf8")).name)
    .sort();
}

/** Runs a file of a project in the session, with the command of a runtime from `runtimes`. */
function runFile(session, name, folder, [command, ...args], file) {
  if (!managers[name].hasNoFolder) return session.run(command, [...args, file], { cwd: folder });
  // Without a node_modules folder, Node finds the packages only with Yarn's help.
  const PATH = `${dirname(command)}:${session.env.PATH}`;
  const [program, yarn] = managers[name].command;
  return session.run(program, [yarn, "node", ...args, file], { cwd: folder, env: { PATH } });
}

module.exports = { installPackage, listInstalled, runManager, managers, runFile };
