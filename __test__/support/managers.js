// The package managers: how each installs os-secrets into a project, from the registry of a session, and what
// is there then.

const { mkdirSync, readFileSync, readdirSync, writeFileSync } = require("node:fs");
const { basename, dirname, join } = require("node:path");
const { version } = require("../../package.json");
const { succeed } = require("./registry.js");
const { bun, root, runtimes } = require("./runtimes.js");

// pnpm by the program of its platform: not every mirror of the registry has those of all the others.
const tools = join(root, "__test__", "install", "node_modules");
const yarn4 = [process.execPath, join(tools, "@yarnpkg", "cli-dist", "bin", "yarn.js")];
const noScripts = "--ignore-scripts";
const young = "--minimum-dependency-age=0";

/**
 * Each by its name: how it adds a package to a project, installs what the lock file says and nothing else, and
 * leaves optional dependencies out (`omit`), and the command that brings them (`mend`); how it installs for a
 * machine with another processor (`cpu`). What is absent it cannot do.
 */
const managers = {
  npm: {
    command: ["npm"],
    add: ["install", noScripts],
    frozen: ["ci", noScripts],
    lock: "package-lock.json",
    omit: "--omit=optional",
    mend: "npm install --include=optional --force os-secrets",
    cpu: (name) => `--cpu=${name}`,
  },
  pnpm: {
    command: [join(tools, "@pnpm", "exe.linux-x64", "pnpm")],
    add: ["add", noScripts],
    frozen: ["install", noScripts, "--frozen-lockfile"],
    lock: "pnpm-lock.yaml",
    omit: "--no-optional",
    mend: "pnpm install --force",
    cpu: (name) => `--cpu=${name}`,
  },
  "Yarn 1": {
    command: [process.execPath, join(tools, "yarn", "bin", "yarn.js")],
    add: ["add", noScripts],
    frozen: ["install", noScripts, "--frozen-lockfile"],
    lock: "yarn.lock",
    omit: "--ignore-optional",
    mend: "yarn install --force",
    ignoresLibc: true,
  },
  // Here and below, the session's configuration says that no scripts are run.
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
    mend: "bun install --force",
    cpu: (name) => `--cpu=${name}`,
  },
  // Runs no scripts unless told to.
  Deno: {
    command: [runtimes.Deno[0]],
    add: ["add", young],
    frozen: ["install", young, "--frozen"],
    lock: "deno.lock",
    prefix: "npm:",
    ignoresLibc: true,
  },
};

/** Runs a package manager in a project: what it prints. */
function manage(session, name, folder, args) {
  const { command, env } = managers[name];
  const [program, ...first] = command;
  return succeed(session, program, [...first, ...args], { cwd: folder, env });
}

/** Makes a project and has a package manager install os-secrets into it, with further arguments. */
async function installInto(session, name, folder, args = []) {
  const { add, prefix = "" } = managers[name];
  mkdirSync(folder);
  const project = { name: basename(folder), private: true, type: "module" };
  writeFileSync(join(folder, "package.json"), JSON.stringify(project));
  // Yarn takes the first folder above that has one for the project.
  if (name.startsWith("Yarn")) writeFileSync(join(folder, "yarn.lock"), "");
  await manage(session, name, folder, [...add, ...args, `${prefix}os-secrets@${version}`]);
}

/** The platform packages that are installed in a project, wherever package managers put them. */
function installed(folder) {
  const all = readdirSync(folder, { recursive: true, withFileTypes: true });
  return all
    .filter((entry) => entry.isFile() && entry.name === "os-secrets.node")
    .map(({ parentPath }) => JSON.parse(readFileSync(join(parentPath, "package.json"), "utf8")).name)
    .sort();
}

/** Runs a file of a project in the session, with a runtime as `runtimes` has them. */
function runIn(session, name, folder, [command, ...args], file) {
  if (!managers[name].hasNoFolder) return session.run(command, [...args, file], { cwd: folder });
  // Node finds the packages with Yarn's help alone.
  const PATH = `${dirname(command)}:${session.env.PATH}`;
  const [program, yarn] = managers[name].command;
  return session.run(program, [yarn, "node", ...args, file], { cwd: folder, env: { PATH } });
}

module.exports = { installInto, installed, manage, managers, runIn };
