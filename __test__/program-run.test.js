// `secrets run`: the environment, input and arguments of the command, and its exit code.

const assert = require("node:assert/strict");
const { chmodSync, cpSync, existsSync, mkdirSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { isWindows, isWine, linuxOnly, windowsOnly } = require("./support/platform.js");
const { runInBash, runProgram, ways } = require("./support/programs.js");
const { root } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const value = "väl ue $x\nwith lines";
/** The variable for the user's home directory. */
const home = isWindows ? "USERPROFILE" : "HOME";
/** Returns a script that prints variables. */
const printVariables = (...names) =>
  `process.stdout.write(${JSON.stringify(names)}.map((name) => process.env[name]).join("|"))`;
const makeResult = (stdout, code = 0, signal = null) => ({ code, signal, stdout, stderr: "" });

for (const way of Object.keys(ways)) {
  describe(`secrets run, ${way},`, () => {
    let session;
    let directory;
    before(async () => {
      session = await startSession();
      directory = join(session.directory, "work");
      mkdirSync(directory);
      await runSecrets(["set", "token"], { input: value });
      await runSecrets(["set", "other"], { input: "other value" });
      await runSecrets(["set", "written"], { input: "written twice" });
    });
    after(() => session.stop());

    const runSecrets = (args, options) =>
      runProgram(session, way, "secrets", args, { cwd: directory, ...options });
    const runScript = (script, env, ...flags) =>
      runSecrets(["run", ...flags, "--", process.execPath, "-e", script], { env });
    const runShell = (script) => runInBash(session, way, script, { cwd: directory });

    it("resolves what refers to a secret, and nothing else", async () => {
      const env = { A: "secret:token", B: "x secret:token", C: "", D: " secret:token" };
      assert.deepEqual(
        await runScript(printVariables("A", "B", "C", "D", home), env),
        makeResult(`${value}|x secret:token|| secret:token|${session.home}`),
      );
    });

    it("takes the repository's secrets before the user's", async () => {
      writeFileSync(
        join(directory, "datapackage.json"),
        '{"busdk":{"secrets":{"other":"the repository\'s"}}}',
      );
      const env = { A: "secret:other" };
      const { stdout, stderr } = await runScript(printVariables("A"), env);
      assert.equal(stdout, "the repository's");
      assert.match(stderr, /^secrets: warning: other is in the repository [^\n]*\n$/);
      assert.deepEqual(
        await runScript(printVariables("A"), env, "--scope", "user"),
        makeResult("other value"),
      );
      const elsewhere = ["-C", session.directory];
      assert.deepEqual(
        await runScript("console.log(process.env.A, process.cwd())", env, ...elsewhere),
        makeResult(`other value ${session.directory}\n`),
      );
    });

    it("adds the variables of files, of which the last counts, before inherited ones", async () => {
      writeFileSync(join(directory, "a.env"), "A=secret:token\nB='from a'\nC=from a\n");
      writeFileSync(join(directory, "b.env"), "export C=secret:token # last\n");
      const files = ["--env-file", "a.env", "--env-file", "b.env"];
      const env = { A: "inherited", D: "inherited" };
      assert.deepEqual(
        await runScript(printVariables("A", "B", "C", "D"), env, ...files),
        makeResult(`${value}|from a|${value}|inherited`),
      );
    });

    it("takes variables for the command, and none for itself or its runtime", async () => {
      const evil = join(directory, "evil.js");
      writeFileSync(evil, `require("node:fs").writeFileSync(${JSON.stringify(join(directory, "evil"))}, "")`);
      mkdirSync(join(directory, "sub"));
      const env = `NODE_OPTIONS=--require=${evil}\nDBUS_SESSION_BUS_ADDRESS=/nowhere\nA=secret:other\n`;
      for (const file of [".env", join("sub", "steering.env")]) writeFileSync(join(directory, file), env);
      const flags = ["-C", "sub", "--env-file", "steering.env"];
      // The command is not Node, because Node would obey NODE_OPTIONS.
      const command = isWindows ? ["cmd", "/d", "/c", "set"] : ["env"];
      const { stdout } = await runSecrets(["run", ...flags, "--", ...command]);
      assert.match(stdout, /^DBUS_SESSION_BUS_ADDRESS=\/nowhere\r?$/m);
      assert.match(stdout, /^A=other value\r?$/m);
      assert.deepEqual(await runScript(printVariables("A"), {}), makeResult(""));
      assert.equal(existsSync(join(directory, "evil")), false);
    });

    it("finds the command by the caller's PATH, and passes the file's on", async () => {
      const folder = join(directory, "path");
      mkdirSync(folder, { recursive: true });
      const evil = isWindows ? "whoami.cmd" : "whoami";
      writeFileSync(join(folder, evil), isWindows ? "@echo evil" : "#!/bin/sh\necho evil\n", { mode: 0o755 });
      writeFileSync(join(directory, "path.env"), `PATH='${folder}'\n`);
      for (const mask of [[], ["--mask"]]) {
        const found = await runSecrets(["run", "--env-file", "path.env", ...mask, "--", "whoami"]);
        assert.equal(found.code, 0, found.stderr);
        assert.doesNotMatch(found.stdout, /evil/);
        const shown = await runScript(printVariables("PATH"), {}, "--env-file", "path.env", ...mask);
        assert.equal(shown.stdout, folder);
      }
      writeFileSync(join(folder, isWindows ? "only-here.cmd" : "only-here"), "", { mode: 0o755 });
      const missing = await runSecrets(["run", "--env-file", "path.env", "--", "only-here"]);
      assert.deepEqual([missing.code, missing.stdout], [127, ""]);
    });

    it("finds the command as a shell does", linuxOnly("file modes"), async () => {
      const folder = join(directory, "found");
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "script"), 'echo "$0 $1"\n', { mode: 0o755 });
      writeFileSync(join(folder, "closed"), "", { mode: 0o644 });
      const env = { PATH: `${directory}/nowhere:found:${process.env.PATH}` };
      const run = (...words) => runSecrets(["run", "--", ...words], { env });
      assert.deepEqual(await run("script", "a"), makeResult("found/script a\n"));
      assert.equal((await run("sh", "-c", "echo $0")).stdout, "sh\n");
      assert.equal((await run("closed")).code, 126);
      assert.equal((await run("found/closed")).code, 126);
      assert.equal((await run("nothing")).code, 127);
      const inside = await runSecrets(["-C", "found", "run", "--", "script", "b"], {
        env: { PATH: ":/bin" },
      });
      assert.equal(inside.stdout, "./script b\n");
    });

    it("refuses a file that would choose the store", async () => {
      const started = join(directory, "chosen");
      const start = `require("node:fs").writeFileSync(${JSON.stringify(started)}, "")`;
      for (const name of [
        "OS_SECRETS_PROVIDER",
        "OS_SECRETS_FILE",
        "OS_SECRETS_TIMEOUT",
        "CREDENTIALS_DIRECTORY",
        ...(isWindows ? ["os_secrets_file"] : []),
      ]) {
        writeFileSync(join(directory, "chosen.env"), `A=1\n\n${name}=Hunter2\n`);
        const refused = await runScript(start, {}, "--env-file", "chosen.env");
        assert.deepEqual([refused.code, refused.stdout], [1, ""]);
        assert.match(
          refused.stderr,
          new RegExp(`^secrets: chosen\\.env sets ${name} in line 3, and an env file`),
        );
        assert.doesNotMatch(refused.stderr, /Hunter2/);
      }
      assert.equal(existsSync(started), false);
    });

    it("takes files of variables that are pipes", linuxOnly("a shell"), async () => {
      const piped = await runShell(`"$@" run --env-file <(echo X=2) -- sh -c 'echo $X'`);
      assert.deepEqual(piped, makeResult("2\n"));
    });

    it("starts nothing where a reference leads nowhere, and names the variable", async () => {
      const started = join(directory, "started");
      const start = `require("node:fs").writeFileSync(${JSON.stringify(started)}, "")`;
      for (const [reference, code] of [
        ["secret:nope", 1],
        ["secret:", 2],
        ["secret:Hunter2", 2],
      ]) {
        const failed = await runScript(start, { GOOD: "secret:token", BAD: reference });
        assert.deepEqual([failed.code, failed.stdout], [code, ""]);
        assert.match(failed.stderr, /^secrets: the variable BAD: .*\n$/);
        assert.doesNotMatch(failed.stderr, /Hunter2/);
      }
      assert.equal((await runScript(start, {}, "--env-file", "nowhere")).code, 1);
      writeFileSync(join(directory, "wrong.env"), "A='x");
      assert.equal((await runScript(start, {}, "--env-file", "wrong.env")).code, 1);
      assert.equal(existsSync(started), false);
    });

    it("ends as the command ends", async () => {
      for (const mask of [[], ["--mask"]]) {
        assert.deepEqual(await runScript("process.exit(7)", {}, ...mask), makeResult("", 7));
        // Windows has no signals.
        const killed = await runScript("process.kill(process.pid, 'SIGTERM')", {}, ...mask);
        assert.deepEqual(killed, isWindows ? makeResult("", 1) : makeResult("", null, "SIGTERM"));
      }
      const missing = await runSecrets(["run", "--", "no-such-command"]);
      assert.equal(missing.code, 127);
      assert.match(
        missing.stderr,
        /^secrets: Cannot run no-such-command: (it was not found|No such file or directory \(os error 2\))\n$/,
      );
      const file = join(directory, "not-executable");
      writeFileSync(file, "");
      chmodSync(file, 0o600);
      assert.equal((await runSecrets(["run", "--", file])).code, 126);
      assert.equal((await runSecrets(["run"])).code, 2);
      assert.equal((await runSecrets(["run", "-o", "x", "--", "true"])).code, 2);
    });

    it("passes standard input and all arguments on", async () => {
      const echo = "process.stdin.pipe(process.stdout)";
      const { stdout } = await runSecrets(["run", "--", process.execPath, "-e", echo], { input: "input" });
      assert.equal(stdout, "input");
      const words = [
        "-h",
        "--",
        "",
        "two words",
        'a "quoted" one',
        "back\\slash\\",
        "trailing \\",
        '\\"',
        "ü 👋",
        "%PATH%",
      ];
      const print = "console.log(JSON.stringify(process.argv.slice(1)))";
      const given = await runSecrets(["run", "--", process.execPath, "-e", print, "--", ...words]);
      assert.deepEqual(JSON.parse(given.stdout), words);
    });

    it("runs what lies on the path as a script of cmd", windowsOnly("scripts of cmd"), async () => {
      const bin = join(directory, "bin");
      mkdirSync(bin);
      writeFileSync(
        join(bin, "print.js"),
        "console.log(JSON.stringify([process.env.A, ...process.argv.slice(2)]));",
      );
      // A short form of the scripts that npm writes for installed programs.
      writeFileSync(join(bin, "tool.cmd"), `@"${process.execPath}" "%~dp0\\print.js" %*\r\n`);
      const env = { PATH: `${bin};${session.env.PATH}`, A: "secret:other" };
      const words = ["two words", "", "-h", "a&b", "x|y>z", "ü", "^", "(a)"];
      for (const tool of ["tool", "TOOL.cmd", join(bin, "tool.cmd"), join(bin, "tool")]) {
        for (const mask of [[], ["--mask"]]) {
          const args = ["run", "--scope", "user", ...mask, "--", tool, ...words];
          const { code, stdout, stderr } = await runSecrets(args, { env });
          assert.deepEqual([code, stderr], [0, ""]);
          assert.deepEqual(JSON.parse(stdout), [mask.length > 0 ? "***" : "other value", ...words]);
        }
      }
      writeFileSync(join(bin, "seven.cmd"), "@exit /b 7\r\n");
      assert.equal((await runSecrets(["run", "--", "seven"], { env })).code, 7);
    });

    it("passes arguments on that are no text", linuxOnly("arguments that are no text"), async () => {
      const script = `"$@" run -- printf '%s|' -h -- '' $'a\\xffb' | od -An -tx1 -v | tr -d ' \\n'`;
      const expected = Buffer.concat([Buffer.from("-h|--||a"), Buffer.of(0xff), Buffer.from("b|")]);
      assert.deepEqual(await runShell(script), makeResult(expected.toString("hex")));
    });

    it("is the command, with a shell's signals and limits", linuxOnly("signals"), async () => {
      const facts = `awk '/^Sig(Blk|Ign|Cgt):/ { print $2 }' /proc/self/status; ulimit -Sn; ulimit -Hn`;
      const plain = await runShell(`ulimit -Sn 777; sh -c '${facts.replaceAll("'", "'\\''")}'`);
      const quoted = `'${facts.replaceAll("'", "'\\''")}'`;
      for (const mask of ["", "--mask"]) {
        const ours = await runShell(`ulimit -Sn 777; "$@" run ${mask} -- sh -c ${quoted}; exit`);
        assert.deepEqual(ours, plain);
      }
      // The command replaces `secrets` in the same process.
      const { stdout } = await runShell(`"$@" run -- sh -c 'echo $$' & echo $!; wait`);
      const [pid, same] = stdout.trim().split("\n");
      assert.equal(pid, same);
    });

    it(
      "says of a masked command what it did, also where its parent heeds no children",
      linuxOnly("signals"),
      async () => {
        const { stdout, code } = await runShell(
          `trap '' CHLD; "$@" run --mask -- sh -c 'echo hi; exit 7'; exit`,
        );
        assert.deepEqual([stdout, code], ["hi\n", 7]);
        const full = await runShell(`"$@" run --mask -- echo hi >/dev/full`);
        assert.equal(full.code, 1);
        assert.match(full.stderr, /^secrets: Cannot pass on the output of echo: No space left on device/);
      },
    );

    it("keeps what unlocks stores from the command", async () => {
      const env = { OS_SECRETS_IDENTITY: "x", OS_SECRETS_PASSPHRASE: "x", OS_SECRETS_TIMEOUT: "20000" };
      const script =
        "console.log(...Object.keys(process.env).filter((name) => name.startsWith('OS_SECRETS')))";
      for (const mask of [[], ["--mask"]]) {
        assert.deepEqual(await runScript(script, env, ...mask), makeResult("OS_SECRETS_TIMEOUT\n"));
      }
    });

    it(
      "cannot keep it from a command that looks into the process before it",
      linuxOnly("/proc"),
      async () => {
        const look = `tr '\\0' '\\n' <"/proc/$PPID/environ" | grep ^OS_SECRETS_IDENTITY; exit 0`;
        const { stdout } = await session.run(
          "bash",
          ["-c", `"$@"; exit`, "bash", ...ways[way]("secrets"), "run", "--", "sh", "-c", look],
          { env: { OS_SECRETS_IDENTITY: "x" } },
        );
        assert.equal(stdout, "OS_SECRETS_IDENTITY=x\n");
      },
    );

    it("masks what was resolved, in both streams and across writes", async () => {
      const env = { A: "secret:token", B: "secret:written", C: "plain" };
      const script = `console.log(process.env.A, process.env.B, process.env.C);
        process.stderr.write("writ");
        setTimeout(() => process.stderr.write("ten twice!"), 100);`;
      const { code, stdout, stderr } = await runScript(script, env, "--mask");
      assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "*** *** plain\n", stderr: "***!" });
    });

    it("masks lines and encodings, and names the variables whose values are too short", async () => {
      await runSecrets(["set", "lines"], { input: 'first "line"\n  second line?' });
      await runSecrets(["set", "pin"], { input: "123" });
      const script = `const { A } = process.env;
        console.log(JSON.stringify(A), encodeURIComponent(A), A.split("\\n")[1], process.env.B);
        console.log(Buffer.from("me:" + A).toString("base64"), Buffer.from(A).toString("base64url"));`;
      const env = { A: "secret:lines", B: "secret:pin", C: "secret:pin" };
      const { code, stdout, stderr } = await runScript(script, env, "--mask");
      assert.deepEqual({ code, stdout }, { code: 0, stdout: '"***" ***   *** 123\nbWU6*** ***\n' });
      assert.equal(stderr, "secrets: Not masked, because the value has fewer than 4 characters: B, C\n");
      assert.equal((await runScript("", { A: "secret:pin" })).stderr, "");
    });
  });
}

