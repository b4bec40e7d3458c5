// npm run size [-- --limits] [platform...]: the sizes of the binaries that were built here (or of the named ones), the
// glibc that they need, and the number of crates in them. With --limits, it fails if a binary exceeds a limit. That is for
// releases, because a plain build needs the glibc of the machine that it is made on.

const { existsSync, readFileSync } = require("node:fs");
const { parseArgs } = require("node:util");
const { gzipSync } = require("node:zlib");
const { dependencies = {} } = require("../package.json");
const { oldestGlibc, packages, platform, platforms } = require("./platforms.js");
const { fail, output } = require("./process.js");
const { provide } = require("./provision.js");

/** The maximum number of bytes, by platform: 5.25 MiB. HTTP and TLS have 1.2 MB of them. */
const MAX_SIZE = {
  "linux-x64-gnu": 5_505_024,
  "linux-x64-musl": 5_505_024,
  "linux-arm-gnueabihf": 5_505_024,
  "linux-riscv64-gnu": 5_505_024,
};

const options = { limits: { type: "boolean", default: false } };
const { values, positionals } = parseArgs({ allowPositionals: true, options });

const byVersion = new Intl.Collator("en", { numeric: true }).compare;

/** The newest version of glibc's symbols that a binary uses. */
function glibc(binary) {
  const needs = output("readelf", ["--version-info", "--wide", binary]).matchAll(/Name: GLIBC_(\S+)/g);
  const versions = [...needs].map(([, version]) => version);
  return versions.sort(byVersion).at(-1);
}

/** The number of crates in the binary of a platform, without those that only build it. */
function crates({ target }) {
  const args = ["--locked", "--edges=normal,no-proc-macro", "--prefix=none", "--format={p}"];
  const tree = output("cargo", ["tree", ...args, "--package", packages.addon, "--target", target]);
  const others = tree.split("\n").filter((line) => !line.startsWith("os-secrets"));
  // A crate that comes up again is marked.
  return new Set(others.map((line) => line.split(" ").slice(0, 2).join(" "))).size;
}

/** A platform's row of the table, and the limits that its binary exceeds. */
function measure(platform) {
  const { name, binary } = platform;
  const bytes = readFileSync(binary);
  const needed = name.includes("-gnu") ? glibc(binary) : "";
  const exceeded = [];
  if (bytes.length > MAX_SIZE[name])
    exceeded.push(`${name} has ${bytes.length} bytes, over ${MAX_SIZE[name]}`);
  const oldest = oldestGlibc(platform);
  if (needed && byVersion(needed, oldest) > 0) exceeded.push(`${name} needs glibc ${needed}, over ${oldest}`);
  const megabytes = (length) => (length / 1e6).toFixed(2);
  const row = {
    bytes: bytes.length,
    MB: megabytes(bytes.length),
    "gzip, MB": megabytes(gzipSync(bytes, { level: 9 }).length),
    glibc: needed,
    crates: crates(platform),
  };
  return { name, row, exceeded };
}

const chosen = positionals.length > 0 ? positionals.map(platform) : platforms;
const built = chosen.filter(({ binary }) => existsSync(binary));
if (built.length === 0) fail("Nothing has been built: npm run build");
provide("binutils");
const measured = built.map(measure);
console.table(Object.fromEntries(measured.map(({ name, row }) => [name, row])));
console.log(`Packages of npm that it needs when it runs: ${Object.keys(dependencies).length}`);
const exceeded = measured.flatMap((each) => each.exceeded);
for (const each of exceeded) console.log(`${values.limits ? "Broken" : "Not for a release"}: ${each}.`);
if (values.limits && exceeded.length > 0) process.exit(1);
