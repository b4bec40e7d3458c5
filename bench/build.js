// Makes sure of what the bench runs: the addon, what it is compared with, and the floor.

const { execFileSync } = require("node:child_process");
const { existsSync, mkdirSync } = require("node:fs");
const { join } = require("node:path");
const {
  build,
  ensureDebian,
  ensureKeyring,
  ensureNodeModules,
  ensureRust,
  run,
  targetDirectory,
} = require("../tools/tools.js");

const modules = join(__dirname, "node_modules");

/** Compiles keytar as its own build does; its install script would download a binary instead. */
function buildKeytar() {
  const keytar = join(modules, "keytar");
  const release = join(keytar, "build", "Release");
  const binary = join(release, "keytar.node");
  if (existsSync(binary)) return;
  ensureDebian({
    "g++": "g++",
    "pkg-config": "pkg-config",
    "/usr/include/libsecret-1/libsecret/secret.h": "libsecret-1-dev",
  });
  mkdirSync(release, { recursive: true });
  const libsecret = (what) =>
    execFileSync("pkg-config", [what, "libsecret-1"], { encoding: "utf8" }).trim().split(" ");
  run("g++", [
    ...["-O3", "-std=c++17", "-fPIC", "-shared", "-o", binary],
    ...["-DNAPI_VERSION=3", "-DNODE_GYP_MODULE_NAME=keytar"],
    ...["node-addon-api", "node-api-headers/include"].map((folder) => `-I${join(modules, folder)}`),
    ...libsecret("--cflags"),
    ...["async", "main", "keytar_posix"].map((name) => join(keytar, "src", `${name}.cc`)),
    ...libsecret("--libs"),
  ]);
}

function buildFloor() {
  const manifest = join(__dirname, "floor", "Cargo.toml");
  const target = ["--target-dir", targetDirectory()];
  run("cargo", ["build", "--release", "--locked", "--manifest-path", manifest, ...target]);
}

/** Makes sure of the packages that os-secrets is compared with. */
function ensurePeers() {
  ensureNodeModules(__dirname);
  buildKeytar();
}

function prepare({ addon = true } = {}) {
  ensureKeyring();
  ensureRust();
  ensureNodeModules();
  ensurePeers();
  buildFloor();
  if (addon) build();
}

module.exports = { ensurePeers, prepare };
