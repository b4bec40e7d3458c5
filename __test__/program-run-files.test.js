// `secrets run` with secrets as files, and with variables that are too large for the system.

const assert = require("node:assert/strict");
const { once } = require("node:events");
const { existsSync, mkdirSync, readdirSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { writeIdentity } = require("./support/age.js");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { runInBash, runProgram, ways } = require("./support/programs.js");
const { startSession } = require("./support/session.js");

const bytes = Buffer.from("a\0\xff\r\n", "latin1");
const large = "x".repeat(200_000);
const makeResult = (stdout, code = 0, signal = null) => ({ code, signal, stdout, stderr: "" });

for (const way of Object.keys(ways)) {
  describe(`secrets run with files, ${way},`, () => {
    let session;
    before(async () => {
      session = await startSession({ bus: false });
      const folder = join(session.directory, "store");
      mkdirSync(folder, { mode: 0o700 });
      Object.assign(session.env, {
        OS_SECRETS_PROVIDER: "file",
        OS_SECRETS_FILE: join(folder, "s.age"),
        OS_SECRETS_IDENTITY: writeIdentity(session.directory, "key").path,
      });
      for (const [name, input] of Object.entries({
        token: "a value",
        bytes,
        large,
        part: "y".repeat(100_000),
      })) {
        assert.equal((await runSecrets(["set", name, "--raw"], { input })).code, 0);
      }
    });
    after(() => session.stop());

    const runSecrets = (args, options) =>
      runProgram(session, way, "secrets", ["-q", ...args], { cwd: session.directory, ...options });
    const runScript = (script, env, ...flags) =>
      runSecrets(["run", ...flags, "--", process.execPath, "-e", script], { env });
    /** Where the files of a running command are. */
    const place = () => (isWindows ? session.env.TEMP : session.env.XDG_RUNTIME_DIR);
    const listLeft = (folder = place()) =>
      readdirSync(folder).filter((name) => name.startsWith("os-secrets-run-"));

    it("gives the path of a private file, which is gone afterwards", async () => {
      const script = `const { readFileSync, statSync } = require("node:fs");
        const { dirname } = require("node:path");
        const { A, B, C } = process.env;
        console.log(readFileSync(A).toString("hex"), readFileSync(B, "utf8"), C, A);
        console.log((statSync(A).mode & 0o777).toString(8), (statSync(dirname(A)).mode & 0o777).toString(8));`;
      writeFileSync(join(session.directory, "files.env"), "B=secret-file:token\nC=secret:token\n");
      const env = { A: "secret-file:bytes", B: "inherited" };
      const { code, stdout, stderr } = await runScript(script, env, "--env-file", "files.env");
      assert.deepEqual([code, stderr], [0, ""]);
      const [, path] = new RegExp(`^${bytes.toString("hex")} a value a value (.+)\n`).exec(stdout);
      if (!isWindows) assert.match(stdout, /\n600 700\n$/);
      assert.equal(dirname(dirname(path)), place());
      assert.ok(!existsSync(dirname(path)));
      assert.deepEqual(listLeft(), []);
    });

    it("masks what is in the files, and ends as the command", async () => {
      const script = `process.stdout.write(require("node:fs").readFileSync(process.env.A)); process.exitCode = 7;`;
      const env = { A: "secret-file:token" };
      assert.deepEqual(await runScript(script, env, "--mask"), makeResult("***", 7));
      assert.deepEqual(await runScript(script, env), makeResult("a value", 7));
      const missing = await runSecrets(["run", "--", "no-such-command"], { env });
      assert.equal(missing.code, 127);
      assert.deepEqual(listLeft(), []);
    });

    it("starts nothing if the reference leads nowhere", async () => {
      for (const [reference, code] of [
        ["secret-file:nope", 1],
        ["secret-file:", 2],
        ["secret-file:Hunter2", 2],
      ]) {
        const failed = await runScript("", { BAD: reference });
        assert.equal(failed.code, code);
        assert.match(failed.stderr, /^secrets: the variable BAD: .*\n$/);
        assert.doesNotMatch(failed.stderr, /Hunter2/);
      }
    });

    it("passes signals on, and leaves no file behind", linuxOnly("signals"), async () => {
      for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
        const [program, ...first] = ways[way]("secrets");
        const script = "console.log(process.env.A); setInterval(() => {}, 1000);";
        const words = [...first, "run", "--", process.execPath, "-e", script];
        const child = session.start(program, words, { env: { ...session.env, A: "secret-file:token" } });
        const [path] = await once(child.stdout.setEncoding("utf8"), "data");
        assert.ok(existsSync(path.trim()));
        child.kill(signal);
        const ended = await once(child, "close");
        assert.deepEqual(ended, [null, signal]);
        assert.deepEqual(listLeft(), []);
      }
    });

    it("removes what a killed process left, when the next one has files", linuxOnly("signals"), async () => {
      const [program, ...first] = ways[way]("secrets");
      // The command ends when its input ends, which it shares with `secrets`.
      const script = "console.log(process.env.A); process.stdin.resume();";
      const words = [...first, "run", "--", process.execPath, "-e", script];
      const child = session.start(program, words, { env: { ...session.env, A: "secret-file:token" } });
      const [path] = await once(child.stdout.setEncoding("utf8"), "data");
      const running = await runScript("", { A: "secret-file:token" });
      assert.deepEqual(running, makeResult(""));
      assert.ok(existsSync(path.trim()), "the files of a live process were removed");
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
      assert.ok(existsSync(path.trim()));
      child.stdin.end();
      await runScript("", { A: "secret-file:token" });
      assert.ok(!existsSync(path.trim()));
      assert.deepEqual(listLeft(), []);
    });

    it("has its files in memory without a session, too", linuxOnly("a shell"), async () => {
      for (const env of [{ XDG_RUNTIME_DIR: "" }, { XDG_RUNTIME_DIR: "run" }, { XDG_RUNTIME_DIR: "/tmp" }]) {
        const { stdout } = await runScript("console.log(process.env.A)", { ...env, A: "secret-file:token" });
        assert.equal(dirname(dirname(stdout.trim())), "/dev/shm");
        assert.ok(!existsSync(dirname(stdout.trim())));
      }
    });

    it("says which variable is too large, and the file is the way out", async () => {
      const limit = isWindows ? "32767" : "131072";
      const told = new RegExp(
        `^secrets: the variable A has 200003 (bytes|UTF-16 units) with its name, and the system takes at most ${limit}\\. ` +
          "To get the path of a private file with the value, set it to secret-file:large\n$",
      );
      for (const mask of [[], ["--mask"]]) {
        const failed = await runScript("", { A: "secret:large" }, ...mask);
        assert.deepEqual([failed.code, failed.stdout], [126, ""]);
        assert.match(failed.stderr, told);
        const script = "console.log(require('node:fs').statSync(process.env.A).size)";
        assert.deepEqual(
          await runScript(script, { A: "secret-file:large" }, ...mask),
          makeResult("200000\n"),
        );
      }
      writeFileSync(join(session.directory, "large.env"), `PLAIN=${large}\n`);
      const plain = await runScript("", {}, "--env-file", "large.env");
      assert.equal(plain.code, 126);
      assert.match(plain.stderr, /the variable PLAIN has 200007 .*\. Put the value into a file\n$/);
    });

    it("says what is large if all variables together are too large", linuxOnly("a shell"), async () => {
      const variables = ["A", "B", "C", "D", "E", "F"].map((name) => `${name}=secret:part`).join(" ");
      for (const mask of ["", "--mask"]) {
        const script = `ulimit -Ss 2048; ${variables} "$@" -q run ${mask} -- true`;
        const { code, stderr } = await runInBash(session, way, script);
        assert.equal(code, 126);
        assert.match(
          stderr,
          /^secrets: The environment is too large to run true: the variables have 60\d{4} bytes and the arguments 13, which is more than the system's limit of about 524288\. The largest variables are A \(100003\), B \(100003\), C \(100003\)\. Use secret-file:NAME .*\n$/,
        );
      }
    });

    it("says what no variable can hold", async () => {
      const failed = await runScript("", { A: "secret:bytes" });
      assert.equal(failed.code, 1);
      const what = isWindows ? "is not UTF-8 text" : "contains a NUL";
      assert.match(
        failed.stderr,
        new RegExp(`the variable A: The value ${what}, .* set it to secret-file:bytes\n$`),
      );
    });

    it("is the only command that knows files", async () => {
      const resolve = await runSecrets(["resolve", "secret-file:token"]);
      assert.deepEqual([resolve.code, resolve.stdout], [2, ""]);
      assert.match(resolve.stderr, /secret-file:NAME is for variables of run only; use secret:NAME/);
      const inject = await runSecrets(["inject"], { input: "\n{{ secret-file:token }}" });
      assert.deepEqual([inject.code, inject.stdout], [2, ""]);
      assert.match(inject.stderr, /line 2 of the template: secret-file:NAME is for variables of run only/);
      const imported = await runProgram(session, way, "secrets", ["import"], {
        input: "A=secret-file:token",
      });
      assert.deepEqual([imported.code, imported.stdout], [0, ""]);
      assert.match(imported.stderr, /skipped A: the value is already a reference/);
      const theirs = await runProgram(session, way, "bus-secrets", ["resolve", "secret-file:token"]);
      assert.equal(theirs.stdout, "secret-file:token\n");
    });
  });
}
