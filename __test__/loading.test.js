// Loading the package: from ES modules and CommonJS, and the errors if its binary does not load.

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { scripts } = require("./support/package.js");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { node, root, runtimes } = require("./support/runtimes.js");

/** The platform packages that the package tries to load. The first one is built. */
const targets = isWindows ? ["win32-x64"] : ["linux-x64-gnu", "linux-x64-musl"];
const [target] = targets;
const FILES = ["package.json", ...scripts];

describe("the package", () => {
  let directory;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), "os-secrets-loading-"));
  });
  after(() => rmSync(directory, { recursive: true }));

  /** Makes a project with the package's files in its node_modules, but without a platform package. */
  function makeProject(name) {
    const folder = join(directory, name);
    const place = join(folder, "node_modules", "os-secrets");
    mkdirSync(place, { recursive: true });
    for (const file of FILES) cpSync(join(root, file), join(place, file));
    writeFileSync(join(folder, "package.json"), "{}");
    return folder;
  }

  /** Adds a platform package with this file as its binary. */
  function addPlatformPackage(folder, target, binary) {
    const place = join(folder, "node_modules", "@os-secrets", target);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "package.json"), JSON.stringify({ main: "os-secrets.node" }));
    if (binary !== undefined) cpSync(binary, join(place, "os-secrets.node"));
  }

  /** Adds the platform packages of both C libraries, as some package managers do. */
  function addBothPackages(folder) {
    for (const each of ["linux-x64-gnu", "linux-x64-musl"]) addPlatformPackage(folder, each, built);
  }

  /** The source of a program that prints the platform packages in its memory. */
  const loaded = `
    require("os-secrets");
    const maps = require("node:fs").readFileSync("/proc/self/maps", "utf8");
    console.log([...new Set(maps.match(/@os-secrets.*$/gm))].join());`;

  function runFile(folder, [command, ...args], file, source) {
    writeFileSync(join(folder, file), source);
    return spawnSync(command, [...args, file], {
      cwd: folder,
      encoding: "utf8",
      env: { PATH: process.env.PATH, ...(isWindows && { SystemRoot: process.env.SystemRoot }) },
    });
  }

  const built = join(root, "npm", target, "os-secrets.node");
  const failing = `
    try { require("os-secrets") } catch (error) { console.error(error.code, error.reason, error.message); process.exit(1) }`;
  const esModule = `
    import all, { secrets } from "os-secrets";
    import * as namespace from "os-secrets";
    import { createRequire } from "node:module";
    const required = createRequire(import.meta.url)("os-secrets");
    console.log(all.secrets === secrets, namespace.secrets === secrets, required.secrets === secrets);
    console.log(Object.keys(required).join());`;

  const ofKeytar = ["deletePassword", "findCredentials", "findPassword", "getPassword", "setPassword"];
  const keytarModule = `
    import keytar, { ${ofKeytar} } from "os-secrets/keytar";
    import * as namespace from "os-secrets/keytar";
    import { createRequire } from "node:module";
    const required = createRequire(import.meta.url)("os-secrets/keytar");
    const named = { ${ofKeytar} };
    const isSame = (name) => [keytar, namespace, required].every((each) => each[name] === named[name]);
    console.log(Object.keys(required).filter(isSame).join());`;

  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`loads from ES modules and CommonJS under ${name}`, () => {
      const folder = makeProject(`loads-${name.replace(" ", "")}`);
      addPlatformPackage(folder, target, built);
      const { stdout, stderr } = runFile(folder, runtime, "main.mjs", esModule);
      assert.equal(
        stdout,
        "true true true\ncreateIdentity,diagnose,openStore,resolve,resolveEnv,secrets\n",
        stderr,
      );
      const { stdout: kind } = runFile(
        folder,
        runtime,
        "main.cjs",
        `console.log(typeof require("os-secrets").secrets.get)`,
      );
      assert.equal(kind, "function\n");
      const { stdout: names, stderr: wrong } = runFile(folder, runtime, "keytar.mjs", keytarModule);
      assert.equal(names, `${ofKeytar}\n`, wrong);
    });

    it(`says what is missing under ${name}`, () => {
      const folder = makeProject(`missing-${name.replace(" ", "")}`);
      const { status, stderr } = runFile(folder, runtime, "main.cjs", failing);
      assert.equal(status, 1);
      for (const part of [
        `cannot load its native binary for ${process.platform}-x64`,
        ...targets.map((each) => `@os-secrets/${each}: not found`),
        "npm install --include=optional --force os-secrets",
        "ERR_SECRETS_PLATFORM_ERROR no-binary",
      ]) {
        assert.ok(stderr.includes(part), `${part}\n\n${stderr}`);
      }
    });

    it(`says what is broken under ${name}`, () => {
      const folder = makeProject(`broken-${name.replace(" ", "")}`);
      addPlatformPackage(folder, target, join(root, "LICENSE"));
      const { status, stderr } = runFile(folder, runtime, "main.cjs", `require("os-secrets")`);
      assert.notEqual(status, 0);
      assert.match(stderr, /The binary is installed but cannot be loaded/);
      const why = isWindows ? "(Win32 application|exe format)" : "(header|ELF|dlopen|file too short)";
      assert.match(stderr, new RegExp(`@os-secrets/${target}: .*${why}`, "i"));
    });
  }

  it("names the C library under Node", linuxOnly("two C libraries"), () => {
    const { stderr } = runFile(makeProject("libc"), node(20), "main.cjs", `require("os-secrets")`);
    assert.match(stderr, /for linux-x64 \(C library: glibc\)\./);
  });

  it("uses the second platform package where the first does not load", linuxOnly("two C libraries"), () => {
    const folder = makeProject("second");
    addPlatformPackage(folder, "linux-x64-gnu", join(root, "LICENSE"));
    addPlatformPackage(folder, "linux-x64-musl", built);
    const { stdout } = runFile(folder, node(20), "main.cjs", `console.log(typeof require("os-secrets"))`);
    assert.equal(stdout, "object\n");
  });

  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`loads one of both C libraries' packages under ${name}`, linuxOnly("two C libraries"), () => {
      const folder = makeProject(`both-${name.replace(" ", "")}`);
      addBothPackages(folder);
      const { stdout, stderr } = runFile(folder, runtime, "main.cjs", loaded);
      assert.equal(stdout, "@os-secrets/linux-x64-gnu/os-secrets.node\n", stderr);
    });
  }

  // All runtimes here are built for glibc, so a preloaded script pretends to be another machine.
  const machines = {
    "a musl machine": { hasLoader: true, header: {}, first: "musl" },
    "a glibc machine that has musl, too": { hasLoader: true, header: undefined, first: "gnu" },
    "a glibc machine, without a report": { hasLoader: false, header: {}, first: "gnu" },
  };
  for (const [machine, { hasLoader, header, first }] of Object.entries(machines)) {
    it(`loads what fits ${machine}`, linuxOnly("two C libraries"), () => {
      const folder = makeProject(machine.replaceAll(" ", "-"));
      addBothPackages(folder);
      const preload = `
        const fs = require("node:fs");
        const { existsSync } = fs;
        fs.existsSync = (path) => path === "/lib/ld-musl-x86_64.so.1" ? ${hasLoader} : existsSync(path);
        const { getReport } = process.report;
        process.report.getReport = () => {
          console.log("without the network:", process.report.excludeNetwork);
          const header = ${JSON.stringify(header)};
          return header ? { header } : getReport.call(process.report);
        };
        process.once("exit", () => console.log("left:", process.report.excludeNetwork));`;
      writeFileSync(join(folder, "machine.cjs"), preload);
      const { stdout, stderr } = runFile(
        folder,
        [...node(20), "--require", "./machine.cjs"],
        "main.cjs",
        loaded,
      );
      const lines = [`@os-secrets/linux-x64-${first}/os-secrets.node`, "left: false"];
      assert.deepEqual(
        stdout.trimEnd().split("\n"),
        hasLoader ? ["without the network: true", ...lines] : lines,
        stderr,
      );
    });
  }

  it("asks Deno for no permission but to load native code", linuxOnly("two C libraries"), () => {
    const folder = makeProject("permissions");
    addPlatformPackage(folder, target, built);
    const [deno] = runtimes.Deno;
    const permitted = [deno, "run", "--quiet", "--no-lock", "--no-prompt", "--allow-ffi"];
    const source = `console.log(typeof require("os-secrets"))`;
    const { stdout, stderr } = runFile(folder, permitted, "main.cjs", source);
    assert.equal(stdout, "object\n", stderr);
  });

  it("takes a package without its binary for missing, not for broken", () => {
    const folder = makeProject("empty");
    addPlatformPackage(folder, target);
    const { stderr } = runFile(folder, node(20), "main.cjs", `require("os-secrets")`);
    assert.match(stderr, /os-secrets.*: not found\r?\n/);
    assert.match(stderr, /Reinstall the package/);
  });

  it("refuses a binary of another version", () => {
    const folder = makeProject("version");
    addPlatformPackage(folder, target, built);
    const file = join(folder, "node_modules", "os-secrets", "load.js");
    const text = readFileSync(file, "utf8");
    const { version } = require("../package.json");
    writeFileSync(file, text.replace(`version = "${version}"`, 'version = "77.0.1"'));
    const { stderr } = runFile(folder, node(20), "main.cjs", failing);
    assert.ok(
      stderr.includes(`its version is ${version}, but the version of this package is 77.0.1`),
      stderr,
    );
    assert.match(stderr, /ERR_SECRETS_PLATFORM_ERROR.*restart the process/s);
  });

  it("loads where Node may read nothing but its packages", linuxOnly("two C libraries"), () => {
    const folder = makeProject("permitted");
    addPlatformPackage(folder, target, built);
    for (const version of [22, 24]) {
      const permitted = [...node(version), "--permission", "--allow-addons", `--allow-fs-read=${folder}`];
      const source = `console.log(typeof require("os-secrets"))`;
      const { stdout, stderr } = runFile(folder, permitted, "main.cjs", source);
      assert.equal(stdout, "object\n", stderr);
    }
  });

  it("says what permission to load it is missing", linuxOnly("two C libraries"), () => {
    const folder = makeProject("refused");
    addPlatformPackage(folder, target, built);
    for (const [command, advice] of [
      [[...node(20), "--no-addons"], /without --no-addons/],
      [[...node(24), "--permission", `--allow-fs-read=${folder}`], /with --allow-addons/],
      [[runtimes.Deno[0], "run", "--quiet", "--no-lock", "--no-prompt"], /with --allow-ffi/],
    ]) {
      const { status, stderr } = runFile(folder, command, "main.cjs", `require("os-secrets")`);
      assert.notEqual(status, 0);
      assert.match(stderr, /os-secrets cannot load its native binary/);
      assert.match(stderr, advice);
      assert.doesNotMatch(stderr, /reinstall|npm install/i);
    }
  });

  it("says of a bundler's own errors that they are the bundle's", linuxOnly("two C libraries"), () => {
    const notLoaded = require("../not-loaded.js");
    const path = "@os-secrets/linux-x64-gnu";
    const absent = { path: "./npm", error: new Error("Cannot find module"), absent: true };
    // The words of esbuild, of Rollup and ncc (two), of Node in a single executable application, and of Bun.
    for (const [message, advice] of [
      [`Dynamic require of "${path}" is not supported`, /ES modules have no require/],
      [`Could not dynamically require "${path}". Please configure`, /ES modules have no require/],
      ["require is not defined", /ES modules have no require/],
      [`No such built-in module: ${path}`, /single executable application of Node/],
      [`Cannot require module ${path}`, /is a bundle that has no binary/],
    ]) {
      const told = notLoaded([absent, { path, error: new Error(message) }], () => "glibc");
      assert.equal(told.code, "ERR_SECRETS_PLATFORM_ERROR");
      assert.match(told.message, advice);
      assert.doesNotMatch(told.message, /reinstall/i);
    }
  });

  it("says of a platform without a package that there is none", () => {
    const folder = makeProject("unknown-processor");
    const machine = `Object.defineProperty(process, "arch", { value: "s390x" })`;
    const { stderr } = runFile(folder, node(20), "main.cjs", `${machine}; require("os-secrets")`);
    assert.match(stderr, /for \w+-s390x.*\.\r?\nThere is no such binary: .* x64 and arm64, Linux/);
    assert.doesNotMatch(stderr, /npm install/);
  });
});
