// @os-secrets/keytar under the name of keytar: installed by every package manager, put in place of the keytar that another
// package depends on, in bundles, and in an application of others.

const assert = require("node:assert/strict");
const { cpSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { version } = require("../../package.json");
const { examples, read } = require("../support/documents.js");
const { listItems } = require("../support/items.js");
const { installPackage, managers, runFile } = require("../support/managers.js");
const { startRegistry, runSuccessfully } = require("../support/registry.js");
const { node, root, runtimes } = require("../support/runtimes.js");
const { startSession } = require("../support/session.js");

const ALIAS = `npm:@os-secrets/keytar@${version}`;
const tools = join(root, "__test__", "install", "node_modules");
// This is a script, unless npm ran esbuild's install script, which replaces it with the program.
const esbuild = join(tools, ".bin", "esbuild");

/** An application that knows only keytar, as an ES module, and what it prints. */
const application = `
import { createRequire } from "node:module";
import keytar, { getPassword } from "keytar";

const required = createRequire(import.meta.url)("keytar");
await keytar.setPassword("my-editor", "alice", "value");
console.log(await getPassword("my-editor", "alice"), required.getPassword === getPassword);
console.log(JSON.stringify(await required.findCredentials("my-editor")));
console.log(await keytar.deletePassword("my-editor", "alice"), await keytar.findPassword("my-editor"));
`;
const printed = 'value true\n[{"account":"alice","password":"value"}]\ntrue null\n';

let session;
let registry;
before(async () => {
  session = await startSession();
  registry = await startRegistry(session);
});
after(() => session.stop());

const projectPath = (name) => join(session.directory, name.replaceAll(/\W/g, ""));

describe("an alias named keytar", () => {
  it("is one package that depends on os-secrets alone, and has no scripts", async () => {
    const { versions } = await (await fetch(`${registry}/@os-secrets%2fkeytar`)).json();
    const { dependencies, scripts, optionalDependencies, hasInstallScript } = versions[version];
    assert.deepEqual(dependencies, { "os-secrets": version });
    assert.deepEqual([scripts, optionalDependencies, hasInstallScript], [undefined, undefined, undefined]);
  });

  for (const [name, manager] of Object.entries(managers)) {
    it(`serves an application that ${name} installs`, async () => {
      const folder = projectPath(`alias-${name}`);
      await installPackage(session, name, folder, [], `keytar@${ALIAS}`);
      writeFileSync(join(folder, "main.mjs"), application);
      for (const [runtime, command] of Object.entries(runtimes)) {
        if (manager.hasNoFolder && !runtime.startsWith("Node")) continue;
        const { stdout, stderr } = await runFile(session, name, folder, command, "main.mjs");
        assert.equal(stdout, printed, `${runtime}: ${stderr}`);
      }
    });
  }

  it("is what docs/keytar.md and the README name", async () => {
    const folder = projectPath("documented");
    mkdirSync(folder);
    const [documented] = examples("docs/keytar.md", "json");
    writeFileSync(join(folder, "package.json"), documented);
    await runSuccessfully(session, "npm", ["install"], { cwd: folder });
    writeFileSync(join(folder, "main.mjs"), application);
    const [command, ...args] = node(22);
    assert.equal(await runSuccessfully(session, command, [...args, "main.mjs"], { cwd: folder }), printed);
    const { keytar } = JSON.parse(documented).dependencies;
    assert.ok(read("README.md").includes(`"keytar": "${keytar}"`));
    assert.ok(read("npm/keytar/README.md").includes(`"keytar": "${keytar}"`));
  });

  it("takes the place of the keytar that another package depends on", async () => {
    const folder = projectPath("overrides");
    const dependency = join(folder, "editor");
    mkdirSync(dependency, { recursive: true });
    const manifest = { name: "editor", version: "1.0.0", main: "main.mjs" };
    const needs = { ...manifest, dependencies: { keytar: "^7.7.0" } };
    writeFileSync(join(dependency, "package.json"), JSON.stringify(needs));
    writeFileSync(join(dependency, "main.mjs"), application);
    const { overrides } = JSON.parse(examples("docs/keytar.md", "json")[1]);
    const project = { private: true, dependencies: { editor: "file:editor" }, overrides };
    writeFileSync(join(folder, "package.json"), JSON.stringify(project));
    await runSuccessfully(session, "npm", ["install", "--install-links"], { cwd: folder });
    const [command, ...args] = node(22);
    const main = [...args, join("node_modules", "editor", "main.mjs")];
    assert.equal(await runSuccessfully(session, command, main, { cwd: folder }), printed);
  });
});

describe("a bundler's alias of keytar", () => {
  let folder;
  before(async () => {
    folder = projectPath("bundled");
    await installPackage(session, "npm", folder);
    writeFileSync(
      join(folder, "main.mjs"),
      application.replace(/^const required = .*$/m, "const required = keytar;"),
    );
    // CommonJS has no await at the top level.
    const [head, ...body] = ['const keytar = require("keytar");', ...application.trim().split("\n").slice(4)];
    const inside = "const required = keytar; const { getPassword } = keytar;";
    writeFileSync(join(folder, "common.cjs"), `${head}\n(async () => { ${inside}\n${body.join("\n")} })();`);
  });

  const [command] = node(22);
  const expectPrinted = async (file, cwd = folder) =>
    assert.equal(await runSuccessfully(session, command, [file], { cwd }), printed);

  it("works with esbuild, which leaves os-secrets external", async () => {
    const args = ["--bundle", "--platform=node", "--format=esm", "--alias:keytar=os-secrets/keytar"];
    const more = ["--external:os-secrets", "--outfile=esbuild.mjs"];
    await runSuccessfully(session, esbuild, ["main.mjs", ...args, ...more], { cwd: folder });
    assert.match(readFileSync(join(folder, "esbuild.mjs"), "utf8"), /from "os-secrets\/keytar"/);
    await expectPrinted("esbuild.mjs");
  });

  it("works with esbuild, which copies the binary", async () => {
    const args = ["--bundle", "--platform=node", "--alias:keytar=os-secrets/keytar", "--loader:.node=copy"];
    const more = ["--out-extension:.js=.cjs", "--outdir=copied"];
    await runSuccessfully(session, esbuild, ["common.cjs", ...args, ...more], { cwd: folder });
    const apart = join(session.directory, "apart");
    cpSync(join(folder, "copied"), apart, { recursive: true });
    await expectPrinted("common.cjs", apart);
  });

  it("works with webpack", async () => {
    const script = `
      const webpack = require(${JSON.stringify(join(tools, "webpack"))});
      const configuration = {
        mode: "production",
        target: "node",
        context: ${JSON.stringify(folder)},
        entry: "./common.cjs",
        externals: { keytar: "commonjs os-secrets/keytar" },
        output: { path: ${JSON.stringify(folder)}, filename: "webpack.cjs" },
      };
      webpack(configuration, (error, stats) => {
        if (!error && !stats.hasErrors() && !stats.hasWarnings()) return;
        console.error(error ?? stats.toString());
        process.exitCode = 1;
      });`;
    await runSuccessfully(session, command, ["-e", script], { cwd: folder });
    await expectPrinted("webpack.cjs");
  });

  it("works with Vite", async () => {
    const script = `
      import { build } from ${JSON.stringify(join(tools, "vite", "dist", "node", "index.js"))};
      await build({
        root: ${JSON.stringify(folder)},
        configFile: false,
        logLevel: "error",
        resolve: { alias: { keytar: "os-secrets/keytar" } },
        build: { ssr: "main.mjs", outDir: "vite" },
      });`;
    const args = ["--input-type=module", "-e", script];
    await runSuccessfully(session, command, args, { cwd: folder });
    await expectPrinted(join("vite", "main.js"));
  });
});

describe("vsce, which depends on keytar", () => {
  /** Runs vsce without a change of its code, over a package under the name of keytar. */
  let runVsce;
  before(async () => {
    const folder = projectPath("vsce");
    await installPackage(session, "npm", folder, [], `keytar@${ALIAS}`);
    cpSync(join(root, "__test__", "dependents", "node_modules"), join(folder, "node_modules"), {
      recursive: true,
    });
    const program = join(folder, "node_modules", "@vscode", "vsce", "vsce");
    const [command, ...args] = node(22);
    runVsce = (...words) => session.run(command, [...args, program, ...words], { cwd: folder });
  });

  const PUBLISHERS = { code: 0, stdout: "alice\nbob\n", stderr: "" };
  const readOutcome = ({ code, stdout, stderr }) => ({ code, stdout, stderr });

  /** Stores a token as vsce has done with keytar itself. */
  async function storeByKeytar(publisher, token) {
    const words = JSON.stringify(["vscode-vsce", publisher, token]);
    const [command, ...args] = node(22);
    const source = `require("keytar").setPassword(...${words})`;
    await runSuccessfully(session, command, [...args, "-e", source], { cwd: join(root, "bench") });
  }

  it("moves the tokens of its file into our store, and lists them with those of keytar itself", async () => {
    await storeByKeytar("alice", "old token");
    const file = join(session.home, ".vsce");
    writeFileSync(file, JSON.stringify({ publishers: [{ name: "bob", pat: "new token" }] }));
    const { code, stdout, stderr } = await runVsce("ls-publishers");
    assert.equal(code, 0, stderr);
    assert.match(stdout + stderr, /Migrated 1 publishers to system credential manager/);
    assert.deepEqual(readOutcome(await runVsce("ls-publishers")), PUBLISHERS);
    const stored = (await listItems(session)).map(({ attributes, secret }) => [
      attributes["xdg:schema"],
      attributes.account,
      secret,
    ]);
    assert.deepEqual(stored.sort(), [
      ["com.oven-sh.bun.Secret", "bob", "new token"],
      ["org.freedesktop.Secret.Generic", "alice", "old token"],
    ]);
  });

  it("forgets the tokens of both when it logs out", async () => {
    for (const publisher of ["alice", "bob"]) {
      const { code, stderr } = await runVsce("logout", publisher);
      assert.equal(code, 0, stderr);
    }
    assert.deepEqual(readOutcome(await runVsce("ls-publishers")), { code: 0, stdout: "", stderr: "" });
    assert.deepEqual(await listItems(session), []);
    assert.match((await runVsce("logout", "alice")).stderr, /Unknown publisher 'alice'/);
  });
});
