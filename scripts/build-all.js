// npm run build:all [-- platform...]: builds the addon as it is published, for every platform (or the named
// ones) that can be built for on Debian, all of which it installs, and says which remain for the release workflow.

const { join } = require("node:path");
const { cache } = require("./cache.js");
const { platform, platforms } = require("./platforms.js");
const { ensureCompiler, ensureZig } = require("./toolchain.js");
const { ADDON, linuxFlags, ensureRust, fail, install, run, runAside } = require("./tools.js");
const { windowsCompiler } = require("./windows.js");

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

/** What builds for Windows: Mingw, where the release has Microsoft's linker. */
function onWindows() {
  const { env, args, target } = windowsCompiler();
  return { env, command: ["cargo", "rustc", ...args, "--target", target], target };
}

const ways = {
  "linux-x64-gnu": onLinux,
  "linux-x64-musl": onLinux,
  "linux-arm64-gnu": onLinux,
  "linux-arm64-musl": onLinux,
  "win32-x64": onWindows,
};

/** Why the others cannot be built for here. */
const reasons = {
  "darwin-x64": "Apple's linker and SDK, which only macOS has",
  "darwin-arm64": "Apple's linker and SDK, which only macOS has",
  "win32-arm64": "a linker for Windows on arm64, which Debian does not have",
};

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
  const options = { env: { ...env, ...profile, CARGO_TARGET_DIR: folder } };
  console.log(`Building ${each.name}`);
  // Other clones have built there, too, and what is newer than a clone's files counts as built from them.
  run("cargo", ["clean", "--quiet", "--release", "--package", "os-secrets", "--target", target], options);
  await runAside(program, [...args, ...ADDON], options);
  install(join(folder, target, "release", each.library), each.folder);
}

/** The platforms that can be built for here. */
const buildable = platforms.filter(({ name }) => name in ways);

async function main(names) {
  const unknown = names.filter((name) => !(name in ways));
  if (unknown.length > 0) fail(`Cannot be built here: ${unknown.join(", ")}.`);
  ensureRust();
  for (const each of names.length > 0 ? names.map(platform) : buildable) await buildFor(each);
  console.log(`\nBuilt: ${(names.length > 0 ? names : Object.keys(ways)).join(", ")}`);
  console.log("These remain for the release workflow, because here is missing what builds them:");
  for (const [name, reason] of Object.entries(reasons)) console.log(`  ${name}: ${reason}`);
}

if (require.main === module) main(process.argv.slice(2));

module.exports = { buildFor, buildable };
