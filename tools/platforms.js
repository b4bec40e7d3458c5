// Every platform that there is a package for.

const { readFileSync } = require("node:fs");
const { join } = require("node:path");

const npm = join(__dirname, "..", "npm");

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

/** What cargo calls the library, by the operating system. */
const libraries = { linux: "libos_secrets.so", win32: "os_secrets.dll", darwin: "libos_secrets.dylib" };

/** A platform by its name: its package's folder, Rust's name of it, and what cargo calls the library. */
function platform(name) {
  return { name, folder: join(npm, name), target: targets[name], library: libraries[name.split("-")[0]] };
}

/** All platforms. */
const platforms = Object.keys(targets).map(platform);

/** The platform that this process runs on; undefined where there is none for it. */
function ownPlatform() {
  const own = `${process.platform}-${process.arch}`;
  const isMusl = process.platform === "linux" && !process.report.getReport().header.glibcVersionRuntime;
  const name = process.platform === "linux" ? `${own}-${isMusl ? "musl" : "gnu"}` : own;
  return name in targets ? platform(name) : undefined;
}

/** A platform package's manifest. */
function manifest({ folder }) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

module.exports = { manifest, ownPlatform, platform, platforms };
