// Masked commands on a real terminal: pagers, editors, interpreters and questions are as without --mask.

const assert = require("node:assert/strict");
const { readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { startSession } = require("./support/session.js");
const { runOnTerminal } = require("./support/terminal.js");

const SECRET = "hunter2-masked";
const CTRL_C = "\u0003";
const CTRL_D = "\u0004";
const CTRL_Z = "\u001a";
const ESCAPE = "\u001b";
const SIGINT = 2;

for (const way of Object.keys(ways)) {
  describe(`secrets run --mask on a terminal, ${way},`, linuxOnly("a pseudo-terminal"), () => {
    let session;
    before(async () => {
      session = await startSession();
      await runProgram(session, way, "secrets", ["set", "token"], { input: SECRET });
    });
    after(() => session.stop());

    const env = { TERM: "xterm", LESS: "R", T: "secret:token", PYTHON_BASIC_REPL: "1" };
    const masked = (...words) => [...ways[way]("secrets"), "run", "--mask", "--", ...words];

    /** Runs a command on a terminal, and checks that it ends well and that the value was not shown. */
    async function use(command, steps, code = 0) {
      const { shown, ...ended } = await runOnTerminal(session, command, steps, env);
      assert.deepEqual(ended, { code, kept: true }, shown);
      assert.ok(!shown.includes(SECRET), shown);
      return shown;
    }

    /** Makes a file of 100 lines, the first of which has the value. */
    function makeFile(name) {
      const path = join(session.directory, name);
      const lines = Array.from({ length: 100 }, (_, index) => `line ${index + 1}`);
      writeFileSync(path, [SECRET, ...lines, ""].join("\n"));
      return path;
    }

    it("pages", async () => {
      const path = makeFile("page");
      const steps = [
        ["***", "G"],
        ["line 100", "q"],
      ];
      await use(masked("less", path), steps);
      await use(["sh", "-c", `cat ${path} | "$@"`, "sh", ...masked("less")], steps);
      await use(["sh", "-c", '"$@" | less', "sh", ...masked("cat", path)], steps);
    });

    it("leaves the settings to the pager", async () => {
      const pager = `read -r line; stty -echo </dev/tty; echo >go; cat; stty -a </dev/tty | grep -o -- "-echo "`;
      const script = `mkfifo go; "$@" | sh -c '${pager}; stty echo </dev/tty'`;
      const command = masked("sh", "-c", "echo first; read -r line <go; echo last");
      assert.equal(await use(["sh", "-c", script, "sh", ...command], []), "last\n-echo \n");
    });

    it("pages what git prints", async () => {
      const git = 'git -c user.name=A -c user.email=a@example.com commit -q --allow-empty -m "$T"';
      const script = `git init -q log; cd log; i=0; while [ $i -lt 40 ]; do ${git}; i=$((i + 1)); done`;
      await use(masked("sh", "-c", script), []);
      const steps = [
        ["***", "G"],
        ["(END)", "q"],
      ];
      await use(masked("git", "-C", "log", "-c", "core.pager=less", "log"), steps);
    });

    it("edits", async () => {
      const path = makeFile("edited");
      await use(masked("vim", "-u", "NONE", "-N", path), [["***", `Goadded${ESCAPE}:wq\r`]]);
      const text = readFileSync(path, "utf8");
      assert.ok(text.startsWith(`${SECRET}\n`) && text.endsWith("\nadded\n"), text);
    });

    it("chooses", async () => {
      const steps = [
        ["30/30", "17"],
        ["1/30", "\r"],
      ];
      const inner = await use(masked("sh", "-c", 'seq 30 | fzf; echo "$T"'), steps);
      assert.match(inner, /17\n\*\*\*\n$/);
      const outer = await use(["sh", "-c", `seq 30 | "$@"`, "sh", ...masked("fzf")], steps);
      assert.match(outer, /17\n$/);
      // Its output is not on the terminal, but its errors are.
      const captured = 'chosen=$(seq 30 | "$@"); echo "chosen $chosen"';
      const last = await use(["sh", "-c", captured, "sh", ...masked("fzf")], steps);
      assert.match(last, /chosen 17\n$/);
    });

    it("interprets", async () => {
      await use(masked("python3", "-q"), [
        [">>> ", "import os; os.environ['T']\r"],
        // It discards what is typed before the prompt.
        ["***", ""],
        [">>> ", CTRL_D],
      ]);
      await use(masked("node"), [
        ["> ", "process.env.T\r"],
        ["***", ".exit\r"],
      ]);
    });

    it("asks on the terminal, with the output elsewhere as well", async () => {
      const key = "ssh-keygen -q -t ed25519 -N passphrase -f key; ssh-keygen -y -f key";
      const steps = [["Enter passphrase", "passphrase\r"]];
      assert.match(await use(masked("sh", "-c", key), steps), /ssh-ed25519 /);
      await use(masked("sh", "-c", "ssh-keygen -y -f key >public </dev/null"), steps);
      assert.match(readFileSync(join(session.directory, "public"), "utf8"), /^ssh-ed25519 /);
    });

    it("asks for a password as sudo does", { skip: process.getuid?.() !== 0 && "needs root" }, async () => {
      const words = ["runuser", "-u", "nobody", "--", "sudo", "-p", "Password: ", "true"];
      assert.match(await use(masked(...words), [["Password: ", CTRL_D]], 1), /^Password: \n/);
    });

    it("is interrupted by the keyboard", async () => {
      const steps = [["ready", CTRL_C]];
      await use(masked("sh", "-c", "echo ready; exec sleep 60"), steps, -SIGINT);
    });

    it("stops and continues", async () => {
      const script = 'echo ready; read -r line; echo "$line" "$T"';
      const shell = ["bash", "--norc", "--noprofile", "-ic", 'PS1="> "; set -m; "$@"; fg', "bash"];
      const shown = await use(
        [...shell, ...masked("sh", "-c", script)],
        [
          ["ready", CTRL_Z],
          ["Stopped", "typed\r"],
        ],
      );
      assert.match(shown, /typed \*\*\*\n$/);
    });
  });
}
