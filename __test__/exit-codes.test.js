// The exit codes of `secrets`: a script must be able to tell "there is no such secret" from "the store does not work".

const assert = require("node:assert/strict");
const { chmodSync, mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { writeIdentity } = require("./support/age.js");
const { linuxOnly } = require("./support/platform.js");
const { runProgram } = require("./support/programs.js");
const { startSession } = require("./support/session.js");

/** The commands that use one secret, with their input and environment. */
const commands = {
  get: { args: ["get", "a"] },
  set: { args: ["set", "a"], input: "v" },
  delete: { args: ["delete", "a"] },
  resolve: { args: ["resolve", "secret:a"] },
  inject: { args: ["inject"], input: "{{ secret:a }}" },
  import: { args: ["import"], input: "A=v" },
  run: { args: ["run", "--", process.execPath, "-e", ""], env: { A: "secret:a" } },
  list: { args: ["list"] },
};
const readers = ["get", "delete", "resolve", "inject", "run"];
const users = [...readers, "set", "import"];

async function prepare(t, options = { bus: false }) {
  const session = await startSession(options);
  t.after(() => session.stop());
  const run = (args, { env, ...more } = {}, program = "secrets") =>
    runProgram(session, "native", program, args, { cwd: session.directory, env: { ...env }, ...more });
  /** Runs these commands, which must end with this code and print nothing but an error. */
  const expectCode = async (names, expected, env = {}) => {
    for (const name of names) {
      const { args, ...command } = commands[name];
      const { code, stdout, stderr } = await run(args, { ...command, env: { ...command.env, ...env } });
      assert.deepEqual({ name, code, stdout }, { name, code: expected, stdout: "" }, stderr);
      assert.match(stderr, /^secrets: /);
    }
  };
  return { session, run, expectCode };
}

/** An environment whose store is a file with one secret, the file, and its folder. */
async function prepareFile(t) {
  const prepared = await prepare(t);
  const { session, run } = prepared;
  const folder = join(session.directory, "store");
  mkdirSync(folder, { mode: 0o700 });
  const file = join(folder, "s.age");
  const identity = writeIdentity(session.directory, "key").path;
  const env = { OS_SECRETS_PROVIDER: "file", OS_SECRETS_FILE: file, OS_SECRETS_IDENTITY: identity };
  assert.equal((await run(["set", "other"], { env, input: "v" })).code, 0);
  return { ...prepared, env, file, folder };
}

describe("the exit code is 1", () => {
  it("if there is no such secret", async (t) => {
    const { expectCode, env } = await prepareFile(t);
    await expectCode(readers, 1, env);
  });

  it("if a file of the command line cannot be read or written", async (t) => {
    const { run, env } = await prepareFile(t);
    for (const args of [
      ["import", "nowhere"],
      ["inject", "-i", "nowhere"],
      ["run", "--env-file", "nowhere", "--", process.execPath],
      ["get", "other", "-o", join("nowhere", "x")],
      ["-C", "nowhere", "list"],
      ["init", join("s.age", "x", "y")],
    ]) {
      writeFileSync(join(env.OS_SECRETS_FILE, "..", "..", "s.age"), "");
      assert.equal((await run(args, { env })).code, 1, args.join(" "));
    }
    assert.equal((await run(["import"], { env, input: "A='x" })).code, 1);
  });

  it("if the repository has no file for secrets", async (t) => {
    const { run } = await prepare(t);
    assert.equal((await run(["set", "a", "--scope", "repo"], { input: "v" })).code, 1);
    assert.equal((await run(["get", "a", "--scope", "repo"])).code, 1);
  });

  it("if a file cannot get the recipients that are asked for", async (t) => {
    const { run, env } = await prepareFile(t);
    const own = (await run(["rekey"], { env })).stdout.trim();
    assert.match(own, /^age1/);
    assert.equal((await run(["rekey", "--remove", own], { env })).code, 1);
  });

  it("for everything that bus-secrets and doctor find wrong", async (t) => {
    const { session, run } = await prepare(t);
    const env = { BUS_PREFERENCES_PATH: join(session.directory, "preferences.json") };
    writeFileSync(env.BUS_PREFERENCES_PATH, "{");
    for (const args of [["get", "a"], ["list"], ["set", "a", "v"], ["resolve", "secret:a"]]) {
      assert.equal((await run(args, { env }, "bus-secrets")).code, 1, args.join(" "));
    }
    assert.equal((await run(["doctor"], { env: { OS_SECRETS_PROVIDER: "vault" } })).code, 1);
    assert.equal((await run(["doctor", "--store", "file"])).code, 1);
  });
});

describe("the exit code is 2", () => {
  it("if the command line is wrong", async (t) => {
    const { run } = await prepare(t);
    for (const args of [
      ["bogus"],
      ["get"],
      ["get", "A"],
      ["list", "--scope", "x"],
      ["resolve", "secret:A"],
    ]) {
      assert.equal((await run(args)).code, 2, args.join(" "));
    }
  });
});

it("help shows exactly the flags that a command takes", async (t) => {
  const { run } = await prepareFile(t);
  const values = { "--output": "result", "--scope": "user", "--store": "file" };
  for (const words of [
    ["get", "other"],
    ["list"],
    ["resolve", "plain"],
    ["inject"],
    ["import"],
    ["run", "--", process.execPath, "-e", ""],
    ["copy", "--from", "file", "--to", "./copy.age"],
    ["migrate", "--from", "bus-preferences"],
    ["init", "new-key"],
    ["rekey"],
    ["doctor"],
    ["completions", "bash"],
  ]) {
    const { stdout: help } = await run([words[0], "-h"]);
    for (const [flag, value] of Object.entries(values)) {
      const { stderr } = await run([flag, value, ...words]);
      const isRefused = /(--?\w+) cannot be used with/.test(stderr);
      assert.equal(help.includes(`${flag} <`), !isRefused, `${words[0]} ${flag}: ${stderr}`);
    }
  }
});

describe("the exit code is 3", () => {
  it("if the store cannot be reached", linuxOnly("a bus"), async (t) => {
    const { run, expectCode } = await prepare(t);
    await expectCode([...users, "list"], 3);
    assert.equal((await run(["copy", "--from", "os", "--to", "./x.age"])).code, 3);
    assert.equal((await run(["migrate", "--from", "keytar", "--service", "s"])).code, 3);
  });

  it(
    "if the store is locked and cannot ask, or the user does not unlock it",
    linuxOnly("a bus"),
    async (t) => {
      const { session, run, expectCode } = await prepare(t, {});
      await run(["set", "a"], { input: "v" });
      await session.lock();
      await expectCode(users, 3);
      // No prompter is installed, so gnome-keyring dismisses its prompt.
      await expectCode(["get", "run"], 3, { DISPLAY: ":99" });
    },
  );

  it("if the store does not answer in time", linuxOnly("a bus"), async (t) => {
    const { session, expectCode } = await prepare(t, { bus: true, keyring: false });
    const keyring = await session.startKeyring();
    keyring.kill("SIGSTOP");
    await expectCode(["get", "set"], 3, { OS_SECRETS_TIMEOUT: "300" });
  });

  it("if a setting names no store, or nothing to unlock it with", async (t) => {
    const { expectCode } = await prepare(t);
    await expectCode([...users, "list"], 3, { OS_SECRETS_PROVIDER: "vault" });
    await expectCode(users, 3, { OS_SECRETS_PROVIDER: "file" });
  });

  it("if the key does not open the file", async (t) => {
    const { session, expectCode, env } = await prepareFile(t);
    const other = writeIdentity(session.directory, "other").path;
    await expectCode([...users, "list"], 3, { ...env, OS_SECRETS_IDENTITY: other });
  });

  it("if the file is damaged", async (t) => {
    const { expectCode, env, file, run } = await prepareFile(t);
    writeFileSync(file, "age-encryption.org/v1\n", { mode: 0o600 });
    await expectCode([...users, "list"], 3, env);
    const copy = await run(["copy", "--from", file, "--to", "./other.age"], { env });
    assert.equal(copy.code, 3);
  });

  it("if others could have written the file", linuxOnly("file modes"), async (t) => {
    const { expectCode, env, folder } = await prepareFile(t);
    chmodSync(folder, 0o777);
    await expectCode([...users, "list"], 3, env);
  });

  it("if the repository's file cannot be read, so that it may hold the secret", async (t) => {
    const { session, expectCode } = await prepare(t);
    writeFileSync(join(session.directory, "datapackage.json"), "{");
    await expectCode(["get", "resolve", "inject", "run", "list"], 3);
  });

  it("if an import ends early, and it says what is left", linuxOnly("a bus"), async (t) => {
    const { session, run } = await prepare(t, {});
    await session.lock();
    const { code, stdout, stderr } = await run(["import"], { input: "A=1\nB=2\nC=3" });
    assert.deepEqual([code, stdout], [3, ""]);
    assert.match(stderr, /^secrets: a was not stored: .*\nsecrets: not stored either: b, c\n$/);
  });

  it("if a copy fails because of the store, whatever else is wrong", async (t) => {
    const { session, run, env, file } = await prepareFile(t);
    const target = join(session.directory, "target");
    mkdirSync(target, { mode: 0o700 });
    writeFileSync(join(target, "t.age"), "damaged", { mode: 0o600 });
    const copy = await run(["copy", "--from", file, "--to", join(target, "t.age")], { env });
    assert.equal(copy.code, 3, copy.stderr);
  });
});
