// What building for other platforms needs on Debian: a compiler for them and a linker.

const { spawnSync } = require("node:child_process");
const { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const { delimiter, join } = require("node:path");
const { cache, ensureFolder, unpackDebian } = require("./cache.js");
const { ensureDebian, fail, output, run } = require("./tools.js");

/** Both of one moment: cargo-zigbuild knows the linker of the versions before it. */
const ZIG = ["ziglang==0.17.1", "cargo-zigbuild==0.24.0"];

/** The names of the Debian packages that make up the compiler, which change with its version. */
function compilerPackages() {
  const needs = (name, pattern) => {
    const found = output("apt-cache", ["depends", name])
      .split("\n")
      .map((line) => /Depends: (\S+)/.exec(line)?.[1])
      .find((dependency) => dependency && pattern.test(dependency));
    return found ?? fail(`apt-cache does not tell what ${name} depends on (${pattern}).`);
  };
  const library = needs("libstd-rust-web-dev", /^libstd-rust-web-\d/);
  const names = ["rustc-web", "rust-web-src", "rust-web-clippy", "libstd-rust-web-dev"];
  return [...names, library, needs(library, /^libllvm\d/)];
}

/** Whether the installed Rust has a target's standard library by itself, as rustup adds it. */
function hasTarget(target) {
  const args = ["--print", "target-libdir", "--target", target];
  const { status, stdout } = spawnSync("rustc", args, { encoding: "utf8" });
  return status === 0 && existsSync(stdout.trim());
}

/**
 * Makes a program of Debian's compiler callable, which finds its libraries only where they are installed: its
 * path. It keeps its name, by which clippy knows a compiler.
 */
function wrap(compiler, name) {
  const libraries = join(compiler, "usr", "lib", "x86_64-linux-gnu");
  const programs = join(cache, "rust-programs");
  mkdirSync(programs, { recursive: true });
  const program = join(programs, name);
  const script = `#!/bin/sh\nLD_LIBRARY_PATH='${libraries}' exec '${join(compiler, "usr", "bin", name)}' "$@"\n`;
  if (!existsSync(program) || readFileSync(program, "utf8") !== script) {
    writeFileSync(`${program}.new`, script);
    chmodSync(`${program}.new`, 0o755);
    renameSync(`${program}.new`, program);
  }
  return program;
}

/**
 * What cargo needs to build for a target: an environment, arguments besides, and the command of its linter.
 *
 * Where rustup can give the target, that is used. Otherwise Debian's compiler, which conflicts with rustup's
 * as a package, is unpacked beside it, and builds the standard library from its source.
 */
function ensureCompiler(target) {
  if (hasTarget(target)) return { env: process.env, args: [], clippy: ["cargo", "clippy"] };
  ensureDebian({
    "/usr/lib/x86_64-linux-gnu/libz3.so.4": "libz3-4",
    "/usr/lib/x86_64-linux-gnu/libedit.so.2": "libedit2",
    "/usr/lib/x86_64-linux-gnu/libxml2.so.2": "libxml2",
  });
  const compiler = ensureFolder("rust", (folder) => unpackDebian(folder, compilerPackages()));
  const env = {
    ...process.env,
    RUSTC: wrap(compiler, "rustc"),
    RUSTC_BOOTSTRAP: "1",
    // Its lock file names other crates than the installed Rust's.
    CARGO_HOME: join(cache, "cargo"),
  };
  return {
    env,
    args: ["-Zbuild-std=std,panic_abort,panic_unwind,test"],
    clippy: [wrap(compiler, "cargo-clippy"), "clippy"],
  };
}

/** Makes sure of the linker for all systems, as part of `cargo zigbuild`: the environment in which that works. */
function ensureZig(env) {
  ensureDebian({ "/var/lib/dpkg/info/python3-venv.list": "python3-venv" });
  const folder = join(cache, "zig");
  const bin = join(folder, "bin");
  // It is not made elsewhere and moved: it knows its own path.
  const done = join(folder, ZIG.join("-"));
  if (!existsSync(done)) {
    run("/usr/bin/python3", ["-m", "venv", "--clear", folder]);
    run(join(bin, "pip"), ["install", "--quiet", "--disable-pip-version-check", ...ZIG]);
    run("touch", [done]);
  }
  return { ...env, PATH: `${bin}${delimiter}${env.PATH}` };
}

module.exports = { ensureCompiler, ensureZig };
