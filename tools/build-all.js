// npm run build:all [-- platform...]: builds the addon as it is published, with the list of its crates in it, for
// every platform (or the named ones) that can be built for here, and says which remain for the release workflow.
//
// On Debian it installs what that needs; macOS and Windows build for themselves. The workflow runs this, too.

const { readFileSync, writeFileSync } = require("node:fs");
const { delimiter, join } = require("node:path");
const { cache } = require("./cache.js");
const { ensureCrate } = require("./crates.js");
const { platform, platforms } = require("./platforms.js");
const { ensureCompiler, ensureZig } = require("./toolchain.js");
const { ADDON, linuxFlags, ensureRust, fail, install, run, runAside } = require("./tools.js");
const { windowsArm64Compiler, windowsCompiler } = require("./windows.js");

/** What puts the list of crates there, and under which name it does on Linux and Windows. */
const CARGO_AUDITABLE = "0.7.7";
const LIST = ".dep-v0";

/** The oldest glibc that the binaries run on: that of CentOS 7, older than any that Node runs on. */
const GLIBC = "2.17";

/** What builds for Linux: zig links against any version of its C libraries. */
function onLinux(each) {
  const { name, target } = each;
  const { env, args } = ensureCompiler(target);
  const own = linuxFlags(each);
  const version = name.endsWith("gnu") ? `.${GLIBC}` : "";
  return {
    env: ensureZig({ ...env, ...own }),
    command: ["cargo-zigbuild", "rustc", ...args, "--target", `${target}${version}`],
    target,
  };
}

/** What builds for Windows on Debian: Mingw, where the release has Microsoft's linker. */
function withMingw() {
  const { env, args, target } = windowsCompiler();
  return { env, command: ["cargo", "auditable", "rustc", ...args, "--target", target], target };
}

/** What builds for Windows on arm64 on Debian: Zig. */
function withZig() {
  const { env, args, target } = windowsArm64Compiler();
  return { env, command: ["cargo-zigbuild", "rustc", ...args, "--target", target], target };
}

/** What builds for macOS and Windows there. */
function onItself({ target }) {
  return { env: process.env, command: ["cargo", "auditable", "rustc", "--target", target], target };
}

const onDebian = {
  "linux-x64-gnu": onLinux,
  "linux-x64-musl": onLinux,
  "linux-arm64-gnu": onLinux,
  "linux-arm64-musl": onLinux,
  "win32-x64": withMingw,
  "win32-arm64": withZig,
};
const own = platforms.filter(({ name }) => name.startsWith(`${process.platform}-`));
const ways =
  process.platform === "linux" ? onDebian : Object.fromEntries(own.map(({ name }) => [name, onItself]));

/** Why the others cannot be built for on Debian. */
const reasons = {
  "darwin-x64": "Apple's linker and SDK, which only macOS has",
  "darwin-arm64": "Apple's linker and SDK, which only macOS has",
};

/** The environment in which both commands make the list of crates. */
function withAuditable(env) {
  const folder = join(cache, "cargo-auditable");
  ensureCrate("cargo-auditable", CARGO_AUDITABLE, folder, ["--debug"]);
  const PATH = `${join(folder, "bin")}${delimiter}${env.PATH}`;
  if (process.platform !== "linux") return { ...env, PATH };
  // cargo-zigbuild runs what this names.
  const CARGO = join(folder, "cargo");
  writeFileSync(CARGO, '#!/bin/sh\nexec cargo auditable "$@"\n', { mode: 0o755 });
  return { ...env, PATH, CARGO };
}

/**
 * Builds for a platform that can be built for here; the binary lies in its package's folder then. `profile` are
 * settings of cargo's for a release, in place of the crate's own.
 */
async function buildFor(each, profile = {}) {
  const {
    env,
    command: [program, ...args],
    target,
  } = ways[each.name](each);
  const folder = join(cache, "target");
  const options = { env: { ...withAuditable(env), ...profile, CARGO_TARGET_DIR: folder } };
  console.log(`Building ${each.name}`);
  // Other clones have built there, too, and what is newer than a clone's files counts as built from them.
  run("cargo", ["clean", "--quiet", "--release", "--package", "os-secrets", "--target", target], options);
  await runAside(program, [...args, ...ADDON], options);
  const library = join(folder, target, "release", each.library);
  // It is left out without a word where the linker drops it.
  if (process.platform !== "darwin" && !readFileSync(library).includes(LIST)) {
    fail(`${library} does not list its crates.`);
  }
  install(library, each.folder);
}

/** The platforms that can be built for here. */
const buildable = platforms.filter(({ name }) => name in ways);

async function main(names) {
  const unknown = names.filter((name) => !(name in ways));
  if (unknown.length > 0) fail(`Cannot be built here: ${unknown.join(", ")}.`);
  ensureRust();
  for (const each of names.length > 0 ? names.map(platform) : buildable) await buildFor(each);
  console.log(`\nBuilt: ${(names.length > 0 ? names : Object.keys(ways)).join(", ")}`);
  if (process.platform !== "linux") return;
  console.log("These remain for the release workflow, because here is missing what builds them:");
  for (const [name, reason] of Object.entries(reasons)) console.log(`  ${name}: ${reason}`);
}

if (require.main === module) main(process.argv.slice(2));

module.exports = { buildFor, buildable };
