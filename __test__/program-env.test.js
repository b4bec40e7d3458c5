// `secrets env`: what it prints for real shells, and when it prints nothing.

const assert = require("node:assert/strict");
const { mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { startSession } = require("./support/session.js");

/** Prints a variable as a child of the shell gets it. */
const PRINT = `sh -c 'printf %s "$VALUE" | od -An -v -tx1'`;

/** For each shell, the command that evaluates what `secrets env` prints, and then prints the variable. */
const shells = {
  bash: (secrets) => ["bash", "--norc", "-c", `eval "$(${secrets} env --shell bash)"; ${PRINT}`],
  "bash in its mode of sh": (secrets) => [
    "bash",
    "--posix",
    "-c",
    `eval "$(${secrets} env --shell sh)"; ${PRINT}`,
  ],
  sh: (secrets) => ["sh", "-c", `eval "$(${secrets} env --shell sh)"; ${PRINT}`],
  zsh: (secrets) => ["zsh", "-f", "-c", `eval "$(${secrets} env --shell zsh)"; ${PRINT}`],
  "zsh with other quotes": (secrets) => [
    "zsh",
    ...["-f", "-o", "rcquotes", "-o", "banghist", "-o", "extendedglob"],
    ...["-c", `eval "$(${secrets} env --shell zsh)"; ${PRINT}`],
  ],
  fish: (secrets) => ["fish", "--no-config", "-c", `${secrets} env --shell fish | source; ${PRINT}`],
};

/** All bytes that a variable can have. */
const allBytes = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1));

const values = {
  "all bytes": allBytes,
  "all bytes, backwards": Buffer.from(allBytes).reverse(),
  "quotes and escapes": "'it''s' '''\\'\\\\'\\ \"$HOME\" `id` $(id) !! \\n %s {a,b} ~ * ? # ; & | < > ^",
  "newlines around": "\n\n a \r\n\t b \n\n",
  "a quote only": "'",
  "a backslash at the end": "a\\",
  nothing: "",
  "what fish keeps for itself": "\u{fdd0}\u{f600}\u{f6ff}\u{fdef}\u{e000}🔑é\u{2019}",
  "a large value": "x'\\\n".repeat(20_000),
};

describe("secrets env leaves out what a shell would evaluate, in", linuxOnly("a shell"), () => {
  const integers = {
    bash: [
      "bash",
      "--norc",
      "-c",
      `compgen -v | while read -r name; do [[ \${!name@a} == *i* ]] && echo "$name"; done`,
    ],
    zsh: [
      "zsh",
      "-f",
      "-c",
      `for name type in \${(kv)parameters}; do [[ $type == *integer* ]] && print $name; done`,
    ],
  };
  const known = [
    "RANDOM",
    "SRANDOM",
    "SECONDS",
    "OPTIND",
    "HISTCMD",
    "PS0",
    "PS1",
    "PROMPT",
    "PROMPT_COMMAND",
    "BASH_ENV",
  ];

  for (const [shell, list] of Object.entries(integers)) {
    it(shell, async (t) => {
      const session = await startSession();
      t.after(() => session.stop());
      const [secrets] = ways.native("secrets");
      await session.run(secrets, ["set", "evil"], { input: `a[$(touch ${session.home}/ran)]` });
      const { stdout } = await session.run(list[0], list.slice(1));
      const names = [...new Set([...known, ...stdout.trim().split("\n")])].filter((name) =>
        /^[A-Z]\w+$/.test(name),
      );
      assert.ok(names.length > known.length, stdout);
      const env = Object.fromEntries(names.map((name) => [name, "secret:evil"]));
      const printed = await session.run(secrets, ["env", "--shell", shell], { env });
      assert.deepEqual([printed.code, printed.stdout], [0, ""]);
      assert.equal(
        printed.stderr.match(/ is left out: shells use a variable of this name/g)?.length,
        names.length,
      );
    });
  }
});

describe("secrets env in", linuxOnly("a shell"), () => {
  let session;
  before(async () => {
    session = await startSession();
  });
  after(() => session.stop());

  const [secrets] = ways.native("secrets");

  for (const [shell, command] of Object.entries(shells)) {
    it(`${shell} sets exactly the value`, async () => {
      for (const [label, value] of Object.entries(values)) {
        const bytes = Buffer.from(value);
        const env = { VALUE: "secret:value" };
        if (bytes.length > 0) {
          const set = await session.run(secrets, ["set", "value", "--raw"], { input: bytes });
          assert.equal(set.code, 0, set.stderr);
        } else {
          writeFileSync(join(session.home, ".secrets.toml"), '[env]\nVALUE = { default = "" }\n');
          delete env.VALUE;
        }
        const [program, ...args] = command(`'${secrets}'`);
        const { code, stdout, stderr } = await session.run(program, args, { env, cwd: session.home });
        assert.equal(code, 0, stderr);
        const printed = Buffer.from(stdout.replace(/\s/g, ""), "hex");
        assert.ok(printed.equals(bytes), `${label}: ${stderr}`);
      }
    });
  }
});

