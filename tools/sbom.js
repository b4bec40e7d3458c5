// npm run sbom [-- directory]: writes what the binaries and the npm package are made of, each as a CycloneDX file.

const { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join, resolve } = require("node:path");
const { license, version } = require("../package.json");
const { place } = require("./install.js");
const { output, root, run } = require("./process.js");
const { provide } = require("./provision.js");

const destination = resolve(process.argv[2] ?? join(root, "dist"));
mkdirSync(destination, { recursive: true });

/** What the binaries are made of, on all platforms. */
function describeBinaries() {
  provide("cargo cargo-cyclonedx");
  const name = `os-secrets-${version}-binaries`;
  const args = ["--format=json", "--target=all", "--no-build-deps", "--override-filename", name];
  run(place("cargo-cyclonedx", "bin", "cargo-cyclonedx"), ["cyclonedx", ...args]);
  renameSync(join(root, `${name}.json`), join(destination, `${name}.cdx.json`));
}

/** The package and those of the platforms, as pack.js has packed them: the registry does not have them yet. */
function describePackages() {
  const end = `-${version}.tgz`;
  const packed = readdirSync(destination).filter((file) => file.endsWith(end) && file !== `os-secrets${end}`);
  const named = packed.map((file) => [
    file.replace("os-secrets-", "@os-secrets/").replace(end, ""),
    join(destination, file),
  ]);
  const parent = mkdtempSync(join(tmpdir(), "os-secrets-sbom-"));
  // npm takes the name from the folder.
  const project = join(parent, "os-secrets");
  mkdirSync(project);
  const manifest = { name: "os-secrets", version, license, optionalDependencies: Object.fromEntries(named) };
  writeFileSync(join(project, "package.json"), JSON.stringify(manifest));
  run("npm", ["install", "--package-lock-only", "--no-audit", "--no-fund"], { cwd: project });
  const args = ["sbom", "--sbom-format=cyclonedx", "--sbom-type=library", "--package-lock-only"];
  writeFileSync(
    join(destination, `os-secrets-${version}-npm.cdx.json`),
    output("npm", args, { cwd: project }),
  );
  rmSync(parent, { recursive: true });
}

describeBinaries();
describePackages();
