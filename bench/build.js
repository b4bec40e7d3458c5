// Builds or installs what the benchmarks run: the addon, the packages it is compared with, and the floor.

const { join } = require("node:path");
const { build, targetDirectory } = require("../tools/build.js");
const { run } = require("../tools/process.js");
const { provide } = require("../tools/provision.js");

/** Installs and builds all that takes part. Without `addon`, the addon stays as it was built. */
function prepareBench({ addon = true } = {}) {
  provide("cargo keyring modules peers");
  const manifest = join(__dirname, "floor", "Cargo.toml");
  const target = ["--target-dir", targetDirectory()];
  run("cargo", ["build", "--release", "--locked", "--manifest-path", manifest, ...target]);
  if (addon) build();
}

module.exports = { prepareBench };
