// Bundled programs: as one file that runs by itself, or beside the installed package.

const assert = require("node:assert/strict");
const { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { writeExample } = require("../support/example.js");
const { installPackage } = require("../support/managers.js");
const { startRegistry, runSuccessfully } = require("../support/registry.js");
const { bun, node, root, runtimes } = require("../support/runtimes.js");
const { startSession } = require("../support/session.js");

const nodes = Object.entries(runtimes).filter(([name]) => name.startsWith("Node"));
const tools = join(root, "__test__", "install", "node_modules");
// This is a script, unless npm ran esbuild's install script, which replaces it with the program.
const esbuild = [join(tools, ".bin", "esbuild")];

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

  it("works where esbuild has copied the binary", async () => {
    // CommonJS has no await at the top level.
    const [head, ...body] = readFileSync(join(project, "main.mjs"), "utf8").split("\n");
    const main = `${head}\nasync function main() {\n${body.join("\n")}}\nmain();\n`;
    writeFileSync(join(project, "common.mjs"), main);
    const args = ["--bundle", "--platform=node", "--loader:.node=copy", "--out-extension:.js=.cjs"];
    await runBundler(esbuild, "common.mjs", ...args, "--outdir=copied");
    const place = moveAway("copied");
    assert.match(readdirSync(place).sort().join(), /^common\.cjs,os-secrets-\w+\.node$/);
    for (const [, [command]] of nodes) await expectExample(place, command, "common.cjs");
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
