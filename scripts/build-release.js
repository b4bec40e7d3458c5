// npm run build:release -- <platform>: builds the addon for a platform, named as in npm/, as it is published: with the
// list of its crates in it, on Linux against a glibc of 2014. That wants rustup, and for Linux Zig and cargo-zigbuild.

const { writeFileSync } = require("node:fs");
const { delimiter, join } = require("node:path");
const { cache } = require("../__test__/support/providers.js");
const { ensureCrate } = require("./crates.js");
const { platforms } = require("./platforms.js");
const { ADDON, ensureRust, fail, install, linuxFlags, run, targetDirectory } = require("./tools.js");

const CARGO_AUDITABLE = "0.7.7";
const GLIBC = "2.17";

const [name] = process.argv.slice(2);
const platform = platforms.find((platform) => platform.name === name);
if (!platform) fail(`Name one of these: ${platforms.map(({ name }) => name).join(", ")}.`);
const { folder, library, target } = platform;

ensureRust();
run("rustup", ["target", "add", target]);
const auditable = join(cache, "cargo-auditable");
ensureCrate("cargo-auditable", CARGO_AUDITABLE, auditable, ["--debug"]);

const own = { PATH: `${join(auditable, "bin")}${delimiter}${process.env.PATH}` };
if (name.startsWith("linux-")) {
  // cargo-zigbuild runs what this names.
  const CARGO = join(auditable, "cargo");
  writeFileSync(CARGO, '#!/bin/sh\nexec cargo auditable "$@"\n', { mode: 0o755 });
  const against = name.endsWith("-gnu") ? `${target}.${GLIBC}` : target;
  const env = { ...process.env, ...own, ...linuxFlags(platform), CARGO };
  run("cargo-zigbuild", ["rustc", ...ADDON, "--target", against], { env });
} else {
  const env = { ...process.env, ...own };
  run("cargo", ["auditable", "rustc", ...ADDON, "--target", target], { env });
}
install(join(targetDirectory(), target, "release", library), folder);
