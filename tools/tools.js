// What the scripts share: each makes sure of something that a fresh clone lacks. Only Node's own
// modules are used here, because nothing else is installed yet.

const { spawn, spawnSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const { once } = require("node:events");
const {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} = require("node:fs");
const { delimiter, isAbsolute, join } = require("node:path");
const { ownPlatform } = require("./platforms.js");

const root = join(__dirname, "..");

/** Ends the script with a message for the person. */
function fail(message) {
  console.error(`\n${message}`);
  process.exit(1);
}

/** Runs a command in the repository and shows what it prints; ends the script where it fails. */
function run(command, args, options = {}) {
  console.log(`$ ${[command, ...args].join(" ")}`);
  // There it is a script of cmd.
  const shell = command === "npm" && process.platform === "win32";
  const { status, error, signal } = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    shell,
    ...options,
  });
  if (error) fail(`${command} cannot be run: ${error.message}`);
  if (status !== 0) fail(`${command} failed with ${signal ?? `exit code ${status}`}.`);
}

/** What a command prints; ends the script where it fails, which the command itself explains. */
function output(command, args, options = {}) {
  const own = { cwd: root, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] };
  const { status, stdout, error } = spawnSync(command, args, { ...own, ...options });
  if (error || status !== 0) fail(`${[command, ...args].join(" ")} failed.`);
  return stdout.trim();
}

/** As {@link run}, while the script goes on: what the command prints is shown when it has ended. */
async function runAside(command, args, options = {}) {
  const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], ...options });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
  }
  const [code, signal] = await once(child, "close");
  console.log(`$ ${[command, ...args].join(" ")}\n${text}`);
  if (code !== 0) fail(`${command} failed with ${signal ?? `exit code ${code}`}.`);
}

/** Whether a program is on the PATH, or a file where an absolute path says. */
function isInstalled(program) {
  if (isAbsolute(program)) return existsSync(program);
  const names = process.platform === "win32" ? [`${program}.exe`, `${program}.cmd`] : [program];
  const places = process.env.PATH.split(delimiter);
  return places.some((directory) => names.some((name) => existsSync(join(directory, name))));
}

/** Installs Debian packages that are missing, given as { program or file: packages }; as root only. */
function ensureDebian(programs) {
  if (process.platform !== "linux") return;
  const missing = Object.entries(programs).filter(([program]) => !isInstalled(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.flatMap(([, names]) => names.split(" ")))];
  const command = `apt-get install ${packages.join(" ")}`;
  if (process.getuid() !== 0 || !isInstalled("apt-get")) {
    fail(`Missing: ${missing.map(([program]) => program).join(", ")}. On Debian, run: sudo ${command}`);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  run("apt-get", ["update", "-qq"], { env });
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], { env });
}

/** Makes sure of a bus and a gnome-keyring, and of whatever else is given, as ensureDebian takes it. */
function ensureKeyring(others = {}) {
  ensureDebian({
    "dbus-daemon": "dbus-daemon",
    "dbus-send": "dbus-bin",
    "gnome-keyring-daemon": "gnome-keyring",
    ...others,
  });
}

/** Installs what a package-lock.json says, unless that has been done for this very lock file. */
function ensureNodeModules(directory = root) {
  const lock = createHash("sha256")
    .update(readFileSync(join(directory, "package-lock.json")))
    .digest("hex");
  const stamp = join(directory, "node_modules", ".installed-lock");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  run("npm", ["ci", "--no-audit", "--no-fund"], { cwd: directory });
  writeFileSync(stamp, lock);
}

/** Makes sure of Rust, which only its own installer brings, and of the linker it calls. */
function ensureRust() {
  if (!isInstalled("cargo")) fail("Missing program: cargo. Install Rust 1.89 or later: https://rustup.rs");
  ensureDebian({ cc: "gcc libc6-dev" });
}

/** The test files that a script runs: those that its arguments name, else all of a folder. */
function testFiles(folder) {
  const chosen = process.argv.slice(2);
  if (chosen.length > 0) return chosen;
  const all = readdirSync(join(root, folder)).filter((name) => name.endsWith(".test.js"));
  return all.map((name) => join(folder, name));
}

/** Puts a library that cargo has built where the addon is looked for. */
function install(library, folder) {
  mkdirSync(folder, { recursive: true });
  const binary = join(folder, "os-secrets.node");
  // Replaced in one step: a process that has the old one loaded keeps it whole.
  copyFileSync(library, `${binary}.new`);
  renameSync(`${binary}.new`, binary);
}

/** Where cargo builds to, which its configuration and environment may move. */
function targetDirectory() {
  const args = ["metadata", "--format-version=1", "--no-deps", "--locked"];
  return JSON.parse(output("cargo", args)).target_directory;
}

/**
 * How cargo builds the addon alone: beside a library for Rust, which could call everything, nothing could be left
 * out of it.
 */
const ADDON = ["--release", "--locked", "--lib", "--crate-type", "cdylib"];

/** The environment in which the compiler builds the addon for a platform of Linux. */
function linuxFlags({ name, target }) {
  // Nothing is unwound, see Cargo.toml.
  const flags = ["-Cforce-unwind-tables=no"];
  // An addon is no program: it uses the C library of the runtime that loads it.
  if (name.endsWith("-musl")) flags.push("-Ctarget-feature=-crt-static");
  return { [`CARGO_TARGET_${target.replaceAll("-", "_").toUpperCase()}_RUSTFLAGS`]: flags.join(" ") };
}

/** Builds the addon into its platform package. */
function build() {
  ensureRust();
  const platform =
    ownPlatform() ?? fail(`There is no os-secrets for ${process.platform} on ${process.arch}.`);
  const { folder, library, target } = platform;
  const env = { ...process.env, ...(process.platform === "linux" && linuxFlags(platform)) };
  // With its name, the flags are for what it runs alone, and not for what builds it.
  run("cargo", ["rustc", ...ADDON, "--target", target], { env });
  install(join(targetDirectory(), target, "release", library), folder);
}

/** Builds the native programs for the tests. */
function buildPrograms() {
  ensureRust();
  run("cargo", ["build", "--locked", "--bins"]);
}

/** The folder that {@link buildPrograms} puts them in. */
function programs() {
  return join(targetDirectory(), "debug");
}

module.exports = {
  ADDON,
  build,
  buildPrograms,
  ensureDebian,
  ensureKeyring,
  ensureNodeModules,
  ensureRust,
  fail,
  install,
  isInstalled,
  linuxFlags,
  output,
  programs,
  root,
  run,
  runAside,
  targetDirectory,
  testFiles,
};
