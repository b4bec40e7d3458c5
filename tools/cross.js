// What cargo needs on Debian to build for another platform.

const { spawnSync } = require("node:child_process");
const { existsSync, writeFileSync } = require("node:fs");
const { delimiter, join } = require("node:path");
const { place } = require("./install.js");
const { provide } = require("./provision.js");

/** The targets that Debian can build for instead of Microsoft's. Mingw links for x64, and Zig for the others. */
const windows = {
  x64: "x86_64-pc-windows-gnu",
  ia32: "i686-pc-windows-gnullvm",
  arm64: "aarch64-pc-windows-gnullvm",
};

/** Returns whether the installed Rust has the standard library for a target, as rustup adds it. */
function hasTarget(target) {
  const args = ["--print", "target-libdir", "--target", target];
  const { status, stdout } = spawnSync("rustc", args, { encoding: "utf8" });
  return status === 0 && existsSync(stdout.trim());
}

/** What Zig calls the targets whose C code it compiles for the linter. cargo-zigbuild sets it itself when it builds. */
const zigTargets = { "aarch64-apple-darwin": "aarch64-macos", "x86_64-apple-darwin": "x86_64-macos" };

/** The variable with the compiler for a target's C code, if it is Zig. */
function compilerOfC(target) {
  if (!(target in zigTargets)) return {};
  const path = place("zig", `cc-${target}`);
  const zig = join(place("zig", "bin"), "cargo-zigbuild");
  writeFileSync(path, `#!/bin/sh\nexec ${zig} zig cc -- -target ${zigTargets[target]} "$@"\n`, {
    mode: 0o755,
  });
  return { [`CC_${target.replaceAll("-", "_")}`]: path };
}

/**
 * What cargo needs to build for a target: { env, args, clippy }, where `args` are more arguments and `clippy` is the
 * command of the linter. If the installed Rust lacks the target, Debian's compiler builds the standard library.
 */
function compilerFor(target) {
  provide(target === windows.x64 ? "mingw windows/nothing" : "zig windows/nothing");
  const env = {
    ...process.env,
    ...compilerOfC(target),
    PATH: `${place("zig", "bin")}${delimiter}${process.env.PATH}`,
    CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER: "x86_64-w64-mingw32-gcc",
    LIBNODE_PATH: place("windows/nothing"),
  };
  if (hasTarget(target)) return { env, args: [], clippy: ["cargo", "clippy"] };
  provide("rust");
  const debian = {
    RUSTC: place("rust", "usr", "bin", "rustc"),
    RUSTC_BOOTSTRAP: "1",
    LD_LIBRARY_PATH: place("rust", "usr", "lib", "x86_64-linux-gnu"),
    // The standard library's lock file names other crates than the installed Rust's.
    CARGO_HOME: place("cargo"),
  };
  const args = ["-Zbuild-std=std,panic_abort,panic_unwind,test"];
  return {
    env: { ...env, ...debian },
    args,
    clippy: [place("rust", "usr", "bin", "cargo-clippy"), "clippy"],
  };
}

module.exports = { compilerFor, windows };