for (const way of Object.keys(ways)) {
  describe(`secrets env, ${way},`, () => {
    let session;
    let directory;
    before(async () => {
      session = await startSession();
      directory = join(session.directory, "work");
      mkdirSync(directory);
      for (const [name, value] of Object.entries({
        token: "it's",
        key: "a key",
        bytes: Buffer.from("ff", "hex"),
      })) {
        const set = await runSecrets(["set", name, "--raw"], { input: value });
        assert.equal(set.code, 0, set.stderr);
      }
    });
    after(() => session.stop());

    const runSecrets = (args, options) =>
      runProgram(session, way, "secrets", args, { cwd: directory, ...options });
    const expectOutput = async (stdout, args, env = {}, why = /^$/) => {
      const run = await runSecrets(["env", ...args], { env });
      assert.deepEqual([run.code, run.stdout], [0, stdout], run.stderr);
      assert.match(run.stderr, why);
    };

    it("prints what run would set, and nothing else", async () => {
      writeFileSync(join(directory, ".secrets.toml"), '[env]\nA = "secret:token"\nB = "secret:token"\n');
      writeFileSync(join(directory, "c.env"), "C=text\n");
      await expectOutput(
        "export A='it'\\''s'\nexport C='text'\nexport D='a key'\n",
        ["--shell", "bash", "--env-file", "c.env"],
        { B: "inherited", D: "secret:key", E: "inherited" },
        /^secrets: using .*\.secrets\.toml for A; your environment sets B\n$/,
      );
      const none = ["--shell", "bash", "--no-project"];
      await expectOutput("", none);
    });

    it("prints for the shell that SHELL names", async () => {
      const env = { A: "secret:token" };
      const expected = {
        "/bin/bash": "export A='it'\\''s'\n",
        "/usr/bin/zsh": "export A='it'\\''s'\n",
        "/bin/dash": "export A='it'\\''s'\n",
        "/usr/local/bin/fish": "set -gx A 'it\\'s'\n",
        "/usr/bin/pwsh": "$env:A = 'it''s'\n",
      };
      for (const [shell, stdout] of Object.entries(expected)) {
        await expectOutput(stdout, ["--no-project"], { ...env, SHELL: shell });
      }
      await expectOutput("$env:A = 'it''s'\n", ["--no-project", "--shell", "powershell"], env);
      await expectOutput('{"A":"it\'s"}\n', ["--no-project", "--shell", "json"], env);
      for (const shell of ["/bin/tcsh", ...(isWindows ? [] : [""])]) {
        const { code, stdout, stderr } = await runSecrets(["env", "--no-project"], {
          env: { ...env, SHELL: shell },
        });
        assert.deepEqual([code, stdout], [2, ""]);
        assert.match(stderr, /name it with --shell: bash, zsh, fish, powershell or json/);
      }
    });

    it("leaves out what a shell cannot have, and says so", async () => {
      writeFileSync(join(directory, "names.env"), "a.b=1\nc-d=secret:token\nE=2\n");
      const flags = ["--no-project", "--env-file", "names.env"];
      const env = { F: "secret-file:key" };
      const file = "secrets: the variable F is left out: it is the path of a file, [^\n]*\n";
      const names = ["a.b", "c-d"].map((name) => `secrets: the variable ${name} is left out: [^\n]*\n`);
      await expectOutput(
        "export E='2'\n",
        [...flags, "--shell", "zsh"],
        env,
        new RegExp(`^${file}${names.join("")}$`),
      );
      await expectOutput(
        '{"E":"2","a.b":"1","c-d":"it\'s"}\n',
        [...flags, "--shell", "json"],
        env,
        new RegExp(`^${file}$`),
      );
    });

    it("prints nothing if a reference fails", async () => {
      for (const [env, expected, why] of [
        [{ A: "secret:token", B: "secret:nope" }, 1, /^secrets: the variable B: There is no secret nope/],
        [{ A: "secret:token", B: "secret:NOPE" }, 2, /^secrets: the variable B: /],
      ]) {
        const { code, stdout, stderr } = await runSecrets(["env", "--no-project", "--shell", "sh"], { env });
        assert.deepEqual([code, stdout], [expected, ""]);
        assert.match(stderr, why);
      }
      for (const shell of ["powershell", "json"]) {
        const env = { A: "secret:token", B: "secret:bytes" };
        const { code, stdout, stderr } = await runSecrets(["env", "--no-project", "--shell", shell], { env });
        assert.deepEqual([code, stdout], [1, ""]);
        assert.match(stderr, /^secrets: the variable B: The value is not UTF-8 text/);
      }
    });

    it("writes a private file with -o, and nothing with -q", async () => {
      const flags = ["env", "--no-project", "--shell", "sh"];
      const env = { A: "secret:key" };
      const quiet = await runSecrets([...flags, "-q"], { env });
      assert.deepEqual([quiet.code, quiet.stdout, quiet.stderr], [0, "", ""]);
      const written = await runSecrets([...flags, "-o", "written"], { env });
      assert.deepEqual([written.code, written.stdout, written.stderr], [0, "", ""]);
      assert.equal(readFileSync(join(directory, "written"), "utf8"), "export A='a key'\n");
    });
  });
}
