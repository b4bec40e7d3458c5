// The ways to install something, by their names in provision.js. Each does nothing if its work was done before.
//
// What Debian does not offer is installed once for all clones, in a folder of the user's cache with the thing's name.

const { createHash } = require("node:crypto");
const {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} = require("node:fs");
const { homedir } = require("node:os");
const { join } = require("node:path");
const { fail, isInstalled, root, run } = require("./process.js");

/** The folder in the user's cache. */
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "os-secrets");

/** The folder of the cache with a thing of provision.js, or with something else. */
function place(...name) {
  return join(cache, ...name);
}

/** Installs the Debian packages of the programs and files that are missing: { program or file: packages }. */
function debian(_, files) {
  if (process.platform !== "linux") return;
  const missing = Object.keys(files).filter((file) => !isInstalled(file));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.flatMap((file) => files[file].split(" ")))];
  if (process.getuid() !== 0 || !isInstalled("apt-get")) {
    fail(`Missing: ${missing.join(", ")}. On Debian, run: sudo apt-get install ${packages.join(" ")}`);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  run("apt-get", ["update", "-qq"], { env });
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], { env });
}

/** Runs a function unless a file in a folder shows that it was run before for the same versions. */
function once(folder, versions, install) {
  const stamp = join(folder, versions);
  if (existsSync(stamp)) return;
  install();
  writeFileSync(stamp, "");
}

/** Installs the packages of a package-lock.json in its folder of the repository. */
function npm(_, name) {
  const folder = join(root, name);
  const lock = readFileSync(join(folder, "package-lock.json"));
  const digest = createHash("sha256").update(lock).digest("hex");
  once(join(folder, "node_modules"), `.installed-${digest}`, () => {
    run("npm", ["ci", "--no-audit", "--no-fund"], { cwd: folder });
  });
}

/** Builds the programs of a crate, for a short build and not for speed: [crate, version, ...options]. */
function crate(name, [program, version, ...options]) {
  const folder = place(name);
  once(folder, version, () => {
    const CARGO_TARGET_DIR = `${folder}-target`;
    const profile = {
      CARGO_PROFILE_DEV_DEBUG: "0",
      CARGO_PROFILE_RELEASE_LTO: "off",
      CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16",
      CARGO_PROFILE_RELEASE_OPT_LEVEL: "1",
    };
    const args = ["install", program, `--version=${version}`, "--locked", "--force", `--root=${folder}`];
    run("cargo", [...args, ...options], { env: { ...process.env, ...profile, CARGO_TARGET_DIR } });
    rmSync(CARGO_TARGET_DIR, { recursive: true });
  });
}

/** Installs Python packages into an environment of their own. */
function pip(name, packages) {
  const folder = place(name);
  once(folder, packages.join("-"), () => {
    run("/usr/bin/python3", ["-m", "venv", "--clear", folder]);
    run(join(folder, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", ...packages]);
  });
}

/** Unpacks a package of the npm registry, which may be for another platform: [package, version]. */
function tarball(name, [spec, version]) {
  const folder = place(name);
  once(folder, version, () => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    run("npm", ["pack", "--silent", `${spec}@${version}`], { cwd: folder });
    const [file] = readdirSync(folder);
    run("tar", ["xzf", file, "--strip-components=1"], { cwd: folder });
    rmSync(join(folder, file));
  });
}

/** Makes the thing's folder with a function that fills it. The folder appears only when it is complete. */
function fill(name, fillFolder) {
  const folder = place(name);
  if (existsSync(folder)) return;
  const parent = join(folder, "..");
  mkdirSync(parent, { recursive: true });
  const made = mkdtempSync(join(parent, "new-"));
  fillFolder(made);
  renameSync(made, folder);
}

/** Calls a function that checks or makes something outside of the cache. */
function make(_, call) {
  call();
}

module.exports = { once, place, ways: { debian, npm, crate, pip, tarball, fill, make } };
