// Completing the command line of `secrets` in real shells: bash and zsh on a terminal, fish through its own command.
// There is no PowerShell for Debian, so its script is only looked at.

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const { existsSync, mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { writeIdentity } = require("./support/age.js");
const { linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { startSession } = require("./support/session.js");
const { runOnTerminal } = require("./support/terminal.js");

const [native] = ways.native("secrets");
/** A service and a name that every shell must quote. */
const SERVICE = "my app";
const NAME = 'it\'s $(touch pwned); `id` & "x" \\ #~*?[a]{b,c}|<>é';
/** A name that would clear the screen. */
const HOSTILE = "it\u001b[2J\u0007";

const words = (answer) => answer.split("\n").slice(1, -1);
const fields = (...line) => line.map((word) => `${word}\0`).join("");

describe("completion", linuxOnly("a shell"), () => {
  let session;
  let scripts;
  before(async () => {
    session = await startSession();
    session.env.PATH = `${join(native, "..")}:${session.env.PATH}`;
    const set = async (args, input) => {
      const { code, stderr } = await runProgram(session, "native", "secrets", ["set", ...args], { input });
      assert.equal(code, 0, stderr);
    };
    await set(["openai_api_key"], "value of the key");
    await set(["other"], "another value");
    await set(["--service", SERVICE, NAME], "found by its name");
    await set(["--service", SERVICE, HOSTILE], "x");
    const project = join(session.directory, "project");
    mkdirSync(join(project, "folder"), { recursive: true });
    writeFileSync(join(project, "datapackage.json"), '{"busdk":{"secrets":{"api_url":"u"}}}');
    writeFileSync(join(project, "config.tpl"), "");
    scripts = {};
    for (const shell of ["bash", "zsh", "fish", "powershell"]) {
      const { code, stdout } = await runProgram(session, "native", "secrets", ["completions", shell]);
      assert.equal(code, 0);
      scripts[shell] = join(session.directory, `completion.${shell}`);
      writeFileSync(scripts[shell], stdout);
    }
  });
  after(() => session.stop());

  for (const way of Object.keys(ways)) {
    describe(`the command that the scripts call, ${way},`, () => {
      const complete = (line, { shell = "fish", env } = {}) =>
        runProgram(session, way, "secrets", ["__complete", shell], { input: fields(...line), env });

      it("knows names and services, and no values", async () => {
        const cwd = join(session.directory, "project");
        for (const [line, expected] of [
          [
            ["get", ""],
            ["openai_api_key\tuser", "other\tuser"],
          ],
          [
            ["-C", cwd, "rm", ""],
            ["api_url\trepo", "openai_api_key\tuser", "other\tuser"],
          ],
          [["-C", cwd, "get", "--scope=repo", ""], ["api_url\trepo"]],
          [
            ["resolve", ""],
            ["secret:openai_api_key\tuser", "secret:other\tuser"],
          ],
          [
            ["list", "--service", ""],
            [`${SERVICE}\t`, "os-secrets\t"],
          ],
          [["get", "--service", SERVICE, ""], [`${NAME}\t`]],
          [["set", "openai_api_key", ""], []],
          [
            ["get", "--scope", ""],
            ["auto\t", "user\t", "repo\t"],
          ],
        ]) {
          const { code, stdout, stderr } = await complete(line);
          assert.deepEqual([code, stderr], [0, ""]);
          assert.deepEqual(words(stdout), expected, line.join(" "));
        }
      });

      it("is silent when it fails, and knows the repository's names even so", async () => {
        const cwd = join(session.directory, "project");
        for (const env of [
          { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere" },
          { OS_SECRETS_PROVIDER: "bogus" },
        ]) {
          const line = ["-C", cwd, "get", ""];
          const expected = { code: 0, signal: null, stdout: "words\napi_url\trepo\n", stderr: "" };
          assert.deepEqual(await complete(line, { env }), expected);
        }
        for (const shell of ["csh", "bash"]) {
          const { code, stdout, stderr } = await complete(["get", "", ""], { shell });
          assert.deepEqual([code, stdout, stderr], [0, "", ""]);
        }
      });

      it("asks for no passphrase on a terminal", async () => {
        const path = join(session.directory, `${way}.age`);
        const env = { OS_SECRETS_PROVIDER: "file", OS_SECRETS_FILE: path };
        const made = await runProgram(session, way, "secrets", ["set", "-q", "hidden"], {
          input: "x",
          env: { ...env, OS_SECRETS_PASSPHRASE: "a passphrase" },
        });
        assert.equal(made.code, 0, made.stderr);
        const script = `printf 'get\\0\\0' | "$@" __complete fish`;
        const asked = await runOnTerminal(
          session,
          ["sh", "-c", script, "sh", ...ways[way]("secrets")],
          [],
          env,
        );
        assert.deepEqual(asked, { shown: "words\n", code: 0, kept: true });
      });

      it("leaves an identity in a pipe to the command", async () => {
        const fifo = join(session.directory, `${way}.fifo`);
        execFileSync("mkfifo", ["-m", "600", fifo]);
        const file = join(session.directory, `${way}-pipe.age`);
        const env = { OS_SECRETS_PROVIDER: "file", OS_SECRETS_FILE: file, OS_SECRETS_IDENTITY: fifo };
        const writer = session.start("sh", [
          "-c",
          `cat '${writeIdentity(session.directory, way).path}' >'${fifo}'`,
        ]);
        const { code, stdout } = await complete(["get", ""], { env });
        assert.deepEqual([code, stdout], [0, "words\n"]);
        assert.equal(writer.exitCode, null);
        const set = await runProgram(session, way, "secrets", ["set", "a"], { input: "value", env });
        assert.equal(set.code, 0, set.stderr);
      });

      it("is not a command of bus-secrets", async () => {
        const input = fields("get", "");
        const { code } = await runProgram(session, way, "bus-secrets", ["__complete", "fish"], { input });
        assert.equal(code, 2);
      });
    });
  }

  /** How each shell starts without the user's files, and shows this prompt. */
  const shells = {
    bash: {
      command: ["bash", "--norc", "--noprofile", "-i"],
      prepare: "PS1='go> '; bind 'set bell-style none'; bind 'set enable-bracketed-paste off'",
    },
    "bash with bash-completion": {
      script: "bash",
      command: ["bash", "--norc", "--noprofile", "-i"],
      prepare:
        "PS1='go> '; bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; . /usr/share/bash-completion/bash_completion",
    },
    zsh: {
      command: ["zsh", "-f", "-i"],
      prepare:
        "PROMPT='go> '; unsetopt zle_bracketed_paste 2>/dev/null; unset zle_bracketed_paste; setopt no_beep",
    },
  };

  for (const [shell, { command, prepare, script = shell }] of Object.entries(shells)) {
    describe(`in ${shell}`, () => {
      /** Types a line into the shell, and then a command that shows that the line was executed. */
      const type = async (line, shown) => {
        const cwd = join(session.directory, "project");
        const ready = `${prepare}; cd '${cwd}'; . '${scripts[script]}'; echo "re""ady"\r`;
        const steps = [
          ["", ready],
          ["ready\r\n", ""],
          ["go> ", line],
          [shown, ""],
          ["go> ", "exit 0\r"],
        ];
        const env = { TERM: "dumb", HISTFILE: "/dev/null", HOME: session.home };
        return runOnTerminal(session, command, steps, env);
      };

      for (const [what, line, shown] of [
        ["the name of a secret", "secrets get op\t\r", "value of the key"],
        ["the name after a flag", "secrets -C . get --scope user oth\t\r", "another value"],
        ["a service and a name", "secrets get --service my\tit\t\r", "found by its name"],
        ["a service after =", "secrets get --service=my\tit\t\r", "found by its name"],
        ["a name in double quotes", 'secrets get --service "my\tit\t\r', "found by its name"],
        ["a name in single quotes", "secrets get --service 'my\tit\t\r", "found by its name"],
        ["a command", "secrets complet\tbas\t -q && echo don'e'\r", "done"],
        ["a file", "secrets inject -i conf\t&& echo fil''led\r", "filled"],
        ["a directory", "secrets -C fol\t list && echo lis''ted\r", "listed"],
        ["another command", "secrets run -- printe\tHOME\r", "/home"],
        ["another command after flags", "secrets run --env-file=config.tpl -- printe\tHOME\r", "/home"],
      ]) {
        it(`completes ${what}`, async () => {
          const { shown: all } = await type(line, shown);
          assert.ok(!all.includes("\u001b[2J"), all);
          assert.ok(!existsSync(join(session.directory, "project", "pwned")));
        });
      }

      it("completes the arguments of another command as that command says", async () => {
        const define = {
          bash: "_mine() { COMPREPLY=($(compgen -W 'first-word second-word' -- \"$2\")); }; complete -F _mine echo",
          zsh: "_mine() { compadd first-word second-word }; compdef _mine echo",
        }[script];
        const line = `${define}\r`;
        const cwd = join(session.directory, "project");
        const ready = `${prepare}; cd '${cwd}'; . '${scripts[script]}'; ${line.trim()}; echo "re""ady"\r`;
        const steps = [
          ["", ready],
          ["ready\r\n", ""],
          ["go> ", "secrets run -q -- echo an fir\t\r"],
          ["an first-word\r\n", ""],
          ["go> ", "exit 0\r"],
        ];
        await runOnTerminal(session, command, steps, { TERM: "dumb", HISTFILE: "/dev/null" });
      });
    });
  }

  it("in fish completes everything", async () => {
    const cwd = join(session.directory, "project");
    const complete = async (line) => {
      const script = "source $argv[1]; complete -C $argv[2]";
      const { code, stdout, stderr } = await session.run(
        "fish",
        ["--no-config", "-c", script, scripts.fish, line],
        { cwd },
      );
      assert.deepEqual([code, stderr], [0, ""], line);
      return stdout;
    };
    for (const [line, expected] of [
      ["secrets get op", "openai_api_key\tuser\n"],
      ["secrets get --service my", "my app\n"],
      ["secrets get --service=my", "--service=my app\n"],
      ["secrets get --service 'my app' i", `${NAME}\n`],
      ["secrets get --service my\\ app i", `${NAME}\n`],
      ["secrets inject -i conf", "config.tpl\n"],
      ["secrets run --env-file=conf", "--env-file=config.tpl\n"],
      ["secrets -C fol", "folder/\n"],
      ["secrets run ", "--\tThe command follows\n"],
      ["secrets run -- secrets get op", "openai_api_key\tuser\n"],
      ["secrets set other ", ""],
    ]) {
      assert.equal(await complete(line), expected, line);
    }
    assert.match(await complete("secrets run -- printen"), /^printenv\t/m);
    assert.match(await complete("secrets comp"), /^completions\tPrint a completion script/m);
  });

  it("in PowerShell passes no word as an argument, and quotes candidates", async () => {
    const { stdout } = await runProgram(session, "Node", "os-secrets", ["completions", "powershell"]);
    assert.match(stdout, /^Register-ArgumentCompleter -Native -CommandName 'os-secrets'/m);
    assert.match(stdout, /\$fields \| & \$program __complete powershell 2>\$null/);
    assert.match(stdout, /\$value\.Replace\("'", "''"\)/);
    assert.doesNotMatch(stdout, /@[A-Z]+@/);
  });
});
