// All packages of this repository have the same version, and one command changes it.

const assert = require("node:assert/strict");
const { execFileSync, spawnSync } = require("node:child_process");
const { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { root } = require("./support/runtimes.js");

const script = join("tools", "version.js");

describe("the version", () => {
  let copy;

  const checkVersions = (...args) =>
    spawnSync(process.execPath, [script, "--check", ...args], { cwd: copy, encoding: "utf8" });

  before(() => {
    copy = mkdtempSync(join(tmpdir(), "os-secrets-version-"));
    const files = [
      "CHANGELOG.md",
      "Cargo.lock",
      "Cargo.toml",
      "README.md",
      "docs",
      "load.js",
      "npm",
      "package-lock.json",
      "package.json",
      "tools",
    ];
    const filter = (path) => !/node_modules|\.node$/.test(path.slice(root.length));
    for (const file of files) cpSync(join(root, file), join(copy, file), { recursive: true, filter });
  });
  after(() => rmSync(copy, { recursive: true }));

  it("is the same everywhere", () => {
    const { status, stderr } = checkVersions();
    assert.equal(status, 0, stderr);
  });

  it("goes from package.json to everywhere, and the changelog's new entries to it", () => {
    const file = join(copy, "package.json");
    const manifest = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(file, `${JSON.stringify({ ...manifest, version: "77.0.1" }, null, 2)}\n`);
    const { status, stderr } = checkVersions();
    assert.equal(status, 1);
    for (const place of [
      "Cargo.toml",
      "Cargo.lock",
      "package-lock.json",
      "npm/darwin-x64/package.json",
      "docs/keytar.md",
    ]) {
      assert.match(stderr, new RegExp(`${place} says ${manifest.version}`));
    }
    execFileSync(process.execPath, [script], { cwd: copy });
    assert.equal(checkVersions("v77.0.1").status, 0);
    assert.match(checkVersions("v77.0.2").stderr, /package.json says 77.0.1, but the tag says v77.0.2/);
    const notes = () => spawnSync(process.execPath, [script, "--notes"], { cwd: copy, encoding: "utf8" });
    const changelog = readFileSync(join(root, "CHANGELOG.md"), "utf8");
    const [, unreleased] = changelog.split(/^## .*$/m);
    assert.equal(notes().stdout.trim(), unreleased.trim());
    for (const silent of [
      changelog,
      "## [Unreleased]\n\n## [77.0.1] - 2026-01-01\n\n## [77.0.0]\n\nOld.\n",
    ]) {
      writeFileSync(join(copy, "CHANGELOG.md"), silent);
      assert.deepEqual([notes().status, notes().stdout], [1, ""]);
    }
  });
});
