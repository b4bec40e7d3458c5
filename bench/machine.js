// Describes the machine and the versions of everything that was measured.

const { execFileSync } = require("node:child_process");
const { readFileSync } = require("node:fs");
const { cpus, release, totalmem } = require("node:os");
const { join } = require("node:path");
const { bun } = require("../__test__/support/runtimes.js");
const { root } = require("../tools/process.js");
const { services } = require("./services.js");

/** Returns the version number in a program's output, or undefined if the program does not run. */
function readVersion(program, ...args) {
  try {
    const text = execFileSync(program, args, { encoding: "utf8", stdio: "pipe" });
    return /\d+(\.\d+)+(-\w+(\.\d+)*)?/.exec(text)?.[0];
  } catch {
    return undefined;
  }
}

/** Returns the version of a Debian package. */
function readDebianVersion(name) {
  return readVersion("dpkg-query", "--show", name);
}

function readPackageVersion(...folder) {
  return JSON.parse(readFileSync(join(root, ...folder, "package.json"), "utf8")).version;
}

function readCommit() {
  const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  const changed = git("status", "--porcelain", "--untracked-files=no") === "" ? "" : ", changed";
  return `${git("rev-parse", "--short", "HEAD")}${changed}`;
}

/** The processor and the system alone, for a bench that does not measure the packages of `bench/package.json`. */
function describeSystem() {
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
  };
}

function describeMachine() {
  return {
    ...describeSystem(),
    versions: {
      "os-secrets": `${readPackageVersion()} (${readCommit()})`,
      Node: process.versions.node,
      Bun: readVersion(bun, "--version"),
      keytar: readPackageVersion("bench", "node_modules", "keytar"),
      "@napi-rs/keyring": readPackageVersion("bench", "node_modules", "@napi-rs", "keyring"),
      libsecret: readDebianVersion("libsecret-1-0"),
      "dbus-daemon": readDebianVersion("dbus-daemon"),
      "gnome-keyring": readDebianVersion("gnome-keyring"),
      "oo7-daemon": readVersion(services.oo7.program, "--version"),
      KWallet: readDebianVersion("libkf5wallet-bin"),
    },
  };
}

module.exports = { describeMachine, describeSystem };