// The script that npm 10 writes into node_modules/.bin for `secrets`.
const SHIM = `@ECHO off
GOTO start
:find_dp0
SET dp0=%~dp0
EXIT /b
:start
SETLOCAL
CALL :find_dp0

IF EXIST "%dp0%\\node.exe" (
  SET "_prog=%dp0%\\node.exe"
) ELSE (
  SET "_prog=node"
  SET PATHEXT=%PATHEXT:;.JS;=;%
)

endLocal & goto #_undefined_# 2>NUL || title %COMSPEC% & "%_prog%"  -- "%dp0%\\..\\os-secrets\\bin\\secrets.js" %*
`;

it("npm's script of cmd runs the program", windowsOnly("scripts of cmd"), async (t) => {
  const session = await startSession();
  t.after(() => session.stop());
  const modules = join(session.directory, "node_modules");
  const installed = join(modules, "os-secrets");
  for (const part of [
    "package.json",
    "load.js",
    "load-asset.js",
    "not-loaded.js",
    "program.js",
    "bin",
    join("npm", "win32-x64"),
  ]) {
    cpSync(join(root, part), join(installed, part), { recursive: true, dereference: true });
  }
  mkdirSync(join(modules, ".bin"));
  // If a label does not exist, Wine's cmd ends, but Windows' cmd continues with the line.
  const shim = isWine ? SHIM.replace("& goto #_undefined_# 2>NUL || title %COMSPEC% ", "") : SHIM;
  writeFileSync(join(modules, ".bin", "secrets.cmd"), shim.replaceAll("\n", "\r\n"));
  const PATH = [join(modules, ".bin"), dirname(process.execPath), session.env.PATH].join(";");
  const runSecrets = (args, input) =>
    session.run("cmd", ["/d", "/c", "secrets", ...args], { env: { PATH }, input, cwd: session.directory });
  assert.deepEqual(await runSecrets(["set", "token"], "väl ue\n"), makeResult(""));
  assert.deepEqual(await runSecrets(["get", "token"]), makeResult("väl ue\n"));
  assert.equal((await runSecrets(["get", "nope"])).code, 1);
  assert.equal((await runSecrets(["bogus"])).code, 2);
});
