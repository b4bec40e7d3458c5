// The platforms that there is a package for, and what cargo calls what is built for them.

const { readFileSync } = require("node:fs");
const { join } = require("node:path");

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

/** Rust's name of each platform, by the folder of its package in `npm/`. */
const targets = {
  "linux-x64-gnu": "x86_64-unknown-linux-gnu",
  "linux-x64-musl": "x86_64-unknown-linux-musl",
  "linux-arm64-gnu": "aarch64-unknown-linux-gnu",
  "linux-arm64-musl": "aarch64-unknown-linux-musl",
  "win32-x64": "x86_64-pc-windows-msvc",
  "win32-arm64": "aarch64-pc-windows-msvc",
  "darwin-x64": "x86_64-apple-darwin",
  "darwin-arm64": "aarch64-apple-darwin",
};

/** A platform by its name: its package's folder, its binary, Rust's name of it, and what cargo calls the library. */
function platform(name) {
  const folder = join(__dirname, "..", "npm", name);
  const library = libraries[name.split("-")[0]];
  return { name, folder, binary: join(folder, BINARY), target: targets[name], library };
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

/** The package.json of a platform's package. */
function manifest({ folder }) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

module.exports = { manifest, ownPlatform, packages, platform, platforms };
