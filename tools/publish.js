// publish.js npm|crate [--dry-run]: publishes what pack.js has packed to dist/, or the crate. What is already published
// is left alone, so that a release that failed half-way can be run again.

const { spawnSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const { existsSync, readFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { parseArgs } = require("node:util");
const { name, repository, version } = require("../package.json");
const { keytarAlias, manifest, packages, platforms } = require("./platforms.js");
const { fail, output, root, run } = require("./process.js");

/** The first npm with trusted publishing that comes with a Node. */
const NPM = [11, 6];

const options = { "dry-run": { type: "boolean", default: false } };
const { values, positionals } = parseArgs({ allowPositionals: true, options });
const dryRun = values["dry-run"] ? ["--dry-run"] : [];

/** Returns the answer of a registry, or `undefined` if it has no such version. */
function ask(command, args) {
  const { status, stdout } = spawnSync(command, args, { cwd: tmpdir(), encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

/** npm takes a provenance only from the repository that the packages name. */
function checkRepository() {
  const { GITHUB_REPOSITORY: own } = process.env;
  if (repository?.url?.replace(/\.git$/, "").endsWith(`/${own}`)) return;
  const problem = `package.json does not name this repository (${own}): npm will refuse its provenance.`;
  if (!values["dry-run"]) fail(problem);
  console.log(`::warning::${problem}`);
}

/** Publishes a tarball to npm, unless it is there already. */
function publish([published, tarball]) {
  const integrity = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
  const existing = ask("npm", ["view", `${published}@${version}`, "dist.integrity"]);
  if (!existing) {
    const tag = version.includes("-") ? "next" : "latest";
    run("npm", ["publish", tarball, "--access=public", "--provenance", `--tag=${tag}`, ...dryRun]);
  } else if (existing === integrity) {
    console.log(`${published} ${version} is there already.`);
  } else {
    const problem = `${published} ${version} is there already, with other contents`;
    // npm refuses that in a dry run as well, and between two releases it is no mistake.
    if (!values["dry-run"]) fail(`${problem}: nothing can replace it.`);
    console.log(`${problem}: nothing to try.`);
  }
}

function publishToNpm() {
  const [major, minor] = output("npm", ["--version"]).split(".").map(Number);
  if (major < NPM[0] || (major === NPM[0] && minor < NPM[1]))
    fail(`npm ${NPM.join(".")} or later is needed.`);
  checkRepository();
  // Each after those that it depends on.
  const names = [...platforms.map((platform) => manifest(platform).name), name, manifest(keytarAlias).name];
  const tarballs = names.map((published) => [
    published,
    join(root, "dist", `${published.replace("@", "").replace("/", "-")}-${version}.tgz`),
  ]);
  const missing = tarballs.filter(([, tarball]) => !existsSync(tarball)).map(([published]) => published);
  if (missing.length > 0) fail(`Nothing is published, because these were not packed: ${missing.join(", ")}.`);
  for (const tarball of tarballs) publish(tarball);
}

function publishCrates() {
  const isMissing = (crate) =>
    ask("cargo", ["info", "--registry=crates-io", `${crate}@${version}`]) === undefined;
  const missing = [packages.core, packages.programs].filter(isMissing);
  if (missing.length === 0) return console.log(`The crates of ${version} are there already.`);
  run("cargo", ["publish", "--locked", ...missing.map((crate) => `--package=${crate}`), ...dryRun]);
}

const [where] = positionals;
if (where === "npm") publishToNpm();
else if (where === "crate") publishCrates();
else fail("Say where to: npm or crate.");
