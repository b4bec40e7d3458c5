// Every package manager installs what fits the machine, without a script, and what it installs works.

const assert = require("node:assert/strict");
const { createHash } = require("node:crypto");
const { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { version } = require("../../package.json");
const { ownPlatform, platforms } = require("../../tools/platforms.js");
const { writeExample } = require("../support/example.js");
const { installPackage, listInstalled, runManager, managers, runFile } = require("../support/managers.js");
const { startRegistry, runSuccessfully } = require("../support/registry.js");
const { node, runtimes } = require("../support/runtimes.js");
const { startSession } = require("../support/session.js");

let session;
let registry;
before(async () => {
  session = await startSession();
  registry = await startRegistry(session);
});
after(() => session.stop());

const own = `@os-secrets/${ownPlatform().name}`;
const ofBothLibraries = ["gnu", "musl"].map((libc) => own.replace(/[a-z]+$/, libc));
const projectPath = (name) => join(session.directory, name.replaceAll(/\W/g, ""));

/** The source of a program that prints whether the package loads, or the error. */
const loading = `
  import { createRequire } from "node:module";
  try {
    createRequire(import.meta.url)("os-secrets");
    console.log("loads");
  } catch (error) {
    console.log(error.code, error.message);
  }`;

/** What npm calls the C library, by the last part of a platform's name. */
const libraryOf = { gnu: "glibc", gnueabihf: "glibc", musl: "musl" };

describe("what is published", () => {
  async function fetchManifest(name) {
    const { versions } = await (await fetch(`${registry}/${name}`)).json();
    assert.deepEqual(Object.keys(versions), [version]);
    return versions[version];
  }

  it("has no scripts, no dependencies but the platform packages, and the digests of its tarballs", async () => {
    const names = platforms.map(({ name }) => `@os-secrets/${name}`);
    for (const name of ["os-secrets", ...names]) {
      const manifest = await fetchManifest(name);
      for (const field of ["scripts", "dependencies", "devDependencies", "hasInstallScript", "private"]) {
        assert.equal(manifest[field], undefined, `${name} has ${field}`);
      }
      const expected =
        name === "os-secrets" ? Object.fromEntries(names.map((each) => [each, version])) : undefined;
      assert.deepEqual(manifest.optionalDependencies, expected);
      const tarball = Buffer.from(await (await fetch(manifest.dist.tarball)).arrayBuffer());
      assert.equal(
        manifest.dist.integrity,
        `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
      );
    }
  });

  it("says which platforms it is for", async () => {
    for (const { name } of platforms) {
      const [os, cpu, abi] = name.split("-");
      const manifest = await fetchManifest(`@os-secrets/${name}`);
      const library = abi && [libraryOf[abi]];
      assert.deepEqual([manifest.os, manifest.cpu, manifest.libc], [[os], [cpu], library], name);
    }
  });

  for (const { name } of platforms) {
    it(`is one package on ${name}`, async () => {
      const [os, cpu, abi] = name.split("-");
      const libc = abi ? [`--libc=${libraryOf[abi]}`] : [];
      const folder = projectPath(`platform-${name}`);
      await installPackage(session, "npm", folder, [`--os=${os}`, `--cpu=${cpu}`, ...libc]);
      assert.deepEqual(listInstalled(folder), [`@os-secrets/${name}`]);
    });
  }
});

for (const [name, manager] of Object.entries(managers)) {
  const fitting = manager.ignoresLibc ? ofBothLibraries : [own];

  describe(name, () => {
    let folder;
    before(async () => {
      folder = projectPath(name);
      await installPackage(session, name, folder);
    });

    it(`installs ${manager.ignoresLibc ? "what fits the machine with either C library" : "what fits"}`, () => {
      assert.deepEqual(listInstalled(folder), fitting);
    });

    for (const [runtime, command] of Object.entries(runtimes)) {
      if (manager.hasNoFolder && !runtime.startsWith("Node")) continue;
      it(`brings what README.md shows first to ${runtime}`, async () => {
        const expected = writeExample(folder);
        const { code, stdout, stderr } = await runFile(session, name, folder, command, "main.mjs");
        assert.deepEqual({ code, stdout }, { code: 0, stdout: expected }, stderr);
      });
    }

    it("brings the programs", async () => {
      const PATH = `${join(folder, "node_modules", ".bin")}:${dirname(node(20)[0])}:/usr/bin:/bin`;
      const by = manager.hasNoFolder ? `'${manager.command.join("' '")}' run ` : "";
      const script = `
        set -e
        printf packed | ${by}secrets set program
        ${by}secrets get program
        ${by}os-secrets delete program
        ${by}bus-secrets resolve plain`;
      const { code, stdout, stderr } = await session.run("sh", ["-c", script], {
        cwd: folder,
        env: { PATH },
      });
      assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "packed\nplain\n", stderr: "" });
    });

    it("installs the same from its lock file", async () => {
      const lock = readFileSync(join(folder, manager.lock), "utf8");
      for (const made of ["node_modules", ".yarn", ".pnp.cjs", ".pnp.loader.mjs"]) {
        rmSync(join(folder, made), { recursive: true, force: true });
      }
      assert.deepEqual(listInstalled(folder), []);
      await runManager(session, name, folder, manager.frozen);
      assert.equal(readFileSync(join(folder, manager.lock), "utf8"), lock);
      assert.deepEqual(listInstalled(folder), fitting);
    });

    if (manager.omit) {
      it(`is told by the error what to do after ${manager.omit}`, async () => {
        const project = projectPath(`${name}-omit`);
        await installPackage(session, name, project, [manager.omit]);
        assert.deepEqual(listInstalled(project), []);
        await expectFix(name, project);
      });
    }

    if (manager.cpu) {
      it("is told by the error what to do with what it has installed for another machine", async () => {
        const project = projectPath(`${name}-machine`);
        await installPackage(session, name, project, [manager.cpu(process.arch === "x64" ? "arm64" : "x64")]);
        assert.equal(listInstalled(project).length, 1);
        await expectFix(name, project);
      });
    }
  });
}

describe("npx os-secrets", () => {
  it("runs the program where nothing is installed, from the registry alone", async () => {
    const folder = projectPath("nothing");
    mkdirSync(folder);
    const npx = (...args) => runSuccessfully(session, "npx", ["--yes", ...args], { cwd: folder });
    assert.equal(await npx("os-secrets", "--version"), `os-secrets ${version}\n`);
    assert.equal(await npx("os-secrets", "resolve", "plain"), "plain\n");
    assert.deepEqual(readdirSync(folder), []);
  });

  it("runs the program that is installed globally", async () => {
    const prefix = join(session.directory, "global");
    const env = { npm_config_prefix: prefix, npm_config_cache: join(session.directory, "empty-cache") };
    await runSuccessfully(session, "npm", ["install", "--global", `os-secrets@${version}`], { env });
    // Without a registry, npx has only what is installed.
    const offline = { ...env, npm_config_registry: "http://127.0.0.1:9/" };
    const args = ["--offline", "os-secrets", "--version"];
    const cwd = session.directory;
    assert.equal(
      await runSuccessfully(session, "npx", args, { cwd, env: offline }),
      `os-secrets ${version}\n`,
    );
  });
});

/**
 * The project's package must not load. Its error must say what it tried and name a command that fixes the
 * project.
 */
async function expectFix(name, project) {
  writeFileSync(join(project, "load.mjs"), loading);
  const load = async () => {
    const { code, stdout, stderr } = await runFile(session, name, project, node(20), "load.mjs");
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const message = await load();
  assert.match(message, /^ERR_SECRETS_PLATFORM_ERROR /);
  for (const each of ofBothLibraries) assert.ok(message.includes(`  ${each}: not found\n`), message);
  const { command, fix } = managers[name];
  assert.ok(message.includes(fix), message);
  const [program, ...first] = command;
  await runSuccessfully(session, program, [...first, ...fix.split(" ").slice(1)], { cwd: project });
  assert.equal(await load(), "loads\n");
}
