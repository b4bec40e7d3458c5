// The platforms that there is a package for, what cargo calls what is built for them, and the programs.

const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { output } = require("./process.js");

/** The cargo packages: that of the addon, that of the programs, and the core. */
const packages = { addon: "os-secrets-node", programs: "os-secrets-cli", core: "os-secrets" };

/** The file of the addon's library, by operating system. */
const libraries = {
  linux: "libos_secrets_node.so",
  win32: "os_secrets_node.dll",
  darwin: "libos_secrets_node.dylib",
};

/** The file of the addon in a platform's package. */
const BINARY = "os-secrets.node";

/** The program that is built. All other programs of its package are this one under other names: see `run_native` there. */
const PROGRAM = "secrets";

/** Rust's name of each platform, by the folder of its package in `npm/`. */
const targets = {
  "linux-x64-gnu": "x86_64-unknown-linux-gnu",
  "linux-x64-musl": "x86_64-unknown-linux-musl",
  "linux-arm64-gnu": "aarch64-unknown-linux-gnu",
  "linux-arm64-musl": "aarch64-unknown-linux-musl",
  "linux-arm-gnueabihf": "armv7-unknown-linux-gnueabihf",
  "linux-riscv64-gnu": "riscv64gc-unknown-linux-gnu",
  "win32-x64": "x86_64-pc-windows-msvc",
  "win32-ia32": "i686-pc-windows-msvc",
  "win32-arm64": "aarch64-pc-windows-msvc",
  "darwin-x64": "x86_64-apple-darwin",
  "darwin-arm64": "aarch64-apple-darwin",
};

/**
 * The oldest glibc that a platform's binaries run on: that of CentOS 7, which is older than any that Node runs on, or the
 * first one for the processor.
 */
function oldestGlibc({ name }) {
  return name.startsWith("linux-riscv64") ? "2.27" : "2.17";
}

/**
 * A platform by its name: its package's folder, its addon and program there, Rust's name of it, what cargo calls the
 * library, and what the names of programs end with.
 */
function platform(name) {
  const folder = join(__dirname, "..", "npm", name);
  const [os] = name.split("-");
  const suffix = os === "win32" ? ".exe" : "";
  return {
    ...{ name, folder, suffix },
    binary: join(folder, BINARY),
    program: join(folder, PROGRAM + suffix),
    target: targets[name],
    library: libraries[os],
  };
}

/** All platforms. */
const platforms = Object.keys(targets).map(platform);

/** The platform that this process runs on, or `undefined` if there is no package for it. */
function ownPlatform() {
  const own = `${process.platform}-${process.arch}`;
  const isMusl = process.platform === "linux" && !process.report.getReport().header.glibcVersionRuntime;
  const name = process.platform === "linux" ? `${own}-${isMusl ? "musl" : "gnu"}` : own;
  return name in targets ? platform(name) : undefined;
}

/** The package.json of a platform's package, or of the alias. */
function manifest({ folder }) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

/** The package with the API of keytar, for aliases of that name. */
const keytarAlias = { folder: join(__dirname, "..", "npm", "keytar") };

let described;

/** What cargo knows about the workspace. It is asked once. */
function metadata() {
  const args = ["metadata", "--format-version=1", "--no-deps", "--locked"];
  described ??= JSON.parse(output("cargo", args));
  return described;
}

/** What cargo knows about the package of the programs. */
function describePrograms() {
  return metadata().packages.find(({ name }) => name === packages.programs);
}

/** The names of all programs, that of the built one first. They are the binaries in the package's Cargo.toml. */
function programNames() {
  const targets = describePrograms().targets.filter(({ kind }) => kind.includes("bin"));
  const others = targets.map(({ name }) => name).filter((name) => name !== PROGRAM);
  return [PROGRAM, ...others.sort()];
}

module.exports = {
  PROGRAM,
  describePrograms,
  keytarAlias,
  manifest,
  metadata,
  oldestGlibc,
  ownPlatform,
  packages,
  platform,
  platforms,
  programNames,
};
