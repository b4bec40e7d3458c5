// Named secrets in the library: resolve and resolveEnv.

const assert = require("node:assert/strict");
const { mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { resolve, resolveEnv } = require("..");
const { linuxOnly } = require("./support/platform.js");
const { root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const wrongType = { name: "TypeError", code: "ERR_INVALID_ARG_TYPE" };
const wrongValue = { name: "TypeError", code: "ERR_INVALID_ARG_VALUE" };

describe("resolve refuses at once", () => {
  for (const [what, call, error] of [
    ["no value", () => resolve(), wrongType],
    ["a value that is no text", () => resolve(5), wrongType],
    ["options that are none", () => resolve("plain", null), wrongType],
    ["an unknown scope", () => resolve("plain", { scope: "all" }), wrongValue],
    ["a directory that is no text", () => resolve("plain", { cwd: 5 }), wrongType],
    ["an empty directory", () => resolve("plain", { cwd: "" }), wrongValue],
    ["a directory with a NUL", () => resolve("plain", { cwd: "a\0" }), wrongValue],
    ["a wrong timeout", () => resolve("plain", { timeout: 0 }), wrongValue],
    ["a reference without a name", () => resolve("secret:"), wrongValue],
    ["a reference that names nothing", () => resolve("secret:Hunter2"), wrongValue],
    ["an environment that is none", () => resolveEnv("A=1"), wrongType],
    ["a variable that is no text", () => resolveEnv({ A: 5 }), wrongType],
    ["a variable that refers to nothing", () => resolveEnv({ A: "secret:Hunter2" }), wrongValue],
  ]) {
    it(what, () => {
      assert.throws(call, error);
      assert.throws(call, (thrown) => !thrown.message.includes("unter2"));
    });
  }

  it("and names the variable", () => {
    assert.throws(() => resolveEnv({ GOOD: "x", BAD: "secret:" }), /^TypeError: the variable BAD: /);
  });
});

for (const [name, [command, ...args]] of Object.entries(runtimes)) {
  describe(`resolve under ${name}`, () => {
    let session;
    let workspace;
    before(async () => {
      session = await startSession();
      workspace = join(session.directory, "workspace");
      mkdirSync(workspace);
      const busdk = { secrets: { both: "the repository's", "a.b": "dotted", chain: "secret:both" } };
      writeFileSync(join(workspace, "datapackage.json"), JSON.stringify({ busdk }));
    });
    after(() => session.stop());

    /** Evaluates an expression in the workspace. Returns its value, or the code and message of its error. */
    async function evaluate(expression, env = {}) {
      const source = `
        const { resolve, resolveEnv, secrets } = require(${JSON.stringify(root)});
        Promise.resolve().then(() => ${expression})
          .catch(({ code, message }) => ({ code, message }))
          .then((value) => console.log(JSON.stringify(value ?? null)));`;
      const file = join(session.directory, "program.cjs");
      writeFileSync(file, source);
      const { code, stdout, stderr } = await session.run(command, [...args, file], { cwd: workspace, env });
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    }

    it("finds what the repository has, then what the user has", async () => {
      await evaluate(
        `Promise.all(["both", "only"].map((name) => secrets.set("os-secrets", name, "the user's")))`,
      );
      const values = `["secret:both", "secret:only", "secret:a.b", "secret:chain", "plain", "", " secret:both"]`;
      assert.deepEqual(await evaluate(`Promise.all(${values}.map((value) => resolve(value)))`), [
        "the repository's",
        "the user's",
        "dotted",
        "secret:both",
        "plain",
        "",
        " secret:both",
      ]);
      assert.equal(await evaluate(`resolve("secret:both", { scope: "user" })`), "the user's");
      assert.equal(await evaluate(`resolve("secret:both", { scope: "repo" })`), "the repository's");
      assert.equal(
        await evaluate(`resolve("secret:both", { cwd: ${JSON.stringify(session.directory)} })`),
        "the user's",
      );
    });

    it("warns once of each secret that both scopes have", async () => {
      await evaluate(`secrets.set("os-secrets", "a.b", "the user's")`);
      const listen = `process.on("warning", ({ name, code, message }) => told.push([name, code, message]))`;
      const wait = "new Promise((done) => setTimeout(done, 100))";
      const told = await evaluate(`(async () => {
        const told = [];
        ${listen};
        for (const scope of ["user", "repo"]) await resolve("secret:both", { scope });
        await Promise.all([resolve("secret:both"), resolve("secret:both", { timeout: 60000 })]);
        await resolveEnv({ A: "secret:both", B: "secret:a.b", C: "secret:chain", D: "secret:only" });
        await resolve("secret:a.b");
        await ${wait};
        return told;
      })()`);
      assert.deepEqual(
        told.map(([name, code, message]) => [name, code, message.split(" ")[2]]),
        ["both", "a.b"].map((secret) => ["SecretsWarning", "OS_SECRETS_SHADOWED", secret]),
      );
      assert.match(
        told[0][2],
        /in the repository .* and in the user's store\. The repository's value is used/,
      );
    });

    it("warns of a secret again if another repository has it as well", async () => {
      const other = join(session.directory, "other");
      mkdirSync(other, { recursive: true });
      const busdk = { secrets: { both: "the other repository's" } };
      writeFileSync(join(other, "datapackage.json"), JSON.stringify({ busdk }));
      const told = await evaluate(`(async () => {
        const told = [];
        process.on("warning", ({ message }) => told.push(message));
        for (const cwd of [".", ${JSON.stringify(other)}, ".", ${JSON.stringify(other)}]) await resolve("secret:both", { cwd });
        await new Promise((done) => setTimeout(done, 100));
        return told;
      })()`);
      const files = [workspace, other].map((directory) => join(directory, "datapackage.json"));
      assert.equal(told.length, 2);
      for (const [at, file] of files.entries()) assert.ok(told[at].includes(`(${file})`), told[at]);
    });

    it("resolves what the repository has although the user's store does not answer", async () => {
      const env = { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent" };
      assert.equal(await evaluate(`resolve("secret:both", { timeout: 60000 })`, env), "the repository's");
    });

    it("rejects where there is none", async () => {
      const { code, message } = await evaluate(`resolve("secret:nope")`);
      assert.equal(code, "ERR_SECRETS_NOT_FOUND");
      assert.match(message, /There is no secret nope in the repository or the user's store/);
      const { message: ofVariable } = await evaluate(`resolveEnv({ A: "secret:both", B: "secret:nope" })`);
      assert.match(ofVariable, /^the variable B: There is no secret nope/);
      assert.equal(
        (await evaluate(`resolve("secret:only", { scope: "repo" })`)).code,
        "ERR_SECRETS_NOT_FOUND",
      );
      const elsewhere = await evaluate(`resolve("secret:both", { cwd: "/does/not/exist" })`);
      assert.equal(elsewhere.code, "ERR_SECRETS_PLATFORM_ERROR");
      assert.match(elsewhere.message, /[\\/]does[\\/]not[\\/]exist/);
    });

    it("gives texts alone", async () => {
      const bytes = `require(${JSON.stringify(root)}).openStore().set("os-secrets", "bytes", Uint8Array.of(97, 255))`;
      await evaluate(bytes);
      assert.equal((await evaluate(`resolve("secret:bytes")`)).code, "ERR_SECRETS_INVALID_DATA");
      const { code, message } = await evaluate(`resolveEnv({ A: "plain", B: "secret:bytes" })`);
      assert.equal(code, "ERR_SECRETS_INVALID_DATA");
      assert.match(message, /^the variable B: /);
    });

    it("looks in the directory that was meant when it was called", async () => {
      const call = `resolve("secret:both", { scope: "repo", cwd: "." })`;
      assert.equal(await evaluate(`[${call}, process.chdir("/")][0]`), "the repository's");
    });

    it(
      "needs no directory where it looks into none",
      linuxOnly("a working directory that is gone"),
      async () => {
        const leave = `require("fs").mkdirSync("gone"), process.chdir("gone"), require("fs").rmdirSync("../gone")`;
        for (const scope of ["user", "auto"]) {
          assert.equal(
            await evaluate(`(${leave}, resolve("secret:only", { scope: "${scope}" }))`),
            "the user's",
          );
        }
      },
    );

    it("makes a new environment", async () => {
      const env = `Object.assign(Object.create({ INHERITED: "x" }), { A: "secret:both", B: "plain", C: undefined })`;
      assert.deepEqual(await evaluate(`resolveEnv(${env})`), { A: "the repository's", B: "plain" });
      assert.equal(
        await evaluate(`resolveEnv(process.env).then(({ HOME }) => HOME === process.env.HOME)`),
        true,
      );
    });

    it("keeps bounds", async () => {
      const signal = "AbortSignal.abort()";
      assert.equal((await evaluate(`resolve("secret:only", { signal: ${signal} })`)).code, "ABORT_ERR");
      assert.equal(
        await evaluate(`resolve("secret:only", { timeout: 60000, interactive: false })`),
        "the user's",
      );
    });
  });
}
