// `secrets doctor --write` stores, reads and deletes a throw-away secret. One refusal ends a command.

const assert = require("node:assert/strict");
const { existsSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { decryptFile, writeIdentity } = require("./support/age.js");
const { runIsolated } = require("./support/apart.js");
const { listItems } = require("./support/items.js");
const { linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { startSession } = require("./support/session.js");

/** Starts a session. Returns it with a function that runs `secrets` in it. */
async function prepareSession(t, options, way = "native") {
  const session = await startSession(options);
  t.after(() => session.stop());
  const run = (args, more) => runProgram(session, way, "secrets", args, { cwd: session.directory, ...more });
  return { session, run };
}

/** As prepareSession, with a locked keyring that has the secrets a, b and c, and what answers its prompts. */
async function prepareLocked(t) {
  const { session, run } = await prepareSession(t, { keyring: false });
  const prompter = await session.startPrompter();
  await session.startKeyring({ password: "right", prompter });
  session.env.DISPLAY = ":99";
  for (const name of ["a", "b", "c"]) await run(["set", name], { input: `value of ${name}` });
  await session.lock();
  return { session, run, prompter };
}

/** What `doctor --write --json` says, with its exit code. */
async function tryStore(run, args = [], more = {}) {
  const { code, stdout, stderr } = await run(["doctor", "--write", "--json", ...args], more);
  const { works, stored, read_back, deleted, ...rest } = JSON.parse(stdout);
  return { code, works, steps: [stored, read_back, deleted], stderr, ...rest };
}

const DONE = [true, true, true];
const NOT_TRIED = [null, null, null];

for (const way of Object.keys(ways)) {
  describe(`secrets doctor --write, ${way},`, () => {
    it("tries the system's store, and leaves nothing in it", linuxOnly("a bus"), async (t) => {
      const { session, run } = await prepareSession(t, {}, way);
      await run(["set", "a"], { input: "value" });
      const before = await listItems(session);
      const { code, works, steps, problems } = await tryStore(run);
      assert.deepEqual([code, works, steps, problems], [0, true, DONE, []]);
      const { stdout } = await run(["doctor", "--write"]);
      assert.match(stdout, /\nstored {12}yes\nread_back {9}yes\ndeleted {11}yes\n$/);
      assert.deepEqual(await listItems(session), before);
    });

    it("says what makes an encrypted file the store, and that works", linuxOnly("a bus"), async (t) => {
      const { session, run } = await prepareSession(t, { bus: false }, way);
      const fix = async () => {
        const { code, stdout } = await run(["doctor"]);
        const [, command] = /\nnote: An encrypted file .*\n {2}(.*)\n/.exec(stdout) ?? [];
        return { code, command };
      };
      const { code, command } = await fix();
      assert.equal(code, 1);
      const [init, select] = command.split(" && ");
      assert.match(init, /secrets init$/);
      assert.equal((await run(["init"])).code, 0);
      // A second identity would be refused.
      assert.equal((await fix()).command, select);
      assert.equal((await session.run("bash", ["-c", select])).code, 0);
      assert.equal((await run(["set", "a"], { input: "value" })).code, 0);
      const { stdout } = await run(["doctor"]);
      assert.match(stdout, /^works +yes\nstore +encrypted file\n/);
    });

    it("tries an encrypted file, and says that it has created it", async (t) => {
      const { session, run } = await prepareSession(t, { bus: false }, way);
      const identity = writeIdentity(session.directory);
      const file = join(session.directory, "own", "secrets.age");
      const env = { OS_SECRETS_PROVIDER: "file", OS_SECRETS_FILE: file, OS_SECRETS_IDENTITY: identity.path };
      assert.ok(!("stored" in JSON.parse((await run(["doctor", "--json"], { env })).stdout)));
      assert.ok(!existsSync(file));
      const first = await tryStore(run, [], { env });
      assert.deepEqual([first.code, first.steps, first.exists, first.credentials], [0, DONE, true, 0]);
      const created = first.problems.map(({ what, fatal }) => [what, fatal]);
      assert.deepEqual(created, [[`The trial has created the file ${file}. It holds nothing`, false]]);
      await run(["set", "a"], { env, input: "value" });
      const second = await tryStore(run, [], { env });
      assert.deepEqual([second.code, second.steps, second.problems], [0, DONE, []]);
      assert.deepEqual(JSON.parse(decryptFile(file, identity.path)).credentials, {
        "os-secrets": { a: "value" },
      });
    });

    it("tries nothing if the store does not work", async (t) => {
      const { session, run } = await prepareSession(t, { bus: false }, way);
      const { code, steps, problems } = await tryStore(run, ["--store", "file"]);
      assert.deepEqual([code, steps, problems[0].fatal], [1, NOT_TRIED, true]);
      const { stdout } = await run(["doctor", "--write", "--store", "file"]);
      assert.match(stdout, /\nstored +not tried\nread_back +not tried\ndeleted +not tried\n/);
      assert.ok(!existsSync(join(session.data, "os-secrets")));
    });
  });
}

describe("secrets doctor --write", () => {
  it(
    "asks for the password of a locked keyring, and says what it waits for",
    linuxOnly("a bus"),
    async (t) => {
      const { session, run, prompter } = await prepareLocked(t);
      await prompter.expect("delay 5000", "password right");
      const { code, works, unlocked, steps, stderr } = await tryStore(run);
      assert.deepEqual([code, works, unlocked, steps], [0, true, true, DONE]);
      assert.equal(stderr, "secrets: still waiting for the Secret Service to store a throw-away secret\n");
      assert.equal((await listItems(session)).length, 3);
    },
  );

  it(
    "asks once if the user dismisses the prompt, and says which step has failed",
    linuxOnly("a bus"),
    async (t) => {
      const { session, run, prompter } = await prepareLocked(t);
      // A second prompt would be answered, and change the outcome.
      await prompter.expect("cancel", "password right");
      const { code, works, unlocked, steps, problems } = await tryStore(run);
      assert.deepEqual([code, works, unlocked, steps], [1, false, false, [false, null, null]]);
      const { what, fix } = problems.find(({ fatal }) => fatal);
      assert.match(
        what,
        /^The throw-away secret os-secrets-doctor\/trial-\w+ could not be stored\. .* was dismissed\. Nothing was changed/,
      );
      assert.equal(fix, "Answer the prompt: secrets doctor --write");
      assert.equal((await listItems(session)).length, 3);
    },
  );

  it(
    "fails on a read-only file system, which doctor alone does not call a failure",
    linuxOnly("a file system of its own"),
    async (t) => {
      const { session, run } = await prepareSession(t, { bus: false });
      const env = { OS_SECRETS_IDENTITY: writeIdentity(session.directory).path };
      await run(["set", "a", "--store", "./own/secrets.age"], { env, input: "value" });
      const script = `mount --bind own own; mount -o remount,bind,ro own
      "$@" && echo "exit 0"; "$@" --write || echo "exit $?"`;
      const args = [...ways.native("secrets"), "--store", "./own/secrets.age", "doctor"];
      Object.assign(session.env, env);
      const { stdout, stderr } = await runIsolated(session, script, args, { cwd: session.directory });
      const [plain, tried] = stdout.split("exit 0\n");
      assert.match(plain, /^works +yes$/m, stderr);
      assert.match(tried, /^works +no$/m);
      assert.match(tried, /^stored +no\nread_back +not tried\ndeleted +not tried$/m);
      assert.match(
        tried,
        /^problem: The throw-away secret \S+ could not be stored\. Cannot write .*Read-only file system/m,
      );
      assert.match(tried, /^ {2}Name another file with --store or OS_SECRETS_FILE\nexit 1$/m);
    },
  );
});

describe("a refusal", () => {
  const references = { env: { A: "secret:a", B: "secret:b", C: "secret:c" } };
  for (const [args, more] of [
    [["run", "--", "true"], references],
    [["env", "--shell", "bash"], references],
    [["inject"], { input: "{{ secret:a }} {{ secret:b }}" }],
    [["export", "--values"], {}],
    [["import"], { input: "X=one\nY=two\nZ=three\n" }],
    [["copy", "--from", "os", "--to", "./copy/secrets.age"], {}],
  ]) {
    it(`is asked for once and told once by ${args[0]}`, linuxOnly("a bus"), async (t) => {
      const { session, run, prompter } = await prepareLocked(t);
      const env = { OS_SECRETS_IDENTITY: writeIdentity(session.directory).path };
      // A second prompt would be answered, and the command would succeed.
      await prompter.expect("cancel", "password right");
      const { code, stdout, stderr } = await run(args, { ...more, env: { ...env, ...more.env } });
      assert.deepEqual([code, stdout], [3, ""], stderr);
      assert.equal(stderr.split("was dismissed").length, 2, stderr);
      assert.equal((await listItems(session)).length, 3);
    });
  }
});
