// npm run build: builds the addon for this machine.
//
// npm run build:all [-- platform...]: builds the addon as it is published, with the list of its crates in it, for every
// platform (or the named ones) that can be built for here, and says which ones remain for the release workflow. On Debian
// it installs what that needs. macOS and Windows build for themselves. The workflow runs this, too.
//
// npm run build:programs [-- platform...]: the same for the native program, into the folders of the platforms' packages.

const { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const { basename, delimiter, join } = require("node:path");
const { compilerFor, windows } = require("./cross.js");
const { place } = require("./install.js");
const { OLDEST_MACOS, checkMachO, frameworks } = require("./mach-o.js");
const {
  PROGRAM,
  metadata,
  oldestGlibc,
  ownPlatform,
  packages,
  platform,
  platforms,
} = require("./platforms.js");
const { check, fail, run, runAside } = require("./process.js");
const { provide } = require("./provision.js");

/** The arguments of cargo that build the addon. */
const ADDON = ["build", "--release", "--locked", "--package", packages.addon];
/** The arguments of cargo that build the program. It shares crates with the addon, which adds features to some. */
const NATIVE = [...ADDON, `--package=${packages.programs}`, `--bin=${PROGRAM}`];
/** The arguments of cargo that choose the core with its feature, which the addon and the programs do not have. */
const WITH_KEYRING = ["--package", packages.core, "--features", "keyring"];
/** The section of a binary of Linux or Windows that lists its crates. */
const CRATES = ".dep-v0";

/** What the environment in which the compiler builds the addon, or the program, for a platform has of its own. */
function settings({ name, target }, isProgram = false) {
  const [os, arch] = name.split("-");
  const [env, flags] = [{}, []];
  if (os === "darwin") env.MACOSX_DEPLOYMENT_TARGET = OLDEST_MACOS[arch];
  // Nothing is unwound, see Cargo.toml.
  if (os === "linux") flags.push("-Cforce-unwind-tables=no");
  // An addon is no program: it uses the C library of the runtime that loads it.
  if (name.endsWith("-musl") && !isProgram) flags.push("-Ctarget-feature=-crt-static");
  // A program needs neither a C library nor the runtime of Visual C++.
  if ((name.endsWith("-musl") || os === "win32") && isProgram) flags.push("-Ctarget-feature=+crt-static");
  // Zig has its own musl, and Debian's Rust has none. Zig does not know -static-pie.
  if (name.endsWith("-musl") && isProgram) flags.push("-Clink-self-contained=no", "-Clink-arg=-pie");
  if (os === "darwin" && process.platform !== "darwin") flags.push(`-Clink-arg=-F${frameworks}`);
  // With the target's name in it, it does not change what runs only while the addon is built.
  const variable = `CARGO_TARGET_${target.replaceAll("-", "_").toUpperCase()}_RUSTFLAGS`;
  // Even an empty one would replace what cargo is configured with.
  if (flags.length > 0) env[variable] = flags.join(" ");
  return env;
}

/** Puts a library that cargo has built where the addon is looked for. */
function install(library, { folder, binary }) {
  mkdirSync(folder, { recursive: true });
  replace(library, binary);
}

/** Copies a file in one step: a process that has the old one loaded keeps it whole. */
function replace(source, destination) {
  copyFileSync(source, `${destination}.new`);
  renameSync(`${destination}.new`, destination);
}

/** The folder that cargo builds into, which its configuration and environment may move. */
function targetDirectory() {
  return metadata().target_directory;
}

/** Builds the addon into this platform's package. */
function build() {
  provide("cargo");
  const own = ownPlatform() ?? fail(`There is no os-secrets for ${process.platform} on ${process.arch}.`);
  run("cargo", [...ADDON, "--target", own.target], { env: { ...process.env, ...settings(own) } });
  install(join(targetDirectory(), own.target, "release", own.library), own);
}

/** Builds the native programs for the tests. */
function buildPrograms() {
  provide("cargo");
  run("cargo", ["build", "--locked", "--package", packages.programs, "--bins"]);
}

/** The folder that {@link buildPrograms} puts them in. */
function programs() {
  return join(targetDirectory(), "debug");
}

/**
 * Removes what was built of our own packages. Several clones build into the cache, and there cargo takes what is newer
 * than a clone's files as built from them.
 */
function clean(args, options) {
  const names = new Set(Object.values(packages));
  run("cargo", ["clean", "--quiet", ...[...names].flatMap((name) => ["--package", name]), ...args], options);
}

/** Returns whether this machine can build for a platform. Apple's linker and SDK are only on macOS. */
function isBuildable({ name }) {
  return process.platform === "linux" ? !name.startsWith("darwin") : name.startsWith(process.platform);
}

/** The environment in which a binary gets the list of its crates. */
function withCrates(env) {
  provide("cargo-auditable");
  const folder = place("cargo-auditable");
  const PATH = `${join(folder, "bin")}${delimiter}${env.PATH}`;
  if (process.platform !== "linux") return { ...env, PATH };
  // What cargo-zigbuild runs as cargo.
  const CARGO = join(folder, "cargo");
  writeFileSync(CARGO, '#!/bin/sh\nexec cargo auditable "$@"\n', { mode: 0o755 });
  return { ...env, PATH, CARGO };
}

/**
 * Runs cargo for a platform as it is published, with the list of crates. `own` are its settings. Resolves to the folder
 * with what it has built.
 */
async function compile(platform, cargo, own, isClean = false) {
  const { name, target: published } = platform;
  const [os, arch] = name.split("-");
  const onLinux = process.platform === "linux";
  const target = onLinux && os === "win32" ? windows[arch] : published;
  const { env, args } = onLinux ? compilerFor(target) : { env: process.env, args: [] };
  const CARGO_TARGET_DIR = place("target");
  const options = { env: { ...withCrates(env), ...own, CARGO_TARGET_DIR } };
  if (!isClean) clean(["--release", "--target", target], options);
  // Zig links against any version of glibc.
  const triple = target.includes("-linux-gnu") ? `${target}.${oldestGlibc(platform)}` : target;
  const [program, ...first] = onLinux && target !== windows.x64 ? ["cargo-zigbuild"] : ["cargo", "auditable"];
  check(program, await runAside(program, [...first, ...cargo, ...args, "--target", triple], options));
  return join(CARGO_TARGET_DIR, target, "release");
}

/** Ends the tool if a binary does not list its crates: a linker that drops the list says nothing. */
function checkCrates(binary) {
  if (!readFileSync(binary).includes(CRATES)) fail(`${binary} does not list its crates.`);
}

/**
 * Compiles the addon for a platform as it is published, and checks the library. Resolves to its path. `profile` are
 * settings of cargo for a release, in place of those in Cargo.toml.
 */
async function compileAddon(platform, profile) {
  console.log(`Building ${platform.name}`);
  const folder = await compile(platform, ADDON, { ...settings(platform), ...profile });
  const library = join(folder, platform.library);
  if (platform.name.startsWith("darwin")) checkMachO(library, platform);
  else checkCrates(library);
  return library;
}

/**
 * Builds the native program for a platform into the folder of its package. `profile` are settings of cargo for a release.
 * `isClean` says that this process has built the addon for the platform before.
 */
async function buildProgramFor(platform, profile = {}, isClean = false) {
  console.log(`Building the program for ${platform.name}`);
  const own = { ...settings(platform, true), ...profile };
  const folder = await compile(platform, NATIVE, own, isClean);
  const built = join(folder, basename(platform.program));
  checkCrates(built);
  replace(built, platform.program);
}

/** Builds the addon for a platform into the platform's package. For `profile` see {@link compileAddon}. */
async function buildFor(platform, profile = {}) {
  install(await compileAddon(platform, profile), platform);
}

/** Links the addon for macOS on Debian, checks it, and throws it away. */
async function linkForMacOS(platform, profile) {
  // Debian's compiler has no program that strips it.
  await compileAddon(platform, { ...profile, CARGO_PROFILE_RELEASE_STRIP: "none" });
}

/** Builds for the named platforms, or for all, with a function that builds for one. */
async function buildAll(names, build) {
  const chosen = names.length > 0 ? names.map(platform) : platforms.filter(isBuildable);
  const others = chosen.filter((each) => !each.target || !isBuildable(each));
  if (others.length > 0) fail(`Cannot be built here: ${others.map(({ name }) => name).join(", ")}.`);
  provide("cargo");
  for (const each of chosen) await build(each);
  console.log(`\nBuilt: ${chosen.map(({ name }) => name).join(", ")}`);
  const remaining = platforms.filter((each) => !isBuildable(each)).map(({ name }) => name);
  console.log(`The release workflow builds the others: ${remaining.join(", ")}.`);
}

if (require.main === module) {
  const [option, ...names] = process.argv.slice(2);
  if (option === "--all") buildAll(names, (each) => buildFor(each));
  else if (option === "--programs") buildAll(names, (each) => buildProgramFor(each));
  else build();
}

module.exports = {
  WITH_KEYRING,
  build,
  buildFor,
  buildProgramFor,
  buildPrograms,
  clean,
  install,
  isBuildable,
  linkForMacOS,
  programs,
  targetDirectory,
};
