// What `secrets` answers to mistakes, on a real terminal, and the help that its answers point to.

const assert = require("node:assert/strict");
const { mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { node } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");
const { runOnTerminal } = require("./support/terminal.js");

const [native] = ways.native("secrets");
const PEM = `-----BEGIN PRIVATE KEY-----\r${"Hunter2/".repeat(8)}\r${"Hunter3/".repeat(8)}\r-----END PRIVATE KEY-----\r`;
const SEVERAL =
  "secrets: several lines were pasted, and only one can be typed here; nothing was changed. Put them into a file that only " +
  "you can read, run secrets set NAME <FILE, and delete the file\n";
const NO_NAME =
  'Not a secret\'s name: names are made of a-z, 0-9, ".", "_" and "-", and this one has another character at position';

for (const way of Object.keys(ways)) {
  describe(`a mistake on a terminal, ${way},`, linuxOnly("a pseudo-terminal"), () => {
    let session;
    before(async () => {
      session = await startSession();
      session.env.PATH = `${join(native, "..")}:${session.env.PATH}`;
      await runProgram(session, way, "secrets", ["set", "shown"], { input: "the value" });
    });
    after(() => session.stop());

    const type = (args, steps = [], env = {}) =>
      runOnTerminal(session, [...ways[way]("secrets"), ...args], steps, env);
    /** Runs a script in which "$@" is the program. */
    const typeInto = (script, steps = []) =>
      runOnTerminal(session, ["bash", "--norc", "-c", script, "bash", ...ways[way]("secrets")], steps);

    for (const [args, code, answer] of [
      [["run", "ls"], 2, "put -- before the command: secrets run -- ls; run secrets run -h for help"],
      [
        ["inject", "t.tpl"],
        2,
        "-i names the template: secrets inject -i t.tpl; run secrets inject -h for help",
      ],
      [["sett", "a"], 2, "unknown command; did you mean secrets set? Run secrets set -h for help"],
      [["help", "sett"], 2, "unknown command; did you mean secrets set? Run secrets set -h for help"],
      [["list", "--jsno"], 2, "unknown flag; did you mean --json? Run secrets list -h for help"],
      [["hunter2"], 2, "unknown command; run secrets -h for help"],
      [["get", "OPENAI_API_KEY"], 2, `${NO_NAME} 1. Did you mean openai_api_key?`],
      [["rm", "secret:foo"], 2, `${NO_NAME} 7. Did you mean foo?`],
      [["get", "Hunter2"], 2, `${NO_NAME} 1`],
      [["resolve", "secret:SHOWN"], 2, `${NO_NAME} 1. Did you mean shown?`],
    ]) {
      it(`is answered: ${args.join(" ")}`, async () => {
        assert.deepEqual(await type(args), { shown: `secrets: ${answer}\n`, code, kept: true });
      });
    }

    it("in a variable of run is answered", async () => {
      const { code, shown } = await type(["run", "--", "true"], [], { A: "secret:API_KEY" });
      assert.deepEqual([code, shown], [2, `secrets: the variable A: ${NO_NAME} 1. Did you mean api_key?\n`]);
    });

    it("in a command of run that gets no secrets is noted", async () => {
      const NOTE = "secrets: no variable refers to a secret, so the command gets none";
      const script = 'cd "$(mktemp -d)" && "$@" && touch .env && "$@" && A=secret:shown "$@" && rm .env';
      const run = ["run", "--", "echo", "ran"];
      const { shown } = await runOnTerminal(
        session,
        ["bash", "--norc", "-c", script, "bash", ...ways[way]("secrets"), ...run],
        [],
      );
      const hint = "; .env is read only with --env-file .env";
      assert.equal(shown, `${NOTE}\nran\n${NOTE}${hint}\nran\nran\n`);
      // A script is told nothing.
      const piped = await runProgram(session, way, "secrets", run);
      assert.equal(piped.stderr, "");
      const masked = await type(["run", "--mask", "--", "echo", "ran"]);
      assert.equal(masked.shown, "secrets: no variable refers to a secret, so nothing is masked\nran\n");
    });

    it("is none: help, help of a command, and other names of commands", async () => {
      for (const [args, usage] of [
        [["help"], "Usage: secrets [OPTIONS] <COMMAND>"],
        [["help", "set"], "Usage: secrets set [OPTIONS] <NAME> [VALUE]"],
        [["help", "exec"], "Usage: secrets run [OPTIONS] -- <COMMAND>..."],
      ]) {
        const { code, shown } = await type(args);
        assert.equal(code, 0);
        assert.ok(shown.includes(usage), shown);
      }
      assert.match((await type(["ls"])).shown, /^shown +user$/m);
      assert.equal((await type(["exec", "-q", "--", "echo", "ran"])).shown, "ran\n");
    });

    it("is none: - for a standard stream", async () => {
      const set = await runProgram(session, way, "secrets", ["set", "piped", "-"], { input: "from a pipe" });
      assert.equal(set.code, 0, set.stderr);
      assert.equal((await type(["get", "piped"])).shown, "from a pipe\n");
      assert.equal((await type(["get", "shown", "-o", "-"])).shown, "the value\n");
      const { code, shown } = await typeInto('echo ready; "$@" import -', [["ready\r\n", "A_B=c\r\u0004"]]);
      assert.equal(code, 0);
      assert.match(shown, /\nstored a_b\n$/);
    });

    it("is to paste a key: nothing of it is stored, shown, or left to the shell", async () => {
      for (const paste of [PEM, "Hunter2\rHunter3\r", "Hunter2\rHunter3\rHunter4\recho Hunter5"]) {
        const asked = await typeInto('"$@" set key; echo "code $?"; read -r line; echo "read: $line"', [
          ["Value of key: ", paste],
          ["code 1\r\n", "next\r"],
        ]);
        assert.ok(asked.shown.endsWith(`\n${SEVERAL}code 1\nnext\nread: next\n`), asked.shown);
        assert.ok(!asked.shown.includes("Hunter"), asked.shown);
        assert.deepEqual([asked.code, asked.kept], [0, true]);
      }
      assert.equal((await runProgram(session, way, "secrets", ["get", "key"])).code, 1);
    });

    it("is to close standard output, but not to send it to /dev/null", async () => {
      const closed =
        "secrets: Cannot write to standard output: it is closed. If you do not need the result, use --quiet\n";
      for (const [line, told, code] of [
        ['"$@" get shown >&-', closed, 1],
        ['"$@" list >&-', closed, 1],
        ['"$@" -h >&-', closed, 1],
        ['"$@" get shown -q >&-', "", 0],
        ['"$@" rm a_b >&-', "", 0],
        ['"$@" get shown >/dev/null', "", 0],
        // As programs start others that are to print nothing.
        ['"$@" get shown <>/dev/null >&0 2>&0', "", 0],
      ]) {
        const { shown } = await typeInto(`${line}; echo "code $?"`);
        assert.equal(shown, `${told}code ${code}\n`, line);
      }
    });
  });
}

describe("the help", linuxOnly("a shell"), () => {
  it("of each command has an example that works", async (t) => {
    const session = await startSession();
    t.after(() => session.stop());
    const run = async (script) => {
      const PATH = `${join(native, "..")}:${join(node(22)[0], "..")}:${session.env.PATH}`;
      // Without these, files are where users have them, below HOME.
      const env = { PATH, XDG_DATA_HOME: "", XDG_CONFIG_HOME: "", VISUAL: "true" };
      const words = ["--norc", "-euo", "pipefail", "-c", script];
      const { code, stdout, stderr } = await session.run("bash", words, { cwd: session.home, env });
      assert.equal(code, 0, `${script}: ${stderr}`);
      return stdout;
    };
    const help = await run("secrets help");
    const commands = [
      ...help
        .split("\nCommands:\n")[1]
        .split("\n\n")[0]
        .matchAll(/^ {2}([a-z-]+) /gm),
    ];
    const examples = [];
    for (const [, command] of commands) {
      const text = await run(`secrets ${command} --help`);
      assert.match(text, /^Exit codes: /m, command);
      const [, block] = /^Examples?:\n((?: {2}.*\n)+)/m.exec(text) ?? assert.fail(`${command}: ${text}`);
      examples.push(...block.trimEnd().split("\n"));
    }
    assert.ok(examples.length >= commands.length);

    mkdirSync(join(session.home, ".config", "fish", "completions"), { recursive: true });
    for (const [name, text] of [
      [".env", "API_KEY=secret:openai_api_key\nPORT=8080\n"],
      ["server.js", "console.log(process.env.API_KEY)"],
      ["config.tpl", "key={{ secret:openai_api_key }}\n"],
      ["key.pem", "a key"],
      [".secrets.toml", '[env]\nTOKEN = "secret:openai_api_key"\n'],
    ]) {
      writeFileSync(join(session.home, name), text);
    }
    await run("age-keygen -o colleague 2>/dev/null; age-keygen -y colleague >colleague.pub; secrets init -q");
    await run("printf x | secrets set -q --store ./secrets.age x; printf x | secrets set -q --store file x");
    await run(
      "printf ghp | secrets set --service my-cli-tool github-token; printf x | secrets set openai_key",
    );
    await run("rm .config/os-secrets/identity");
    // What others need goes last, or first.
    const rank = (example) =>
      /secrets init/.test(example) ? 0 : /secrets delete|rename/.test(example) ? 2 : 1;
    examples.sort((a, b) => rank(a) - rank(b));
    for (const example of examples) {
      if (example.includes("$PROFILE")) continue;
      // The new identity does not open the files of the old one.
      if (/secrets init/.test(example)) {
        await run(`${example}; rm secrets.age .local/share/os-secrets/*
          printf x | secrets set -q --store ./secrets.age x; printf x | secrets set -q --store file x`);
      } else {
        await run(example);
      }
    }
    assert.equal(await run("cat config.toml"), "key=sk-example\n");
  });
});
