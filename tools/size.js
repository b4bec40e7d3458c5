// npm run size [-- --limits] [platform...]: how large the binaries are that have been built here (or the named ones),
// what glibc they ask for, and on how many packages they are made. With --limits, a binary that breaks one fails the
// run: that is for releases, because a plain build asks for the glibc of the machine it is made on.

const { existsSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const { parseArgs } = require("node:util");
const { gzipSync } = require("node:zlib");
const { platform, platforms } = require("./platforms.js");
const { fail, output, root } = require("./process.js");
const { provide } = require("./provision.js");

/** The most bytes, by platform: 2.5 MiB. */
const MAX_SIZE = { "linux-x64-gnu": 2_621_440, "linux-x64-musl": 2_621_440 };
/** The newest glibc that a binary may ask for: that of RHEL 7, as for Node itself. */
const MAX_GLIBC = "2.17";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { limits: { type: "boolean", default: false } },
});

const byVersion = new Intl.Collator("en", { numeric: true }).compare;

/** The newest version of glibc's symbols that a library asks for. */
function glibc(binary) {
  const needs = output("readelf", ["--version-info", "--wide", binary]).matchAll(/Name: GLIBC_(\S+)/g);
  return [...needs]
    .map(([, version]) => version)
    .sort(byVersion)
    .at(-1);
}

/** The Rust packages that end up in the library of a platform: none that only builds. */
function crates({ target }) {
  const args = ["--locked", "--edges", "normal,no-proc-macro", "--prefix", "none", "--target", target];
  const lines = output("cargo", ["tree", ...args]).split("\n");
  // The first is os-secrets; what comes up again is marked.
  return new Set(lines.map((line) => line.split(" ").slice(0, 2).join(" "))).size - 1;
}

/** A platform's row, and what it breaks. */
function measure(platform) {
  const path = join(platform.folder, "os-secrets.node");
  const binary = readFileSync(path);
  const asksFor = platform.name.endsWith("-gnu") ? glibc(path) : undefined;
  const most = MAX_SIZE[platform.name];
  const broken = [];
  if (binary.length > most) broken.push(`has ${binary.length} bytes, where ${most} are the most`);
  if (asksFor && byVersion(asksFor, MAX_GLIBC) > 0) {
    broken.push(`asks for glibc ${asksFor}, where ${MAX_GLIBC} is the newest`);
  }
  const row = {
    bytes: binary.length,
    MB: (binary.length / 1e6).toFixed(2),
    "gzip, MB": (gzipSync(binary, { level: 9 }).length / 1e6).toFixed(2),
    glibc: asksFor ?? "",
    crates: crates(platform),
  };
  return { row, broken: broken.map((what) => `${platform.name} ${what}`) };
}

const chosen = positionals.length > 0 ? positionals.map(platform) : platforms;
const built = chosen.filter(({ folder }) => existsSync(join(folder, "os-secrets.node")));
if (built.length === 0) fail("Nothing has been built: npm run build");
provide("binutils");
const measured = built.map((platform) => [platform.name, measure(platform)]);
console.table(Object.fromEntries(measured.map(([name, { row }]) => [name, row])));
const { dependencies = {} } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
console.log(`Packages of npm that it needs when it runs: ${Object.keys(dependencies).length}`);
const broken = measured.flatMap(([, { broken }]) => broken);
for (const what of broken) console.log(`${values.limits ? "Broken" : "Not for a release"}: ${what}.`);
if (values.limits && broken.length > 0) process.exit(1);
