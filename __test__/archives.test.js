// What a release has besides packages of npm and crates, as far as it can be told without building anything: names,
// addresses, and the formula. What is built is tested in __test__/platforms/archives.test.js.

const assert = require("node:assert/strict");
const { describe, it } = require("node:test");
const { bin, version } = require("../package.json");
const { archiveNames, writtenPages } = require("../tools/contents.js");
const { debianName } = require("../tools/debian.js");
const { formula } = require("../tools/formula.js");
const { platform, platforms, programNames } = require("../tools/platforms.js");
const { binstall } = require("./support/binstall.js");
const { linuxOnly } = require("./support/platform.js");

const repository = "https://github.com/owner/name";

describe("a release", linuxOnly("packages of Linux"), () => {
  it("has the same programs as the npm package", () => {
    // npx looks for a program with the package's name.
    const others = Object.keys(bin).filter((name) => name !== "os-secrets");
    assert.deepEqual(programNames().sort(), others.sort());
  });

  it("has a manual page for every program", () => {
    // Those of these two are made from their command lines.
    const [first, ...others] = programNames();
    assert.equal(first, "secrets");
    for (const name of others.filter((name) => name !== "bus-secrets"))
      assert.ok(writtenPages.includes(`${name}.1`), name);
  });

  it("has an archive for every platform, and a package for Debian's", () => {
    assert.deepEqual(archiveNames(platform("linux-arm64-musl")), [
      `os-secrets-${version}-aarch64-unknown-linux-musl.tar.gz`,
      `os-secrets-${version}-aarch64-unknown-linux-musl.tar.xz`,
    ]);
    assert.deepEqual(archiveNames(platform("win32-x64")), [
      `os-secrets-${version}-x86_64-pc-windows-msvc.zip`,
    ]);
    const names = platforms.flatMap((each) => [...archiveNames(each), debianName(each)]).filter(Boolean);
    assert.equal(new Set(names).size, 11 + 8 + 4);
  });

  it("has the archives that cargo binstall downloads", () => {
    for (const each of platforms) {
      const { url, format } = binstall(each, repository);
      const name = url.slice(`${repository}/releases/download/v${version}/`.length);
      assert.equal(url, `${repository}/releases/download/v${version}/${name}`);
      assert.ok(archiveNames(each).includes(name), name);
      assert.equal(format, { xz: "txz", zip: "zip" }[name.split(".").at(-1)]);
    }
  });

  it("has a formula with the address and the digest of each archive", () => {
    const chosen = ["darwin-arm64", "darwin-x64", "linux-arm64-musl", "linux-x64-musl"];
    const archives = chosen.map((name) => archiveNames(platform(name))[0]);
    const sums = Object.fromEntries(archives.map((name, index) => [name, String(index).repeat(64)]));
    const text = formula(repository, sums);
    const sources = [...text.matchAll(/url "(.*)"\n *sha256 "(.*)"/g)].map(([, url, sum]) => [url, sum]);
    const expected = archives.map((name) => [
      `${repository}/releases/download/v${version}/${name}`,
      sums[name],
    ]);
    assert.deepEqual(sources, expected);
    for (const name of programNames()) assert.match(text, new RegExp(`bin\\.install.*[/"]${name}"`));
    assert.throws(() => formula(repository, {}), /has no digest/);
  });
});
