// npm run test:keychain [-- test files]: runs the store for macOS on Linux: its own source, over Apple's Core Foundation
// and the model of the Security framework in __test__/keychain-model. First the tests of the store in Rust, then those
// of the API and the programs under Node.
//
// Core Foundation needs a newer C library than this system may have. So what is run has that library's loader: programs
// are linked so, and Node is a copy that is changed to it.

const { copyFileSync, cpSync, mkdirSync, symlinkSync } = require("node:fs");
const { dirname, join, relative } = require("node:path");
const { clean, install } = require("./build.js");
const { place } = require("./install.js");
const { packages, platform } = require("./platforms.js");
const { output, root, run, temporaryFolder } = require("./process.js");
const { glibc, swift } = require("./recipes.js");

const own = platform("linux-x64-gnu");
const model = join(root, "__test__", "keychain-model", "Cargo.toml");

/** The folder that everything is built into, the folders of the libraries, and the loader. */
function places() {
  const target = place("keychain-target");
  const [libraries, system] = [swift, glibc].map((folder) => folder(place("core-foundation")));
  const built = join(target, own.target, "debug");
  return { target, built, libraries, system, loader: join(system, "ld-linux-x86-64.so.2") };
}

/** The environment in which cargo builds for the model. */
function environment() {
  const { target, built, libraries, system, loader } = places();
  const link = [
    "--allow-shlib-undefined",
    `-rpath-link,${libraries}`,
    `-rpath,${system}:${libraries}:${built}`,
    `--dynamic-linker=${loader}`,
  ];
  const RUSTFLAGS = [
    "--cfg keychain_model",
    ...[libraries, built].map((folder) => `-L native=${folder}`),
    "-l dylib=Foundation -l dylib=swiftCore",
    ...link.map((option) => `-C link-arg=-Wl,${option}`),
  ].join(" ");
  return { ...process.env, CARGO_TARGET_DIR: target, RUSTFLAGS };
}

/** Makes a Node that runs with the newer C library. */
function makeNode(folder) {
  const { libraries, system, loader } = places();
  const node = join(folder, "node");
  copyFileSync(process.execPath, node);
  run("patchelf", ["--set-interpreter", loader, "--set-rpath", `${system}:${libraries}`, node]);
  return node;
}

/** Copies the package to a folder, with the addon for the model in it. */
function copyPackage(folder, addon) {
  for (const file of output("git", ["ls-files"], { cwd: root }).split("\n")) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(root, file), join(folder, file));
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const inCopy = (path) => join(folder, relative(root, path));
  install(addon, { folder: inCopy(own.folder), binary: inCopy(own.binary) });
}

/** Runs all tests on the model, or only the named files. */
function testKeychain(files, isWhole) {
  const env = environment();
  const { built } = places();
  const target = ["--locked", "--target", own.target];
  clean(target.slice(1), { env });
  run("cargo", ["build", ...target, "--manifest-path", model], { env });
  if (isWhole) {
    const KEYCHAIN_MODEL = join(temporaryFolder(), "world.json");
    const core = [...target, "--package", packages.core];
    run("cargo", ["test", ...core, "--lib", "--test", "keychain"], { env: { ...env, KEYCHAIN_MODEL } });
    const warnings = ["--", "-D", "warnings"];
    run("cargo", ["clippy", ...target, "--manifest-path", model, ...warnings], { env });
    run("cargo", ["clippy", ...core, "--lib", "--test", "keychain", ...warnings], { env });
  }
  const both = [packages.addon, packages.programs].flatMap((name) => ["--package", name]);
  run("cargo", ["build", ...target, ...both], { env });
  const folder = temporaryFolder();
  copyPackage(folder, join(built, own.library));
  const node = makeNode(temporaryFolder());
  const OS_SECRETS_TEST_NODE = JSON.stringify([node]);
  run(node, ["--test", "--test-concurrency=2", "--test-timeout=300000", ...files], {
    cwd: folder,
    env: {
      ...process.env,
      OS_SECRETS_TEST_KEYCHAIN: "1",
      OS_SECRETS_TEST_NODE,
      OS_SECRETS_TEST_PROGRAMS: built,
    },
  });
}

module.exports = { testKeychain };
