// npm run pack:all [-- directory]: packs what is published, the package and all platform packages, as
// tarballs. The committed package.json is private: these are published in its place.
//
// The platform packages become optional dependencies here and not in the committed package.json,
// where npm ci would look for versions that are not published yet.

const { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync } = require("node:fs");
const { readdirSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { dirname, join, resolve } = require("node:path");
const { fail, root, run } = require("./tools.js");

const destination = resolve(process.argv[2] ?? join(root, "dist"));
mkdirSync(destination, { recursive: true });
const staging = mkdtempSync(join(tmpdir(), "os-secrets-pack-"));

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const platforms = readdirSync(join(root, "npm")).filter((platform) =>
  // Other builds lie there for tests.
  existsSync(join(root, "npm", platform, "package.json")),
);
const unbuilt = platforms.filter((platform) => !existsSync(join(root, "npm", platform, "os-secrets.node")));
if (unbuilt.length > 0) fail(`No binary yet for ${unbuilt.join(", ")}. Run on each platform: npm run build`);

/** Packs a folder of the staging area. */
function pack(folder) {
  run("npm", ["pack", "--silent", "--pack-destination", destination], { cwd: folder });
}

try {
  const optionalDependencies = {};
  for (const platform of platforms) {
    const { name, version } = JSON.parse(readFileSync(join(root, "npm", platform, "package.json"), "utf8"));
    if (version !== manifest.version) fail(`${name} has version ${version}, os-secrets ${manifest.version}.`);
    optionalDependencies[name] = version;
  }
  for (const platform of platforms) {
    const folder = join(staging, platform);
    cpSync(join(root, "npm", platform), folder, { recursive: true });
    copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
    pack(folder);
  }

  const folder = join(staging, "os-secrets");
  mkdirSync(folder);
  for (const file of [...manifest.files, "README.md", "LICENSE"]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(join(root, file), join(folder, file));
  }
  const { private: _, scripts, devDependencies, ...published } = manifest;
  writeFileSync(
    join(folder, "package.json"),
    `${JSON.stringify({ ...published, optionalDependencies }, null, 2)}\n`,
  );
  pack(folder);
} finally {
  rmSync(staging, { recursive: true });
}
