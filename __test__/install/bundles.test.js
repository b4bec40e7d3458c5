// Bundled programs: as one file that runs by itself, or beside the installed package.

const assert = require("node:assert/strict");
const {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { writeExample } = require("../support/example.js");
const { installPackage } = require("../support/managers.js");
const { startRegistry, runSuccessfully } = require("../support/registry.js");
const { read } = require("../support/documents.js");
const { bun, node, root, runtimes } = require("../support/runtimes.js");
const { startSession } = require("../support/session.js");

const nodes = Object.entries(runtimes).filter(([name]) => name.startsWith("Node"));
const tools = join(root, "__test__", "install", "node_modules");
// This is a script, unless npm ran esbuild's install script, which replaces it with the program.
const esbuild = [join(tools, ".bin", "esbuild")];
const COPY = "--loader:.node=copy";

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

  it("works where esbuild has left the package external", async () => {
    const args = ["--bundle", "--platform=node", "--format=esm", "--external:os-secrets"];
    await runBundler(esbuild, "main.mjs", ...args, "--outfile=bundles/esbuild.mjs");
    assert.match(readFileSync(join(project, "bundles", "esbuild.mjs"), "utf8"), /from "os-secrets"/);
    for (const [, [command]] of nodes) await expectExample(project, command, join("bundles", "esbuild.mjs"));
  });

  /** Bundles the example with esbuild, as CommonJS. Returns the folder with `common.cjs` and what was copied. */
  async function makeCommon(folder, ...more) {
    // CommonJS has no await at the top level.
    const [head, ...body] = readFileSync(join(project, "main.mjs"), "utf8").split("\n");
    const main = `${head}\nasync function main() {\n${body.join("\n")}}\nmain();\n`;
    writeFileSync(join(project, "common.mjs"), main);
    const args = ["--bundle", "--platform=node", "--out-extension:.js=.cjs", `--outdir=${folder}`];
    await runBundler(esbuild, "common.mjs", ...args, ...more);
    return moveAway(folder);
  }

  it("works where esbuild has copied the binary", async () => {
    const place = await makeCommon("copied", COPY);
    assert.match(readdirSync(place).sort().join(), /^common\.cjs,os-secrets-\w+\.node$/);
    for (const [, [command]] of nodes) await expectExample(place, command, "common.cjs");
  });

  it("works as an ES module of esbuild with the banner that the error names", async () => {
    const makeModule = async (folder, ...more) => {
      const args = ["--bundle", "--platform=node", "--format=esm", COPY, "--out-extension:.js=.mjs"];
      await runBundler(esbuild, "main.mjs", ...args, ...more, `--outdir=${folder}`);
      return moveAway(folder);
    };
    const failing = await makeModule("module");
    const message = await readFailure(failing, node(20)[0], "main.mjs");
    assert.match(message, /Dynamic require of .* is not supported/);
    assert.match(message, /--external:os-secrets/);
    const place = await makeModule("banner", `--banner:js=${readAdvice(message)}`);
    for (const [, [command]] of nodes) await expectExample(place, command, "main.mjs");
  });

  it("works where Bun has copied the binary", async () => {
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

  /** Makes a single executable application of a bundle, and returns its path. */
  async function makeApplication(place, command) {
    const program = join(place, "program");
    const configuration = { main: join(place, "common.cjs"), output: join(place, "blob") };
    writeFileSync(
      join(place, "sea.json"),
      JSON.stringify({ ...configuration, disableExperimentalSEAWarning: true }),
    );
    await runBundler([command, "--experimental-sea-config", join(place, "sea.json")]);
    cpSync(command, program);
    const fuse = ["--sentinel-fuse", "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2"];
    const postject = [process.execPath, join(tools, "postject", "dist", "cli.js")];
    await runBundler(postject, program, "NODE_SEA_BLOB", configuration.output, ...fuse);
    for (const made of ["common.cjs", "blob", "sea.json"]) rmSync(join(place, made));
    return program;
  }

  it("works as a single executable application with the line that the error names", async () => {
    const failing = await makeCommon("bare", COPY);
    const bare = await makeApplication(failing, node(20)[0]);
    const message = await readFailure(failing, bare);
    assert.match(message, /No such built-in module/);
    const banner = `--banner:js=${readAdvice(message)}`;
    for (const [name, [command]] of nodes) {
      const place = await makeCommon(`application-${name.replace(" ", "-")}`, COPY, banner);
      const program = await makeApplication(place, command);
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
    const external = await makeCommon("external", "--external:os-secrets", banner);
    const program = await makeApplication(external, node(20)[0]);
    cpSync(join(project, "node_modules"), join(external, "node_modules"), { recursive: true });
    await expectExample(session.directory, program);
  });

  it("is told that it is a bundle where the binary was missing when it was made", async () => {
    const [own, hidden] = ["@os-secrets", "hidden"].map((name) => join(project, "node_modules", name));
    renameSync(own, hidden);
    try {
      await runBundler([bun, "build", "--compile", "main.mjs"], "--outfile", join("without", "compiled"));
      await runBundler([bun, "build", "main.mjs"], "--target=node", "--outfile=without/of-bun.mjs");
      const place = moveAway("without");
      cpSync(join(await makeCommon("missing"), "common.cjs"), join(place, "common.cjs"));
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

  it("works where webpack has left the package external", async () => {
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
