// `secrets run`: what the command gets, and how it ends.

const assert = require("node:assert/strict");
const { chmodSync, existsSync, mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { runInBash, runProgram, ways } = require("./support/programs.js");
const { startSession } = require("./support/session.js");

const value = "väl ue $x\nwith lines";
const ended = (stdout, code = 0, signal = null) => ({ code, signal, stdout, stderr: "" });

for (const way of Object.keys(ways)) {
  describe(`secrets run, ${way},`, () => {
    let session;
    let directory;
    before(async () => {
      session = await startSession();
      directory = join(session.directory, "work");
      mkdirSync(directory);
      await secrets(["set", "token"], { input: value });
      await secrets(["set", "other"], { input: "other value" });
      await secrets(["set", "written"], { input: "written twice" });
    });
    after(() => session.stop());

    const secrets = (args, options) =>
      runProgram(session, way, "secrets", args, { cwd: directory, ...options });
    const run = (script, env, ...flags) => secrets(["run", ...flags, "--", "sh", "-c", script], { env });
    const shell = (script) => runInBash(session, way, script, { cwd: directory });

    it("resolves what refers to a secret, and nothing else", async () => {
      const env = { A: "secret:token", B: "x secret:token", C: "", D: " secret:token" };
      const script = `printf '%s|%s|%s|%s|%s' "$A" "$B" "$C" "$D" "$HOME"`;
      assert.deepEqual(
        await run(script, env),
        ended(`${value}|x secret:token|| secret:token|${session.env.HOME}`),
      );
    });

    it("takes the repository's secrets before the user's", async () => {
      writeFileSync(
        join(directory, "datapackage.json"),
        '{"busdk":{"secrets":{"other":"the repository\'s"}}}',
      );
      const env = { A: "secret:other" };
      assert.deepEqual(await run('echo "$A"', env), ended("the repository's\n"));
      assert.deepEqual(await run('echo "$A"', env, "--scope", "user"), ended("other value\n"));
      const elsewhere = ["-C", session.directory];
      assert.deepEqual(
        await run('echo "$A"; pwd', env, ...elsewhere),
        ended(`other value\n${session.directory}\n`),
      );
    });

    it("adds the variables of files, of which the last counts, before inherited ones", async () => {
      writeFileSync(join(directory, "a.env"), "A=secret:token\nB='from a'\nC=from a\n");
      writeFileSync(join(directory, "b.env"), "export C=secret:token # last\n");
      const script = `printf '%s|%s|%s|%s' "$A" "$B" "$C" "$D"`;
      const files = ["--env-file", "a.env", "--env-file", "b.env"];
      const env = { A: "inherited", D: "inherited" };
      assert.deepEqual(await run(script, env, ...files), ended(`${value}|from a|${value}|inherited`));
    });

    it("takes variables for the command, and none for itself or its runtime", async () => {
      const evil = join(directory, "evil.js");
      writeFileSync(evil, `require("node:fs").writeFileSync(${JSON.stringify(join(directory, "evil"))}, "")`);
      mkdirSync(join(directory, "sub"));
      const env = `NODE_OPTIONS=--require=${evil}\nDBUS_SESSION_BUS_ADDRESS=/nowhere\nA=secret:token\n`;
      for (const file of [".env", join("sub", "steering.env")]) writeFileSync(join(directory, file), env);
      const script = 'printf "%s|%s" "$A" "$DBUS_SESSION_BUS_ADDRESS"';
      const flags = ["-C", "sub", "--env-file", "steering.env"];
      assert.deepEqual(await run(script, {}, ...flags), ended(`${value}|/nowhere`));
      assert.deepEqual(await run('echo "$A"', {}), ended("\n"));
      assert.equal(existsSync(join(directory, "evil")), false);
      const piped = await shell(`"$@" run --env-file <(echo X=2) -- sh -c 'echo $X'`);
      assert.deepEqual(piped, ended("2\n"));
    });

    it("starts nothing where a reference leads nowhere, and names the variable", async () => {
      const started = join(directory, "started");
      for (const [reference, code] of [
        ["secret:nope", 1],
        ["secret:", 2],
        ["secret:Hunter2", 2],
      ]) {
        const failed = await run(`touch ${started}`, { GOOD: "secret:token", BAD: reference });
        assert.deepEqual([failed.code, failed.stdout], [code, ""]);
        assert.match(failed.stderr, /^secrets: the variable BAD: .*\n$/);
        assert.doesNotMatch(failed.stderr, /Hunter2/);
      }
      assert.equal((await run(`touch ${started}`, {}, "--env-file", "nowhere")).code, 1);
      writeFileSync(join(directory, "wrong.env"), "A='x");
      assert.equal((await run(`touch ${started}`, {}, "--env-file", "wrong.env")).code, 1);
      assert.equal(existsSync(started), false);
    });

    it("ends as the command ends", async () => {
      assert.deepEqual(await run("exit 7"), ended("", 7));
      for (const mask of [[], ["--mask"]]) {
        assert.deepEqual(await run("kill -TERM $$", {}, ...mask), ended("", null, "SIGTERM"));
        assert.deepEqual(await run("exit 7", {}, ...mask), ended("", 7));
      }
      const missing = await secrets(["run", "--", "no-such-command"]);
      assert.equal(missing.code, 127);
      assert.match(missing.stderr, /^secrets: Cannot run no-such-command: No such file or directory/);
      const file = join(directory, "not-executable");
      writeFileSync(file, "");
      chmodSync(file, 0o600);
      assert.equal((await secrets(["run", "--", file])).code, 126);
      assert.equal((await secrets(["run"])).code, 2);
      assert.equal((await secrets(["run", "-o", "x", "--", "true"])).code, 2);
    });

    it("passes standard input and all arguments on, also those that are no text", async () => {
      const { stdout } = await secrets(["run", "--", "cat"], { input: "input" });
      assert.equal(stdout, "input");
      const script = `"$@" run -- printf '%s|' -h -- '' $'a\\xffb' | od -An -tx1 -v | tr -d ' \\n'`;
      const expected = Buffer.concat([Buffer.from("-h|--||a"), Buffer.of(0xff), Buffer.from("b|")]);
      assert.deepEqual(await shell(script), ended(expected.toString("hex")));
    });

    it("is the command, with a shell's signals and limits", async () => {
      const facts = `awk '/^Sig(Blk|Ign|Cgt):/ { print $2 }' /proc/self/status; ulimit -Sn; ulimit -Hn`;
      const plain = await shell(`ulimit -Sn 777; sh -c '${facts.replaceAll("'", "'\\''")}'`);
      const quoted = `'${facts.replaceAll("'", "'\\''")}'`;
      for (const mask of ["", "--mask"]) {
        const ours = await shell(`ulimit -Sn 777; "$@" run ${mask} -- sh -c ${quoted}; exit`);
        assert.deepEqual(ours, plain);
      }
      // The same process: nothing stands between the shell and the command.
      const { stdout } = await shell(`"$@" run -- sh -c 'echo $$' & echo $!; wait`);
      const [pid, same] = stdout.trim().split("\n");
      assert.equal(pid, same);
    });

    it("says of a masked command what it did, also where its parent heeds no children", async () => {
      const { stdout, code } = await shell(`trap '' CHLD; "$@" run --mask -- sh -c 'echo hi; exit 7'; exit`);
      assert.deepEqual([stdout, code], ["hi\n", 7]);
      const full = await shell(`"$@" run --mask -- echo hi >/dev/full`);
      assert.equal(full.code, 1);
      assert.match(full.stderr, /^secrets: Cannot pass on the output of echo: No space left on device/);
    });

    it("keeps what unlocks stores from the command", async () => {
      const env = { OS_SECRETS_IDENTITY: "x", OS_SECRETS_PASSPHRASE: "x", OS_SECRETS_TIMEOUT: "20000" };
      for (const mask of [[], ["--mask"]]) {
        assert.deepEqual(
          await run("env | grep OS_SECRETS", env, ...mask),
          ended("OS_SECRETS_TIMEOUT=20000\n"),
        );
      }
    });

    it("masks what was resolved, in both streams and across writes", async () => {
      const env = { A: "secret:token", B: "secret:written", C: "plain" };
      const script = `printf '%s %s %s\\n' "$A" "$B" "$C"; printf 'writ' >&2; sleep 0.1; printf 'ten twice!' >&2`;
      const { code, stdout, stderr } = await run(script, env, "--mask");
      assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "*** *** plain\n", stderr: "***!" });
    });
  });
}
