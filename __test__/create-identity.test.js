// `createIdentity` does what `secrets init` does.

const assert = require("node:assert/strict");
const { readFileSync, statSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { createIdentity, openStore } = require("..");
const { isWindows } = require("./support/platform.js");
const { runProgram } = require("./support/programs.js");
const { root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

/** Starts a session without a store that ends with the test. */
async function prepareSession(t) {
  const session = await startSession({ bus: false });
  t.after(() => session.stop());
  return session;
}

describe("createIdentity", () => {
  for (const [name, [command, ...args]] of Object.entries(runtimes)) {
    it(`sets up the encrypted file for a tool and for the program, under ${name}`, async (t) => {
      const session = await prepareSession(t);
      const program = join(session.directory, "program.cjs");
      writeFileSync(
        program,
        `const { createIdentity, openStore } = require(${JSON.stringify(root)});
        (async () => {
          const store = openStore({ provider: "file" });
          const { reason } = await store.list().catch((error) => error);
          const identity = await createIdentity();
          await store.set("os-secrets", "token", "value");
          const again = await createIdentity().catch(({ code, reason }) => ({ code, reason }));
          console.log(JSON.stringify({ reason, identity, again }));
        })();`,
      );
      const { code, stdout, stderr } = await session.run(command, [...args, program]);
      assert.equal(code, 0, stderr);
      const { reason, identity, again } = JSON.parse(stdout);
      const path = join(session.configuration, "os-secrets", "identity");
      assert.deepEqual([reason, identity.path], ["no-key", path]);
      assert.match(identity.recipient, /^age1[0-9a-z]{58}$/);
      assert.deepEqual(Object.keys(identity), ["path", "recipient"]);
      const text = readFileSync(path, "utf8");
      assert.match(text, new RegExp(`^# public key: ${identity.recipient}\nAGE-SECRET-KEY-1[0-9A-Z]{58}\n$`));
      if (!isWindows) assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.deepEqual(again, { code: "ERR_SECRETS_PLATFORM_ERROR", reason: "exists" });
      const read = await runProgram(session, "native", "secrets", ["get", "token", "--store", "file"]);
      assert.deepEqual([read.code, read.stdout], [0, "value\n"]);
    });
  }

  it("writes to a file of one's own, and never replaces one", async (t) => {
    const session = await prepareSession(t);
    const path = join(session.directory, "deep", "identity");
    const identity = await createIdentity({ path });
    assert.equal(identity.path, path);
    const text = readFileSync(path, "utf8");
    await assert.rejects(createIdentity({ path }), {
      reason: "exists",
      message: `Cannot write ${path}: it already exists, and what is encrypted for it would be lost`,
    });
    assert.equal(readFileSync(path, "utf8"), text);
    const store = openStore({
      provider: "file",
      path: join(session.directory, "own", "x.age"),
      identity: path,
    });
    await store.set("s", "n", "value");
    assert.equal(await store.get("s", "n"), "value");
    await assert.rejects(createIdentity({ path: session.directory }), {
      reason: "failed",
      message: `Cannot use ${session.directory}: it is a directory. Name a file in it, such as ${join(session.directory, "identity")}`,
    });
    const inside = createIdentity({ path: join(path, "identity") });
    await assert.rejects(inside, { reason: "failed", code: "ERR_SECRETS_PLATFORM_ERROR" });
  });

  it("refuses wrong options at once", () => {
    const code = "ERR_SECRETS_INVALID_SETTING";
    for (const options of [{ path: 5 }, { path: "" }, { path: "a\0b" }, { paht: "/x" }]) {
      assert.throws(() => createIdentity(options), { code, reason: "invalid-setting" });
    }
    assert.throws(() => createIdentity("/x"), { code: "ERR_INVALID_ARG_TYPE" });
  });
});
