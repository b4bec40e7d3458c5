// The commands of `secrets` for every day: has, rename, generate, export, import of JSON, and edit.

const assert = require("node:assert/strict");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { writeIdentity } = require("./support/age.js");
const { linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { startSession } = require("./support/session.js");

/**
 * Starts a session with functions that run `secrets`: `run` returns its result, `set` and `get` need a result of 0, and
 * `get` returns the exact value.
 */
async function prepare(t, { way = "native", ...options } = {}) {
  const session = await startSession(options);
  t.after(() => session.stop());
  const run = (args, more) => runProgram(session, way, "secrets", args, { cwd: session.directory, ...more });
  const expectSuccess = async (args, more) => {
    const { code, stdout, stderr } = await run(args, more);
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const set = (name, input, ...flags) => expectSuccess(["set", name, "--raw", ...flags], { input });
  const get = (name, ...flags) => expectSuccess(["get", name, "--raw", ...flags]);
  return { session, run, set, get };
}

/** The result of a program that printed nothing. */
const silent = (code) => ({ code, signal: null, stdout: "", stderr: "" });

describe("has", () => {
  for (const way of Object.keys(ways)) {
    it(`says by its exit code whether there is a secret, and prints nothing, ${way}`, async (t) => {
      const { run, set } = await prepare(t, { way });
      assert.deepEqual(await run(["has", "token"]), silent(1));
      await set("token", "v");
      await set("key", "v", "--service", "app");
      assert.deepEqual(await run(["has", "token"]), silent(0));
      assert.deepEqual(await run(["has", "token", "--scope", "repo"]), silent(1));
      assert.deepEqual(await run(["has", "--service", "app", "key"]), silent(0));
      assert.deepEqual(await run(["has", "--service", "app", "token"]), silent(1));
      assert.equal((await run(["has", "No Name"])).code, 2);
    });
  }

  it("prints no note about an encrypted file", async (t) => {
    const { session, run, set } = await prepare(t, { bus: false });
    const store = join(session.directory, "s.age");
    session.env.OS_SECRETS_IDENTITY = writeIdentity(session.directory).path;
    assert.deepEqual(await run(["has", "token", "--store", store]), silent(1));
    await set("token", "v", "--store", store);
    assert.deepEqual(await run(["has", "token", "--store", store]), silent(0));
  });

  it("exits with 3 if the store cannot tell", linuxOnly("a bus"), async (t) => {
    const { run } = await prepare(t, { bus: false });
    const { code, stdout, stderr } = await run(["has", "token"]);
    assert.deepEqual([code, stdout], [3, ""]);
    assert.match(stderr, /^secrets: /);
  });

  it("asks nobody, even if the keyring is locked", linuxOnly("a bus"), async (t) => {
    const { session, run, set } = await prepare(t);
    await set("token", "v");
    await session.lock();
    // Whoever asks here waits for a prompter that does not exist, and fails.
    assert.equal((await run(["get", "token"])).code, 3);
    assert.deepEqual(await run(["has", "token"]), silent(0));
    assert.deepEqual(await run(["has", "other"]), silent(1));
  });
});
