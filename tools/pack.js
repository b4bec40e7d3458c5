// npm run pack:all [-- [--built] directory]: packs what is published, the package and all platform packages,
// as tarballs. With --built, of the platform packages only those that have been built here. The committed
// package.json is private: these are published in its place.
//
// The platform packages become optional dependencies here and not in the committed package.json,
// where npm ci would look for versions that are not published yet.

const { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync } = require("node:fs");
const { readFileSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { dirname, join, resolve } = require("node:path");
const { parseArgs } = require("node:util");
const { manifest, platforms } = require("./platforms.js");
const { fail, root, run } = require("./process.js");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { built: { type: "boolean" } },
});
const destination = resolve(positionals[0] ?? join(root, "dist"));
mkdirSync(destination, { recursive: true });
const staging = mkdtempSync(join(tmpdir(), "os-secrets-pack-"));

const { version, ...main } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const licences = ["LICENSE", "THIRD-PARTY-LICENSES.md"];
const isBuilt = ({ folder }) => existsSync(join(folder, "os-secrets.node"));
const unbuilt = platforms.filter((platform) => !isBuilt(platform)).map(({ name }) => name);
if (unbuilt.length > 0 && !values.built) fail(`No binary yet for ${unbuilt.join(", ")}.`);

/** Writes the manifest of a folder of the staging area. */
function write(folder, contents) {
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(contents, null, 2)}\n`);
}

/** Packs a folder of the staging area. */
function pack(folder) {
  run("npm", ["pack", "--silent", "--pack-destination", destination], { cwd: folder });
}

try {
  const optionalDependencies = {};
  for (const platform of platforms) {
    const own = manifest(platform);
    if (own.version !== version) fail(`${own.name} has version ${own.version}, os-secrets ${version}.`);
    optionalDependencies[own.name] = version;
  }
  for (const platform of platforms.filter(isBuilt)) {
    const staged = join(staging, platform.name);
    cpSync(platform.folder, staged, { recursive: true });
    for (const file of licences) copyFileSync(join(root, file), join(staged, file));
    // Said once, for all: npm's provenance wants it in each.
    write(staged, { ...manifest(platform), repository: main.repository });
    pack(staged);
  }

  const folder = join(staging, "os-secrets");
  mkdirSync(folder);
  for (const file of [...main.files, "README.md", "LICENSE"]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(join(root, file), join(folder, file));
  }
  const { name, private: _, scripts, devDependencies, ...rest } = main;
  write(folder, { name, version, ...rest, optionalDependencies });
  pack(folder);
} finally {
  rmSync(staging, { recursive: true });
}
