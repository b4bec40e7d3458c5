// npm run build:release -- <platform>: builds the addon for a platform, named as in npm/, as it is published: with the
// list of its crates in it, on Linux against a glibc of 2014. That wants rustup, and for Linux Zig and cargo-zigbuild.

const { delimiter, join } = require("node:path");
const { cache } = require("../__test__/support/providers.js");
const { ensureCrate } = require("./crates.js");
const { platforms } = require("./platforms.js");
const { ensureRust, fail, install, run, targetDirectory } = require("./tools.js");

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

const env = { ...process.env, PATH: `${join(auditable, "bin")}${delimiter}${process.env.PATH}` };
// What is loaded into a program shares its C library.
if (name.endsWith("-musl")) env.RUSTFLAGS = "-Ctarget-feature=-crt-static";
const build = name.startsWith("linux-") ? "zigbuild" : "build";
const against = name.endsWith("-gnu") ? `${target}.${GLIBC}` : target;
run("cargo", ["auditable", build, "--release", "--locked", "--lib", "--target", against], { env });
install(join(targetDirectory(), target, "release", library), folder);
