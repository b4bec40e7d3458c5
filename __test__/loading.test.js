// How the package is loaded: from ES modules and CommonJS, and what it says where its binary fails.

const assert = require("node:assert/strict");
const { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { spawnSync } = require("node:child_process");
const { after, before, describe, it } = require("node:test");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { node, root, runtimes } = require("./support/runtimes.js");

/** The platform packages that the package looks for, the built one first. */
const targets = isWindows ? ["win32-x64"] : ["linux-x64-gnu", "linux-x64-musl"];
const [target] = targets;

describe("the package", () => {
  let directory;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), "os-secrets-loading-"));
  });
  after(() => rmSync(directory, { recursive: true }));

  /** A project with the package's files in its node_modules, but no platform package. */
  function project(name) {
    const folder = join(directory, name);
    const place = join(folder, "node_modules", "os-secrets");
    mkdirSync(place, { recursive: true });
    for (const file of ["package.json", "index.js", "load.js"]) cpSync(join(root, file), join(place, file));
    writeFileSync(join(folder, "package.json"), "{}");
    return folder;
  }

  /** Gives the project a platform package with this content as its binary. */
  function install(folder, target, binary) {
    const place = join(folder, "node_modules", "@os-secrets", target);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "package.json"), JSON.stringify({ main: "os-secrets.node" }));
    if (binary !== undefined) cpSync(binary, join(place, "os-secrets.node"));
  }

  function run(folder, [command, ...args], file, source) {
    writeFileSync(join(folder, file), source);
    return spawnSync(command, [...args, file], {
      cwd: folder,
      encoding: "utf8",
      env: { PATH: process.env.PATH, ...(isWindows && { SystemRoot: process.env.SystemRoot }) },
    });
  }

  const built = join(root, "npm", target, "os-secrets.node");
  const failing = `
    try { require("os-secrets") } catch (error) { console.error(error.code, error.message); process.exit(1) }`;
  const esModule = `
    import all, { secrets } from "os-secrets";
    import * as namespace from "os-secrets";
    import { createRequire } from "node:module";
    const required = createRequire(import.meta.url)("os-secrets");
    console.log(all.secrets === secrets, namespace.secrets === secrets, required.secrets === secrets);
    console.log(Object.keys(required).join());`;

  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`loads from ES modules and CommonJS under ${name}`, () => {
      const folder = project(`loads-${name.replace(" ", "")}`);
      install(folder, target, built);
      const { stdout, stderr } = run(folder, runtime, "main.mjs", esModule);
      assert.equal(stdout, "true true true\nopenStore,resolve,resolveEnv,secrets\n", stderr);
      const { stdout: kind } = run(
        folder,
        runtime,
        "main.cjs",
        `console.log(typeof require("os-secrets").secrets.get)`,
      );
      assert.equal(kind, "function\n");
    });

    it(`says what is missing under ${name}`, () => {
      const folder = project(`missing-${name.replace(" ", "")}`);
      const { status, stderr } = run(folder, runtime, "main.cjs", failing);
      assert.equal(status, 1);
      for (const part of [
        `cannot load its native binary for ${process.platform}-x64`,
        ...targets.map((each) => `@os-secrets/${each}: not there`),
        "npm install --include=optional --force os-secrets",
        "ERR_SECRETS_PLATFORM_ERROR",
      ]) {
        assert.ok(stderr.includes(part), `${part}\n\n${stderr}`);
      }
    });

    it(`says what is broken under ${name}`, () => {
      const folder = project(`broken-${name.replace(" ", "")}`);
      install(folder, target, join(root, "LICENSE"));
      const { status, stderr } = run(folder, runtime, "main.cjs", `require("os-secrets")`);
      assert.notEqual(status, 0);
      assert.match(stderr, /What is there cannot be loaded here/);
      const why = isWindows ? "(Win32 application|exe format)" : "(header|ELF|dlopen|file too short)";
      assert.match(stderr, new RegExp(`@os-secrets/${target}: .*${why}`, "i"));
    });
  }

  it("names the C library under Node", linuxOnly("two C libraries"), () => {
    const { stderr } = run(project("libc"), node(20), "main.cjs", `require("os-secrets")`);
    assert.match(stderr, /for linux-x64 \(glibc\)\./);
  });

  it("uses the second platform package where the first does not load", linuxOnly("two C libraries"), () => {
    const folder = project("second");
    install(folder, "linux-x64-gnu", join(root, "LICENSE"));
    install(folder, "linux-x64-musl", built);
    const { stdout } = run(folder, node(20), "main.cjs", `console.log(typeof require("os-secrets"))`);
    assert.equal(stdout, "object\n");
  });

  it("takes a package without its binary for missing, not for broken", () => {
    const folder = project("empty");
    install(folder, target);
    const { stderr } = run(folder, node(20), "main.cjs", `require("os-secrets")`);
    assert.match(stderr, /Install it afresh/);
  });
});
