// A platform package and the main one, installed into a project, under the Node of that platform.

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { version } = require("../../package.json");
const { oldestGlibc } = require("../../tools/platforms.js");
const { writeExample } = require("../support/example.js");
const { node, root } = require("../support/runtimes.js");
const { startSession } = require("../support/session.js");

const { OS_SECRETS_TEST_PLATFORM: platform } = process.env;
const [os, cpu, system] = platform.split("-");
const libc = system.startsWith("gnu") ? "gnu" : system;
const [command, ...args] = node();

/** The first parts of the names of libraries that every system with this C library has. */
const libraries = {
  gnu: ["ld-linux-", "libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "librt.so.1"],
  musl: ["libc.so"],
};

describe(`the package for ${platform}`, () => {
  let directory;
  let project;
  let session;

  function runSuccessfully(program, words, options) {
    const { status, stdout, stderr } = spawnSync(program, words, { encoding: "utf8", ...options });
    assert.equal(status, 0, `${program} ${words.join(" ")}\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** Runs a file of the project under the platform's Node, in the session. */
  function runFile(file, words = [], options = {}) {
    return session.run(command, [...args, file, ...words], { cwd: project, ...options });
  }

  before(async () => {
    session = await startSession();
    directory = mkdtempSync(join(tmpdir(), "os-secrets-installed-"));
    project = join(directory, "project");
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), '{ "private": true }');
    runSuccessfully(process.execPath, [join(root, "tools", "pack.js"), "--built", directory]);
    const packages = ["os-secrets", `os-secrets-${platform}`];
    const tarballs = packages.map((name) => join(directory, `${name}-${version}.tgz`));
    // --force, because the package is for another platform than this machine.
    const words = ["install", "--no-audit", "--no-fund", "--offline", "--ignore-scripts", "--force"];
    runSuccessfully("npm", [...words, ...tarballs], { cwd: project });
  });
  after(async () => {
    await session.stop();
    rmSync(directory, { recursive: true });
  });

  it("is for this Node", async () => {
    const header = "process.report.getReport().header.glibcVersionRuntime";
    writeFileSync(
      join(project, "machine.cjs"),
      `console.log(process.platform, process.arch, ${header} ? "gnu" : "musl")`,
    );
    const { stdout, stderr } = await runFile("machine.cjs");
    assert.equal(stdout, `${os} ${cpu} ${libc}\n`, stderr);
  });

  it("runs the first example of README.md", async () => {
    const expected = writeExample(project);
    const { code, stdout, stderr } = await runFile("main.mjs");
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: expected, stderr: "" });
  });

  it("keeps secrets in an encrypted file", async () => {
    const program = join("node_modules", "os-secrets", "bin", "secrets.js");
    const identity = join(directory, "identity");
    const env = {
      OS_SECRETS_PROVIDER: "file",
      OS_SECRETS_FILE: join(directory, "secrets.age"),
      OS_SECRETS_IDENTITY: identity,
    };
    const runSecrets = async (words, input) => {
      const { code, stdout, stderr } = await runFile(program, words, { env, input });
      assert.equal(code, 0, stderr);
      return stdout;
    };
    await runSecrets(["init", "--quiet", identity]);
    await runSecrets(["set", "token"], "vălue");
    assert.equal(await runSecrets(["get", "token"]), "vălue\n");
    assert.doesNotMatch(readFileSync(env.OS_SECRETS_FILE, "latin1"), /token|lue/);
  });

  it("says that there is no bus", async () => {
    writeFileSync(
      join(project, "lost.cjs"),
      `require("os-secrets").secrets.get("s", "n").catch(({ code }) => console.log(code));`,
    );
    const env = { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere", XDG_RUNTIME_DIR: "/nowhere" };
    const { stdout, stderr } = await runFile("lost.cjs", [], { env });
    assert.equal(stdout, "ERR_SECRETS_PLATFORM_ERROR\n", stderr);
  });

  it("serves worker threads, which end before it", async () => {
    writeFileSync(
      join(project, "workers.cjs"),
      `const { Worker, isMainThread, parentPort, threadId } = require("node:worker_threads");
       const { secrets } = require("os-secrets");
       if (isMainThread) {
         const done = Array.from({ length: 4 }, () => new Promise((resolve, reject) =>
           new Worker(__filename).on("error", reject).on("exit", resolve)));
         Promise.all(done).then(async (codes) => console.log(codes.join(), await secrets.get("worker", "1")));
       } else secrets.set("worker", String(threadId), String(threadId));`,
    );
    const { code, stdout, stderr } = await runFile("workers.cjs");
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "0,0,0,0 1\n", stderr: "" });
  });

  it("needs no library but the C library, and that of no late version", () => {
    const binary = join(project, "node_modules", "@os-secrets", platform, "os-secrets.node");
    const dynamic = runSuccessfully("readelf", ["--wide", "--dynamic", binary]);
    const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, library]) => library);
    assert.ok(needed.length > 0, dynamic);
    const known = (library) => libraries[libc].some((start) => library.startsWith(start));
    assert.deepEqual(
      needed.filter((library) => !known(library)),
      [],
    );
    const versions = runSuccessfully("readelf", ["--wide", "--version-info", binary]).matchAll(
      /GLIBC_2\.(\d+)/g,
    );
    const minors = [...versions].map(([, minor]) => Number(minor));
    assert.equal(minors.length > 0, libc === "gnu");
    const [, oldest] = oldestGlibc({ name: platform }).split(".").map(Number);
    assert.ok(Math.max(0, ...minors) <= oldest, `it needs glibc 2.${Math.max(...minors)}`);
  });

  it("says what is missing where it is not installed", async () => {
    const words = ["uninstall", "--no-audit", "--no-fund", "--offline", `@os-secrets/${platform}`];
    runSuccessfully("npm", words, { cwd: project });
    rmSync(join(project, "node_modules", "@os-secrets"), { recursive: true, force: true });
    writeFileSync(join(project, "missing.cjs"), `require("os-secrets")`);
    const { code, stderr } = await runFile("missing.cjs");
    assert.equal(code, 1);
    const place = `${os}-${cpu} (C library: ${libc === "gnu" ? "glibc" : libc})`;
    assert.ok(stderr.includes(`cannot load its native binary for ${place}`), stderr);
    assert.ok(stderr.includes("npm install --include=optional"), stderr);
  });
});
