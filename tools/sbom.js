// npm run sbom [-- directory]: writes what the binaries and the npm packages are made of, each as a CycloneDX file.

const { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } = require("node:fs");
const { join, resolve } = require("node:path");
const { license, version } = require("../package.json");
const { place } = require("./install.js");
const { packages } = require("./platforms.js");
const { output, root, run, temporaryFolder } = require("./process.js");
const { provide } = require("./provision.js");

const destination = resolve(process.argv[2] ?? join(root, "dist"));

/** What the binaries are made of, on all platforms. */
function describeBinaries() {
  const name = `os-secrets-${version}-binaries`;
  const args = ["--format=json", "--target=all", "--no-build-deps", "--override-filename", name];
  run(place("cargo-cyclonedx", "bin", "cargo-cyclonedx"), ["cyclonedx", ...args]);
  renameSync(join(root, `${name}.json`), join(destination, `${name}.cdx.json`));
  // It describes every package of the workspace. The addon's list contains the others.
  for (const other of [packages.core, packages.programs]) rmSync(join(root, "crates", other, `${name}.json`));
}

/** The package and those of the platforms, as pack.js has packed them: the registry does not have them yet. The alias of keytar contains no more. */
function describePackages() {
  const end = `-${version}.tgz`;
  const others = [`os-secrets${end}`, `os-secrets-keytar${end}`];
  const packed = readdirSync(destination).filter((file) => file.endsWith(end) && !others.includes(file));
  const optionalDependencies = Object.fromEntries(
    packed.map((file) => [
      file.replace("os-secrets-", "@os-secrets/").replace(end, ""),
      join(destination, file),
    ]),
  );
  // npm takes the name from the folder.
  const cwd = join(temporaryFolder(), "os-secrets");
  mkdirSync(cwd);
  const manifest = { name: "os-secrets", version, license, optionalDependencies };
  writeFileSync(join(cwd, "package.json"), JSON.stringify(manifest));
  run("npm", ["install", "--package-lock-only", "--no-audit", "--no-fund"], { cwd });
  const args = ["sbom", "--sbom-format=cyclonedx", "--sbom-type=library", "--package-lock-only"];
  writeFileSync(join(destination, `os-secrets-${version}-npm.cdx.json`), output("npm", args, { cwd }));
}

mkdirSync(destination, { recursive: true });
provide("cargo cargo-cyclonedx");
describeBinaries();
describePackages();
