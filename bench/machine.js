// On what was measured: the machine, and the versions of all that took part.

const { execFileSync } = require("node:child_process");
const { readFileSync } = require("node:fs");
const { cpus, release, totalmem } = require("node:os");
const { join } = require("node:path");
const { bun } = require("../__test__/support/runtimes.js");
const { root } = require("../tools/process.js");
const { services } = require("./services.js");

/** The version number in what a program prints; `undefined` where it is not there. */
function printed(program, ...args) {
  try {
    const text = execFileSync(program, args, { encoding: "utf8", stdio: "pipe" });
    return /\d+(\.\d+)+(-\w+(\.\d+)*)?/.exec(text)?.[0];
  } catch {
    return undefined;
  }
}

/** The version of a Debian package. */
function debian(name) {
  return printed("dpkg-query", "--show", name);
}

function packageVersion(...folder) {
  return JSON.parse(readFileSync(join(root, ...folder, "package.json"), "utf8")).version;
}

function commit() {
  const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  const changed = git("status", "--porcelain", "--untracked-files=no") === "" ? "" : ", changed";
  return `${git("rev-parse", "--short", "HEAD")}${changed}`;
}

function machine() {
  const [{ model }] = cpus();
  const { PRETTY_NAME } = Object.fromEntries(
    readFileSync("/etc/os-release", "utf8")
      .split("\n")
      .map((line) => line.replaceAll('"', "").split("=")),
  );
  return {
    processor: `${cpus().length} × ${model}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: `Linux ${release()}`,
    system: PRETTY_NAME,
    versions: {
      "os-secrets": `${packageVersion()} (${commit()})`,
      Node: process.versions.node,
      Bun: printed(bun, "--version"),
      keytar: packageVersion("bench", "node_modules", "keytar"),
      "@napi-rs/keyring": packageVersion("bench", "node_modules", "@napi-rs", "keyring"),
      libsecret: debian("libsecret-1-0"),
      "dbus-daemon": debian("dbus-daemon"),
      "gnome-keyring": debian("gnome-keyring"),
      "oo7-daemon": printed(services.oo7.program, "--version"),
      KWallet: debian("libkf5wallet-bin"),
    },
  };
}

module.exports = { machine };
