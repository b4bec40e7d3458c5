// Programs that crates.io has and Debian has not, each built once into a folder of its own.

const { existsSync, rmSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { run } = require("./tools.js");

/** Builds a version of a crate's programs into a folder, unless they are there; for a short build, not for speed. */
function ensureCrate(name, version, folder, args = []) {
  const stamp = join(folder, version);
  if (existsSync(stamp)) return;
  const target = `${folder}-target`;
  const env = {
    ...process.env,
    CARGO_TARGET_DIR: target,
    CARGO_PROFILE_DEV_DEBUG: "0",
    CARGO_PROFILE_RELEASE_LTO: "off",
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16",
    CARGO_PROFILE_RELEASE_OPT_LEVEL: "1",
  };
  const install = ["install", name, "--version", version, "--locked", "--force", "--root", folder];
  run("cargo", [...install, ...args], { env });
  writeFileSync(stamp, "");
  rmSync(target, { recursive: true });
}

module.exports = { ensureCrate };
