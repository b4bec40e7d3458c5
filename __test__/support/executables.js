// Single executables of a project that uses os-secrets: how Bun and Node make them, for this platform and others.

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { extname, join } = require("node:path");
const { platforms } = require("../../tools/platforms.js");
const { scripts } = require("./package.js");
const { bun, root } = require("./runtimes.js");

/** The files of the package that a program loads. */
const FILES = ["package.json", ...scripts];

/** What is in the place of a binary that has not been built. */
const standIn = ({ name }) => Buffer.from(`This is not the binary for ${name}.`);

/** The binary of a platform, if it has been built and `usesBuilt` is true, or else what stands in its place. */
function readBinary(platform, usesBuilt) {
  return usesBuilt && existsSync(platform.binary) ? readFileSync(platform.binary) : standIn(platform);
}

/**
 * Makes a project that has the package and all platform packages in its node_modules. If `usesBuilt` is true, those
 * that have been built have their real binaries.
 */
function makeProject(folder, usesBuilt = false) {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "os-secrets"), { recursive: true });
  for (const file of FILES) copyFileSync(join(root, file), join(modules, "os-secrets", file));
  for (const platform of platforms) {
    const place = join(modules, "@os-secrets", platform.name);
    mkdirSync(place, { recursive: true });
    copyFileSync(join(platform.folder, "package.json"), join(place, "package.json"));
    writeFileSync(join(place, "os-secrets.node"), readBinary(platform, usesBuilt));
  }
  writeFileSync(join(folder, "package.json"), '{ "private": true }');
  return folder;
}

/** Runs a program in a folder, which must succeed. */
function runIn(folder, command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
}

/**
 * Compiles the file main.mjs of a project with Bun for one of its targets. `runtime` is the path of a Bun for that
 * target, by default this machine's. Returns the path of the executable.
 */
function compileWithBun(folder, target, runtime = bun) {
  const executable = join(folder, `${target}${target.startsWith("bun-windows") ? ".exe" : ""}`);
  const args = [`--target=${target}`, `--compile-executable-path=${runtime}`, "--outfile", executable];
  runIn(folder, bun, ["build", "--compile", ...args, "main.mjs"]);
  return executable;
}

/** The platforms whose binaries a file contains, by name. `usesBuilt` is as for the project. */
function listEmbedded(file, usesBuilt = false) {
  const contents = readFileSync(file);
  return platforms.filter((each) => contents.includes(readBinary(each, usesBuilt))).map(({ name }) => name);
}

const TOOLS = join(root, "__test__", "install", "node_modules");
/** This is a script, unless npm ran esbuild's install script, which replaces it with the program. */
const esbuild = join(TOOLS, ".bin", "esbuild");

/**
 * Bundles the file main.mjs of a project as the CommonJS module common.cjs in a folder, with esbuild and more arguments
 * for it.
 */
function bundleAsCommon(project, folder, ...more) {
  // CommonJS has no await at the top level.
  const [head, ...body] = readFileSync(join(project, "main.mjs"), "utf8").split("\n");
  const main = `${head}\nasync function main() {\n${body.join("\n")}}\nmain();\n`;
  writeFileSync(join(project, "common.mjs"), main);
  const args = ["--bundle", "--platform=node", "--out-extension:.js=.cjs", `--outdir=${folder}`, ...more];
  runIn(project, esbuild, ["common.mjs", ...args]);
}

/** The arguments of postject that Node prescribes. */
const FUSE = ["--sentinel-fuse", "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2"];
const [BUNDLE, BLOB, CONFIGURATION] = ["common.cjs", "blob", "sea.json"];

/**
 * Makes a single executable application of Node from the file common.cjs in a folder, and removes that. `node` is the
 * path of the Node that becomes the application, and `assets` is as in its configuration. `runInFolder` runs a program
 * in the folder with arguments. Returns the path of the application.
 */
async function makeApplication(folder, node, assets, runInFolder) {
  const application = join(folder, `program${extname(node)}`);
  const configuration = { main: BUNDLE, output: BLOB, disableExperimentalSEAWarning: true, assets };
  writeFileSync(join(folder, CONFIGURATION), JSON.stringify(configuration));
  copyFileSync(node, application);
  await runInFolder(application, ["--experimental-sea-config", CONFIGURATION]);
  const postject = join(TOOLS, "postject", "dist", "cli.js");
  runIn(folder, process.execPath, [postject, application, "NODE_SEA_BLOB", BLOB, ...FUSE]);
  for (const made of [BUNDLE, BLOB, CONFIGURATION]) rmSync(join(folder, made));
  return application;
}

module.exports = {
  bundleAsCommon,
  compileWithBun,
  esbuild,
  listEmbedded,
  makeApplication,
  makeProject,
  runIn,
};
