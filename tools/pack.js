// npm run pack:all [-- [--built] directory]: packs what is published as tarballs: the package, all platform packages, and the
// package for aliases of keytar.
// With --built, it packs only those platform packages that have been built here.
//
// The committed package.json is private, and this writes the published one. Only there are the platform packages optional
// dependencies: npm ci would look for versions that are not published yet.

const { cpSync, existsSync, mkdirSync, writeFileSync } = require("node:fs");
const { basename, join, resolve } = require("node:path");
const { parseArgs } = require("node:util");
const { name, version, private: _, scripts, devDependencies, ...main } = require("../package.json");
const { keytarAlias, manifest, platforms } = require("./platforms.js");
const { fail, root, run, temporaryFolder } = require("./process.js");

const options = { built: { type: "boolean" } };
const { values, positionals } = parseArgs({ allowPositionals: true, options });
const destination = resolve(positionals[0] ?? join(root, "dist"));

/** Packs a package.json and files, each a path in the package and its source. */
function pack(contents, files) {
  const folder = temporaryFolder();
  for (const [file, source] of files) cpSync(source, join(folder, file), { recursive: true });
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(contents, null, 2)}\n`);
  run("npm", ["pack", "--silent", "--pack-destination", destination], { cwd: folder });
}

const inRoot = (...files) => files.map((file) => [file, join(root, file)]);

const unbuilt = platforms.filter(({ binary }) => !existsSync(binary));
if (unbuilt.length > 0 && !values.built)
  fail(`No binary yet for ${unbuilt.map((each) => each.name).join(", ")}.`);
const manifests = platforms.map(manifest);
const alias = manifest(keytarAlias);
for (const own of [...manifests, alias]) {
  if (own.version !== version) fail(`${own.name} has version ${own.version}, os-secrets ${version}.`);
}

mkdirSync(destination, { recursive: true });
for (const platform of platforms.filter((each) => !unbuilt.includes(each))) {
  const files = [
    ...inRoot("LICENSE", "THIRD-PARTY-LICENSES.md"),
    [basename(platform.binary), platform.binary],
  ];
  // npm's provenance needs the repository in each package.
  pack({ ...manifest(platform), repository: main.repository }, files);
}
const optionalDependencies = Object.fromEntries(manifests.map((own) => [own.name, version]));
pack({ name, version, ...main, optionalDependencies }, inRoot(...main.files, "README.md", "LICENSE"));
const aliasFiles = [...alias.files, "README.md"].map((file) => [file, join(keytarAlias.folder, file)]);
pack({ ...alias, repository: main.repository, dependencies: { [name]: version } }, [
  ...aliasFiles,
  ...inRoot("LICENSE"),
]);
