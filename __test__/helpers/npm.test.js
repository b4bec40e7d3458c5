// npm, pnpm, Yarn and Bun get their tokens from os-secrets: with `secrets run`, and pnpm with its tokenHelper.

const assert = require("node:assert/strict");
const { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { describeClient } = require("../support/clients.js");
const { sectionExamples } = require("../support/documents.js");
const { managers } = require("../support/managers.js");
const { startNpmRegistry } = require("../support/npm-registry.js");

const TOKEN = "npm_token+/=";
const [pnpm] = managers.pnpm.command;

describeClient("npm's clients", (start) => {
  /** Starts a session with a registry and a project. */
  async function prepare(t, ...headers) {
    const client = await start(t);
    const registry = await startNpmRegistry(
      t,
      client,
      ...(headers.length > 0 ? headers : [`Bearer ${TOKEN}`]),
    );
    const project = join(client.session.directory, "project");
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), '{ "name": "project", "private": true }');
    const npmrc = join(client.session.home, ".npmrc");
    const auth = join(client.session.configuration, "pnpm", "auth.ini");
    client.session.env.pnpm_config_minimum_release_age = "0";
    return { ...client, registry, project, npmrc, auth };
  }

  const isInstalled = ({ project, registry }) => existsSync(join(project, "node_modules", registry.name));

  /** Makes a manager ask the registry with the token of `NPM_TOKEN`. Returns a function that adds the package by `secrets run`. */
  async function prepareRun(t, name) {
    const client = await prepare(t);
    const { session, registry, project } = client;
    await client.store(`npm:${registry.key}`, "token", TOKEN);
    writeFileSync(client.npmrc, `registry=${registry.url}\n${registry.key}:_authToken=\${NPM_TOKEN}\n`);
    if (name === "Yarn 4") {
      const more = [`npmRegistryServer: ${registry.url}`, "npmAlwaysAuth: true", "npmMinimalAgeGate: 0"];
      more.push("unsafeHttpWhitelist: [127.0.0.1]", "enableTelemetry: false");
      const [shown] = sectionExamples("docs/helpers.md", "npm, pnpm, Yarn and Bun", "yaml");
      writeFileSync(join(session.home, ".yarnrc.yml"), `${more.join("\n")}\n${shown}`);
    }
    // Without it, Yarn 1 sends tokens only for packages with a scope.
    if (name === "Yarn 1") writeFileSync(client.npmrc, "always-auth=true\n", { flag: "a" });
    if (name.startsWith("Yarn")) writeFileSync(join(project, "yarn.lock"), "");
    const { command, add, env = {} } = managers[name];
    await client.succeed("secrets", ["set", "npm_token"], { input: TOKEN });
    const args = ["run", "--", ...command, ...add, registry.name];
    const options = { cwd: project, env: { ...env, NPM_TOKEN: "secret:npm_token" } };
    return { client, add: () => client.run("secrets", args, options) };
  }

  for (const name of ["npm", "pnpm", "Yarn 1", "Yarn 4", "Bun"]) {
    it(`secrets run gives ${name} the token for \${NPM_TOKEN}`, async (t) => {
      const { client, add } = await prepareRun(t, name);
      const { code, stdout, stderr } = await add();
      assert.equal(code, 0, stdout + stderr);
      assert.ok(isInstalled(client));
      assert.ok(client.registry.sent.includes(`Bearer ${TOKEN}`));
      assert.ok(!readFileSync(client.npmrc, "utf8").includes(TOKEN));
    });

    it(`secrets run does not start ${name} if the store is locked or missing`, async (t) => {
      const { client, add } = await prepareRun(t, name);
      for (const state of ["lock", "end"]) {
        await client[state]();
        const { code, stdout, stderr } = await add();
        assert.deepEqual({ code, stdout }, { code: 3, stdout: "" }, stderr);
        assert.match(stderr, /^secrets: [^\n]+\n$/);
        assert.ok(!isInstalled(client));
      }
      assert.deepEqual(client.registry.sent, []);
    });
  }

  it("they do what the manual shows", async (t) => {
    const client = await prepare(t);
    const { registry, project, npmrc, session } = client;
    const shown = (language) =>
      sectionExamples("docs/helpers.md", "npm, pnpm, Yarn and Bun", language).map((text) =>
        text.replaceAll("//registry.example.com/", registry.key).replaceAll("https:", "http:"),
      );
    const [setup, use] = shown("bash");
    const line = `registry=${registry.url}\n`;
    writeFileSync(npmrc, `${line}${registry.key}:_authToken=${TOKEN}\n`);
    writeFileSync(join(project, ".secrets.toml"), shown("toml")[0]);
    const dependencies = { [registry.name]: "1.0.0" };
    writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, dependencies }));
    const [move, copy, install] = use.trim().split("\n");
    await client.succeed("bash", ["-ec", `${move}\n${copy}`], { cwd: project });
    assert.equal(readFileSync(npmrc, "utf8"), line);
    writeFileSync(npmrc, shown("ini")[0], { flag: "a" });
    await client.succeed("bash", ["-ec", install], { cwd: project });
    assert.ok(isInstalled(client));

    rmSync(join(project, "node_modules"), { recursive: true });
    rmSync(join(project, "package-lock.json"));
    writeFileSync(npmrc, line);
    const env = { PATH: `${join(pnpm, "..")}:${session.env.PATH}` };
    await client.succeed("bash", ["-ec", setup], { cwd: project, env });
    assert.ok(isInstalled(client));
    assert.deepEqual(new Set(registry.sent), new Set([`Bearer ${TOKEN}`]));
  });

  it("pnpm asks os-secrets through its tokenHelper, and is undone byte for byte", async (t) => {
    const client = await prepare(t);
    const { registry, project, auth } = client;
    const install = () => client.run(pnpm, ["add", registry.name], { cwd: project });
    writeFileSync(client.npmrc, `registry=${registry.url}\n`);
    mkdirSync(join(auth, ".."), { recursive: true });
    const before = "; Mine\n//other.example/:username=me\n[section]\n";
    writeFileSync(auth, before, { mode: 0o600 });
    await client.store(`npm:${registry.key}`, "token", TOKEN);
    const setup = (...args) => client.succeed("secrets", ["setup", "pnpm", ...args]);

    assert.match(await setup(registry.url, "--dry-run"), /would change [\s\S]*:tokenHelper=/);
    assert.equal(readFileSync(auth, "utf8"), before);
    await setup(registry.url);
    const changed = readFileSync(auth, "utf8");
    assert.equal(changed.slice(-before.length), before);
    assert.equal(statSync(auth).mode & 0o777, 0o600);
    const { code, stdout, stderr } = await install();
    assert.equal(code, 0, stdout + stderr);
    assert.ok(isInstalled(client));
    assert.deepEqual(new Set(registry.sent), new Set([`Bearer ${TOKEN}`]));
    assert.match(await setup(registry.key), /asks os-secrets already/);
    assert.match(await client.succeed("secrets", ["setup"]), /^pnpm +asks os-secrets$/m);

    await setup("https://second.example");
    assert.match(readFileSync(auth, "utf8"), /^\/\/second\.example\/:tokenHelper=\/\S+\/second\.example$/m);
    writeFileSync(auth, `# Later\n${readFileSync(auth, "utf8")}`);
    await setup("--undo");
    assert.equal(readFileSync(auth, "utf8"), `# Later\n${before}`);
    assert.equal(existsSync(join(client.session.data, "os-secrets", "pnpm")), false);
  });

  for (const [state, change] of [
    ["locked", "lock"],
    ["missing", "end"],
  ]) {
    it(`pnpm fails if the store is ${state}, and sends no request without a token`, async (t) => {
      const client = await prepare(t);
      const { registry, project } = client;
      writeFileSync(client.npmrc, `registry=${registry.url}\n`);
      await client.store(`npm:${registry.key}`, "token", TOKEN);
      await client.succeed("secrets", ["setup", "pnpm", registry.url]);
      await client[change]();
      const helper = await client.run("secrets", ["helper", "npm", registry.key]);
      assert.deepEqual([helper.code, helper.stdout], [3, ""]);
      assert.doesNotMatch(helper.stderr, /There is no token/);
      const { code } = await client.run(pnpm, ["add", registry.name], { cwd: project });
      assert.notEqual(code, 0);
      assert.ok(!isInstalled(client));
    });
  }

  it("the helper prints the header of a token, of _auth, or of a user with a password", async (t) => {
    const client = await start(t);
    const helper = (registry) => client.run("secrets", ["helper", "npm", registry]);
    await client.store("npm://a.example/", "token", TOKEN);
    await client.store("npm://b.example:80/c/", "_auth", "bWU6cHc=");
    await client.store("npm://d.example", "me", Buffer.from("p\u00e4ss").toString("base64"));
    for (const [registry, header] of [
      ["https://a.example", `Bearer ${TOKEN}`],
      ["//b.example:80/c/", "Basic bWU6cHc="],
      ["d.example/", `Basic ${Buffer.from("me:p\u00e4ss").toString("base64")}`],
    ]) {
      const { code, stdout, stderr } = await helper(registry);
      assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: `${header}\n`, stderr: "" });
    }
    await client.store("npm://d.example", "you", "cHc=");
    await client.store("npm://e.example/", "token", "secret\nline");
    await client.store("git:https://f.example", "token", TOKEN);
    for (const [registry, message] of [
      ["//d.example", /passwords of several users/],
      ["//e.example", /stored token has line breaks/],
      ["//f.example", /There is no token for \/\/f\.example\//],
    ]) {
      const { code, stdout, stderr } = await helper(registry);
      assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
      assert.match(stderr, message);
      assert.ok(!stderr.includes("secret\n"));
    }
    for (const args of [[], ["a", "b"], ["https://a b/"], ["--x"], ["//a'/"]]) {
      const { code, stdout } = await client.run("secrets", ["helper", "npm", ...args]);
      assert.deepEqual({ code, stdout }, { code: 2, stdout: "" });
    }
  });

  describe("secrets import --from npmrc", () => {
    it("moves tokens out of both files, and leaves references and all else", async (t) => {
      const client = await prepare(t);
      const { registry, npmrc, auth, project } = client;
      const rest = `registry=${registry.url}\n//b.example/:username=you\n//c.example/:_authToken=\${NPM_TOKEN}\n_auth=b2xk\n`;
      const token = `${registry.key}:_authToken=${TOKEN}\n`;
      writeFileSync(npmrc, `${token}${rest}//b.example/:_password=dHdv\n`, { mode: 0o600 });
      mkdirSync(join(auth, ".."), { recursive: true });
      writeFileSync(auth, "//d.example/:_authToken=four\n");
      const listed = await client.succeed("secrets", ["setup"]);
      assert.match(listed, /\.npmrc\n {2}\/\/127\.0\.0\.1:\d+\/npm\/:_authToken\n/);
      assert.ok(!listed.includes(TOKEN));

      const { code, stdout, stderr } = await client.run("secrets", ["import", "--from", "npmrc", "--delete"]);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /skipped _auth in \S+: it names no registry/);
      assert.ok(!(stdout + stderr).includes(TOKEN));
      assert.equal(readFileSync(npmrc, "utf8"), rest);
      assert.equal(readFileSync(auth, "utf8"), "");
      assert.equal(await client.read(`npm:${registry.key}`, "token"), TOKEN);
      assert.equal(await client.read("npm://b.example/", "you"), "dHdv");
      assert.equal(await client.read("npm://d.example/", "token"), "four");

      await client.succeed("secrets", ["setup", "pnpm", registry.url]);
      await client.succeed(pnpm, ["add", registry.name], { cwd: project });
      assert.ok(isInstalled(client));
    });

    it("reads the file that NPM_CONFIG_USERCONFIG names, and not that of a project", async (t) => {
      const client = await prepare(t);
      const other = join(client.session.directory, "other");
      writeFileSync(other, "//a.example/:_authToken=one\n");
      writeFileSync(join(client.project, ".npmrc"), "//b.example/:_authToken=two\n");
      const env = { NPM_CONFIG_USERCONFIG: other };
      const options = { cwd: client.project, env };
      await client.succeed("secrets", ["import", "--from", "npmrc", "--delete"], options);
      assert.equal(readFileSync(other, "utf8"), "");
      assert.equal(await client.read("npm://a.example/", "token"), "one");
      assert.equal(await client.read("npm://b.example/", "token"), null);
    });

    it("neither overwrites a different value nor deletes its line", async (t) => {
      const client = await prepare(t);
      await client.store("npm://a.example/", "token", "stored");
      const line = "//a.example/:_authToken=in-the-file\n";
      writeFileSync(client.npmrc, `${line}//b.example/:_authToken=two\n`);
      const { code, stderr } = await client.run("secrets", ["import", "--from", "npmrc", "--delete"]);
      assert.equal(code, 1);
      assert.match(stderr, /\/\/a\.example\/:_authToken.* a different value is stored/);
      assert.equal(readFileSync(client.npmrc, "utf8"), line);
      assert.equal(await client.read("npm://a.example/", "token"), "stored");
      await client.lock();
      assert.equal((await client.run("secrets", ["import", "--from", "npmrc", "--delete"])).code, 3);
      assert.equal(readFileSync(client.npmrc, "utf8"), line);
      rmSync(client.npmrc);
    });
  });
});
