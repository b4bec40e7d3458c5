// npm run archives [-- [--built] directory]: makes what a release has besides packages of npm and crates: for each platform
// an archive with the native programs, for Linux with glibc a Debian package, SHA256SUMS, and a formula for Homebrew. With
// --built, it makes them only for the platforms whose program has been built here, and the formula only if no platform is
// missing.
//
// What is in them depends on the commit alone: two runs make the same bytes.

const { createHash } = require("node:crypto");
const { existsSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const { basename, join, resolve } = require("node:path");
const { parseArgs } = require("node:util");
const { repository } = require("../package.json");
const { archiveNames, archiveStem, epoch, filesBelow, makeShared, stage } = require("./contents.js");
const { debianName, makeDebian } = require("./debian.js");
const { formula, formulaPlatforms } = require("./formula.js");
const { platforms } = require("./platforms.js");
const { fail, root, run, temporaryFolder } = require("./process.js");
const { provide } = require("./provision.js");

/** Packs the folder `stem` in a folder as a tarball. */
function packTar(folder, stem, file, compress, options = []) {
  const alike = ["--sort=name", `--mtime=@${epoch()}`, "--owner=0", "--group=0", "--numeric-owner"];
  const args = ["--create", "--format=gnu", ...alike, ...options, `--use-compress-program=${compress}`];
  run("tar", [...args, "--file", file, "--directory", folder, stem]);
}

/** Packs the folder `stem` in a folder as a zip archive. */
function packZip(folder, stem, file) {
  const files = filesBelow(join(folder, stem)).map((file) => join(stem, file));
  // A date in an archive has no time zone.
  const env = { ...process.env, TZ: "UTC" };
  const input = files.join("\n");
  const stdio = ["pipe", "inherit", "inherit"];
  run("zip", ["-q", "-9", "-X", "-D", file, "-@"], { cwd: folder, env, input, stdio });
}

/** Makes a platform's archives and packages in a folder, and returns their paths. */
function makeFor(platform, shared, destination) {
  const folder = temporaryFolder();
  const stem = archiveStem(platform);
  stage(platform, shared, join(folder, stem));
  const made = archiveNames(platform).map((name) => join(destination, name));
  for (const file of made) {
    if (file.endsWith(".zip")) packZip(folder, stem, file);
    else if (file.endsWith(".gz")) packTar(folder, stem, file, "gzip -9n");
    else packTar(folder, stem, file, "xz -6", ["--dereference", "--hard-dereference"]);
  }
  if (debianName(platform)) made.push(makeDebian(platform, join(folder, stem), destination));
  return made;
}

/** The address of the repository, or `undefined` if nothing names it. */
function repositoryAddress() {
  const { GITHUB_REPOSITORY: own, GITHUB_SERVER_URL: server = "https://github.com" } = process.env;
  const named = repository?.url?.replace(/^git\+/, "").replace(/\.git$/, "");
  return named ?? (own && `${server}/${own}`);
}

/** Makes everything in a folder. */
function makeArchives(destination, onlyBuilt) {
  const isBuilt = ({ program }) => existsSync(program);
  const unbuilt = platforms.filter((each) => !isBuilt(each));
  if (unbuilt.length > 0 && !onlyBuilt)
    fail(`No program yet for ${unbuilt.map(({ name }) => name).join(", ")}: npm run build:programs`);
  mkdirSync(destination, { recursive: true });
  const shared = join(temporaryFolder(), "share");
  makeShared(shared);
  const made = platforms.filter(isBuilt).flatMap((each) => makeFor(each, shared, destination));
  const digest = (file) => createHash("sha256").update(readFileSync(file)).digest("hex");
  const sums = Object.fromEntries(made.sort().map((file) => [basename(file), digest(file)]));
  const lines = Object.entries(sums).map(([name, sum]) => `${sum}  ${name}\n`);
  writeFileSync(join(destination, "SHA256SUMS"), lines.join(""));
  const address = repositoryAddress();
  if (!address) console.log("::warning::package.json names no repository: there is no formula for Homebrew.");
  else if (formulaPlatforms.every((name) => !unbuilt.some((each) => each.name === name)))
    writeFileSync(join(destination, "os-secrets.rb"), formula(address, sums));
}

const options = { built: { type: "boolean", default: false } };
const { values, positionals } = parseArgs({ allowPositionals: true, options });
provide("archivers");
makeArchives(resolve(positionals[0] ?? join(root, "dist")), values.built);
