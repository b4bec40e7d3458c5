// publish.js npm|crate [--dry-run]: publishes what pack.js has packed to dist/, or the crate. What is there already is
// left alone, so that a release which has failed half-way can be run again.

const { spawnSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const { existsSync, readFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { parseArgs } = require("node:util");
const { name, repository, version } = require("../package.json");
const { manifest, platforms } = require("./platforms.js");
const { fail, root, run } = require("./process.js");

/** The first npm with trusted publishing that is brought along by a Node. */
const NPM = [11, 6];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { "dry-run": { type: "boolean" } },
});
const dryRun = values["dry-run"] ? ["--dry-run"] : [];

/** What a command prints; undefined where it fails. */
function output(command, args) {
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

function publishToNpm() {
  const [major, minor] = output("npm", ["--version"]).split(".").map(Number);
  if (major < NPM[0] || (major === NPM[0] && minor < NPM[1]))
    fail(`This wants npm ${NPM.join(".")} or later.`);
  checkRepository();
  // The package last: who installs it wants the others.
  const tarballs = [...platforms.map((platform) => manifest(platform).name), name].map((published) => [
    published,
    join(root, "dist", `${published.replace("@", "").replace("/", "-")}-${version}.tgz`),
  ]);
  const missing = tarballs.filter(([, tarball]) => !existsSync(tarball)).map(([published]) => published);
  if (missing.length > 0) fail(`Nothing is published, because these were not packed: ${missing.join(", ")}.`);
  for (const [published, tarball] of tarballs) {
    const integrity = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
    const there = output("npm", ["view", `${published}@${version}`, "dist.integrity"]);
    if (there === integrity) {
      console.log(`${published} ${version} is there already.`);
      continue;
    }
    // npm refuses that in a dry run as well, and between two releases it is no mistake.
    if (there && values["dry-run"]) {
      console.log(`${published} ${version} is there already, with other contents: nothing to try.`);
      continue;
    }
    if (there) fail(`${published} ${version} is there already, with other contents: nothing can replace it.`);
    const tag = version.includes("-") ? "next" : "latest";
    run("npm", ["publish", tarball, "--access=public", "--provenance", `--tag=${tag}`, ...dryRun]);
  }
}

function publishCrate() {
  if (output("cargo", ["info", "--registry=crates-io", `${name}@${version}`]) !== undefined) {
    console.log(`The crate ${name} ${version} is there already.`);
    return;
  }
  run("cargo", ["publish", "--locked", ...dryRun]);
}

const [where] = positionals;
if (where === "npm") publishToNpm();
else if (where === "crate") publishCrate();
else fail("Say where to: npm or crate.");
