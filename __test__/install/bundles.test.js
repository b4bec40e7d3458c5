// Bundled programs: as one file that runs by itself, or beside the installed package.

const assert = require("node:assert/strict");
const {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} = require("node:fs");
const { basename, join } = require("node:path");
const { after, before, beforeEach, describe, it } = require("node:test");
const { writeExample } = require("../support/example.js");
const { installPackage, listInstalled } = require("../support/managers.js");
const {
  bundleAsCommon,
  esbuild,
  listEmbedded,
  makeApplication,
  makeProject,
} = require("../support/executables.js");
const { startRegistry, runSuccessfully } = require("../support/registry.js");
const { read, sectionExamples } = require("../support/documents.js");
const { bun, node, root, runtimes } = require("../support/runtimes.js");
const { startSession } = require("../support/session.js");

const nodes = Object.entries(runtimes).filter(([name]) => name.startsWith("Node"));
const tools = join(root, "__test__", "install", "node_modules");
/** The examples in a language on the manual's page. */
const examplesIn = (language) =>
  sectionExamples("docs/platforms.md", "Bundles and single executables", language);
const COPY = "--loader:.node=copy";
/** The user nobody, and the group. */
const NOBODY = 65534;

describe("the first example of README.md", () => {
  let session;
  let project;
  let expected;
  before(async () => {
    session = await startSession();
    await startRegistry(session);
    project = join(session.directory, "project");
    await installPackage(session, "npm", project);
    expected = writeExample(project);
  });
  after(() => session.stop());

  /** Runs a bundler in the project. */
  const runBundler = ([program, ...args], ...more) =>
    runSuccessfully(session, program, [...args, ...more], { cwd: project });

  /** Moves a bundler's output to a place where nothing is installed. */
  function moveAway(folder) {
    const place = join(session.directory, `apart-${folder}`);
    cpSync(join(project, folder), place, { recursive: true });
    rmSync(join(project, folder), { recursive: true });
    return place;
  }

  async function expectExample(cwd, command, ...args) {
    const { code, stdout, stderr } = await session.run(command, args, { cwd });
    assert.deepEqual({ code, stdout }, { code: 0, stdout: expected }, stderr);
  }

  /** Runs a bundle that must fail. Returns the message, which must not advise to reinstall anything. */
  async function readFailure(cwd, command, ...args) {
    const { code, stderr } = await session.run(command, args, { cwd });
    assert.notEqual(code, 0);
    assert.match(stderr, /os-secrets cannot load its native binary/);
    assert.doesNotMatch(stderr, /reinstall/i);
    return stderr;
  }

  /** The line of code in an error's message, which the manual must name as well. */
  function readAdvice(message) {
    const [, line] = /^ {2}(.*require.*;)$/m.exec(message);
    assert.ok(read("docs/platforms.md").includes(`--banner:js='${line}'`), line);
    return line;
  }

  it("works as one file that Bun has compiled", async () => {
    await runBundler([bun, "build", "--compile", "main.mjs"], "--outfile", join("compiled", "program"));
    const place = moveAway("compiled");
    assert.deepEqual(readdirSync(place), ["program"]);
    await expectExample(place, join(place, "program"));
  });

  it("works if esbuild has left the package external", async () => {
    const args = ["--bundle", "--platform=node", "--format=esm", "--external:os-secrets"];
    await runBundler([esbuild], "main.mjs", ...args, "--outfile=bundles/esbuild.mjs");
    assert.match(readFileSync(join(project, "bundles", "esbuild.mjs"), "utf8"), /from "os-secrets"/);
    for (const [, [command]] of nodes) await expectExample(project, command, join("bundles", "esbuild.mjs"));
  });

  /** Bundles the example with esbuild, as CommonJS. Returns the folder with `common.cjs` and what was copied. */
  function makeCommon(folder, ...more) {
    bundleAsCommon(project, folder, ...more);
    return moveAway(folder);
  }

  it("works if esbuild has copied the binary", async () => {
    const place = makeCommon("copied", COPY);
    assert.match(readdirSync(place).sort().join(), /^common\.cjs,os-secrets-\w+\.node$/);
    for (const [, [command]] of nodes) await expectExample(place, command, "common.cjs");
  });

  it("has only the binaries of the platform that esbuild is told", () => {
    const others = makeProject(join(session.directory, "others"));
    writeFileSync(join(others, "main.mjs"), 'import "os-secrets";');
    const tell = (os, cpu) => [`--define:process.platform="${os}"`, `--define:process.arch="${cpu}"`];
    for (const [os, cpu, names] of [
      ["darwin", "arm64", ["darwin-arm64"]],
      ["linux", "x64", ["linux-x64-gnu", "linux-x64-musl"]],
    ]) {
      const folder = join(others, `${os}-${cpu}`);
      bundleAsCommon(others, folder, COPY, ...tell(os, cpu));
      const copies = readdirSync(folder).filter((name) => name.endsWith(".node"));
      assert.deepEqual(copies.flatMap((name) => listEmbedded(join(folder, name))).sort(), names);
    }
  });

  it("has the binaries for other platforms as the manual's commands install them", async () => {
    const [commands] = examplesIn("bash");
    const lines = commands.trim().split("\n");
    assert.deepEqual(
      lines.map((line) => line.split(" ")[0]),
      ["npm", "bun"],
    );
    for (const [at, line] of lines.entries()) {
      const place = join(session.directory, `for-others-${at}`);
      mkdirSync(place);
      writeFileSync(
        join(place, "package.json"),
        '{ "private": true, "dependencies": { "os-secrets": "*" } }',
      );
      const [program, ...args] = line.split(" ");
      await runSuccessfully(session, program === "bun" ? bun : program, args, { cwd: place });
      const installed = listInstalled(place);
      for (const name of ["linux-x64-gnu", "win32-x64"])
        assert.ok(installed.includes(`@os-secrets/${name}`), `${line}: ${installed}`);
    }
  });

  it("works as an ES module of esbuild with the banner that the error names", async () => {
    const makeModule = async (folder, ...more) => {
      const args = ["--bundle", "--platform=node", "--format=esm", COPY, "--out-extension:.js=.mjs"];
      await runBundler([esbuild], "main.mjs", ...args, ...more, `--outdir=${folder}`);
      return moveAway(folder);
    };
    const failing = await makeModule("module");
    const message = await readFailure(failing, node(20)[0], "main.mjs");
    assert.match(message, /Dynamic require of .* is not supported/);
    assert.match(message, /--external:os-secrets/);
    const place = await makeModule("banner", `--banner:js=${readAdvice(message)}`);
    for (const [, [command]] of nodes) await expectExample(place, command, "main.mjs");
  });

  it("works if Bun has copied the binary", async () => {
    for (const [target, command] of [
      ["node", node(20)[0]],
      ["bun", bun],
    ]) {
      await runBundler([bun, "build", "main.mjs"], `--target=${target}`, `--outdir=of-bun-${target}`);
      const place = moveAway(`of-bun-${target}`);
      assert.match(readdirSync(place).sort().join(), /^main\.js,os-secrets-\w+\.node$/);
      writeFileSync(join(place, "package.json"), '{ "type": "module" }');
      await expectExample(place, command, "main.js");
    }
  });

  /** Makes a single executable application of the bundle in a folder, and returns its path. */
  function makeOf(place, [command], assets) {
    const run = (program, args) => runSuccessfully(session, program, args, { cwd: place });
    return makeApplication(place, command, assets, run);
  }

  it("works as a single executable application with the line that the error names", async () => {
    const failing = makeCommon("bare", COPY);
    const bare = await makeOf(failing, node(20));
    const message = await readFailure(failing, bare);
    assert.match(message, /No such built-in module/);
    const banner = `--banner:js=${readAdvice(message)}`;
    for (const [name, command] of nodes) {
      const place = makeCommon(`application-${name.replace(" ", "-")}`, COPY, banner);
      const program = await makeOf(place, command);
      await expectExample(session.directory, program);
      rmSync(
        join(
          place,
          readdirSync(place).find((file) => file.endsWith(".node")),
        ),
      );
      assert.match(await readFailure(place, program), /the copy is missing\. Ship the \.node file/);
      rmSync(place, { recursive: true });
    }
    const external = makeCommon("external", "--external:os-secrets", banner);
    const program = await makeOf(external, node(20));
    cpSync(join(project, "node_modules"), join(external, "node_modules"), { recursive: true });
    await expectExample(session.directory, program);
  });

  describe("as a single executable application with the binary as an asset", () => {
    // The manual names the asset, and the binary in a project.
    const [[asset, binary]] = Object.entries(JSON.parse(examplesIn("json")[0]).assets);
    let cache;
    /** The application, alone in its folder. */
    let program;
    before(async () => {
      program = await makeWithAsset("asset", node(24), join(project, binary));
      cache = join(session.env.XDG_CACHE_HOME, "os-secrets");
    });
    beforeEach(() => rmSync(cache, { recursive: true, force: true }));

    /** Makes an application with a file as the asset. */
    async function makeWithAsset(folder, command, file) {
      const place = makeCommon(folder, "--external:@os-secrets/*");
      const made = await makeOf(place, command, { [asset]: file });
      assert.deepEqual(readdirSync(place), [basename(made)]);
      return made;
    }

    /** The path of the only file in the cache. */
    function findCached() {
      const names = readdirSync(cache);
      assert.equal(names.length, 1, names.join());
      return join(cache, names[0]);
    }

    const modeOf = (path) => statSync(path).mode & 0o777;

    it("works under every Node, with one file for all", async () => {
      for (const [name, command] of nodes) {
        const made = await makeWithAsset(`asset-${name.replace(" ", "-")}`, command, join(project, binary));
        await expectExample(session.directory, made);
        rmSync(made);
      }
      assert.deepEqual(readFileSync(findCached()), readFileSync(join(project, binary)));
      assert.deepEqual([modeOf(cache), modeOf(findCached())], [0o700, 0o600]);
    });

    it("works if several processes write the file at once", async () => {
      await Promise.all(
        Array.from({ length: 4 }, async () => {
          const { code, stderr } = await session.run(program, [], { cwd: session.directory });
          assert.equal(code, 0, stderr);
        }),
      );
      findCached();
    });

    it("replaces a file that has changed, or that others could change", async () => {
      await expectExample(session.directory, program);
      const cached = findCached();
      writeFileSync(cached, "changed");
      await expectExample(session.directory, program);
      chmodSync(cached, 0o666);
      await expectExample(session.directory, program);
      assert.deepEqual(readFileSync(findCached()), readFileSync(join(project, binary)));
      assert.equal(modeOf(cached), 0o600);
    });

    it("refuses a folder that another user could put a file into", async () => {
      const other = join(session.directory, "other");
      const spoilers = {
        "a folder that all may write to": () => {
          mkdirSync(cache);
          chmodSync(cache, 0o777);
        },
        "a link": () => {
          mkdirSync(other, { recursive: true });
          symlinkSync(other, cache);
        },
        "a folder in one that all may write to": () => chmodSync(session.env.XDG_CACHE_HOME, 0o777),
        "a folder in one that its group may write to": () => chmodSync(session.env.XDG_CACHE_HOME, 0o770),
        "a folder below one that others may write to": () => chmodSync(session.directory, 0o777),
        ...(process.getuid() === 0 && {
          "a folder of another user": () => {
            mkdirSync(cache);
            chownSync(cache, NOBODY, NOBODY);
          },
          "a folder in one of another user": () => chownSync(session.env.XDG_CACHE_HOME, NOBODY, NOBODY),
        }),
      };
      for (const [name, spoil] of Object.entries(spoilers)) {
        rmSync(cache, { recursive: true, force: true });
        spoil();
        const message = await readFailure(session.directory, program);
        assert.match(message, /the asset os-secrets\.node: other users can change .*os-secrets/, name);
        assert.match(message, /no other user/);
        assert.deepEqual(readdirSync(cache), [], name);
        for (const folder of [session.directory, session.env.XDG_CACHE_HOME]) {
          chmodSync(folder, 0o700);
          chownSync(folder, process.getuid(), process.getgid());
        }
      }
    });

    const asRoot = { skip: process.getuid() !== 0 && "it needs other users" };

    it("refuses a folder that the private group of its user may write to", asRoot, async () => {
      const folder = join(session.directory, "of-nobody");
      const cache = join(folder, "cache");
      mkdirSync(cache, { recursive: true });
      for (const each of [folder, cache]) chownSync(each, NOBODY, NOBODY);
      chmodSync(session.directory, 0o755);
      const run = () => {
        const user = ["--reuid", String(NOBODY), "--regid", String(NOBODY), "--clear-groups"];
        const env = { ...session.env, XDG_CACHE_HOME: cache };
        return session.run("setpriv", [...user, program], { cwd: folder, env });
      };
      chmodSync(folder, 0o770);
      assert.match((await run()).stderr, /other users can change .*, because they own .*of-nobody or can/);
      chmodSync(folder, 0o700);
      // The store is out of reach for that user, but the binary is loaded.
      assert.doesNotMatch((await run()).stderr, /cannot load its native binary/);
      assert.deepEqual(readdirSync(join(cache, "os-secrets")).length, 1);
      chmodSync(session.directory, 0o700);
    });

    it("takes folders of owners that a user namespace does not know", asRoot, async () => {
      chownSync(session.env.XDG_CACHE_HOME, 1234, 1234);
      chmodSync(session.env.XDG_CACHE_HOME, 0o755);
      mkdirSync(cache, { mode: 0o700 });
      const args = ["--user", "--map-root-user", program];
      const { stderr } = await session.run("unshare", args, { cwd: session.directory });
      assert.doesNotMatch(stderr, /cannot load its native binary/);
      findCached();
      assert.match(await readFailure(session.directory, program), /because they own .* or can write to it/);
      chownSync(session.env.XDG_CACHE_HOME, 0, 0);
      chmodSync(session.env.XDG_CACHE_HOME, 0o700);
    });

    it("says what is wrong if the asset is no binary for this machine", async () => {
      const failing = await makeWithAsset("no-binary", node(24), join(root, "LICENSE"));
      const message = await readFailure(session.directory, failing);
      assert.match(message, /the asset os-secrets\.node: .*(ELF|too short)/);
      assert.match(message, /The asset must be the binary for this machine/);
    });
  });

  it("is told that it is a bundle if the binary was missing when it was made", async () => {
    const [own, hidden] = ["@os-secrets", "hidden"].map((name) => join(project, "node_modules", name));
    renameSync(own, hidden);
    try {
      await runBundler([bun, "build", "--compile", "main.mjs"], "--outfile", join("without", "compiled"));
      await runBundler([bun, "build", "main.mjs"], "--target=node", "--outfile=without/of-bun.mjs");
      const place = moveAway("without");
      cpSync(join(makeCommon("missing"), "common.cjs"), join(place, "common.cjs"));
      for (const [command, ...args] of [
        [join(place, "compiled")],
        [node(20)[0], "of-bun.mjs"],
        [node(20)[0], "common.cjs"],
      ]) {
        const message = await readFailure(place, command, ...args);
        assert.match(message, /This program is a bundle that has no binary for this machine\./);
      }
    } finally {
      renameSync(hidden, own);
    }
  });

  it("works if webpack has left the package external", async () => {
    const script = `
      const webpack = require(${JSON.stringify(join(tools, "webpack"))});
      const configuration = {
        mode: "production",
        target: "node",
        context: ${JSON.stringify(project)},
        entry: "./main.mjs",
        externals: { "os-secrets": "commonjs os-secrets" },
        output: { path: ${JSON.stringify(join(project, "bundles"))}, filename: "webpack.cjs" },
      };
      webpack(configuration, (error, stats) => {
        if (!error && !stats.hasErrors() && !stats.hasWarnings()) return;
        console.error(error ?? stats.toString());
        process.exitCode = 1;
      });`;
    mkdirSync(join(project, "bundles"), { recursive: true });
    await runBundler(node(20), "-e", script);
    for (const [, [command]] of nodes) await expectExample(project, command, join("bundles", "webpack.cjs"));
  });
});
