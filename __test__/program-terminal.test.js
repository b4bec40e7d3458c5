// The program on a real terminal: its prompts, its output, and the terminal's settings afterwards.

const assert = require("node:assert/strict");
const { after, before, describe, it } = require("node:test");
const { linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { startSession } = require("./support/session.js");
const { runOnTerminal } = require("./support/terminal.js");

const SECRET = "Hunter2 ü";
const SIGINT = 2;

for (const way of Object.keys(ways)) {
  describe(`secrets on a terminal, ${way},`, linuxOnly("a pseudo-terminal"), () => {
    let session;
    before(async () => {
      session = await startSession();
    });
    after(() => session.stop());

    /** Runs `secrets` on a terminal. Each step is [text to wait for, text to type]. */
    const typeInto = (args, steps, env) =>
      runOnTerminal(session, [...ways[way]("secrets"), ...args], steps, env);
    const getSecret = (name) => runProgram(session, way, "secrets", ["get", name]);
    const first = "Value of token: ";
    const again = "Repeat the value: ";

    it("asks twice for a value, and shows nothing of it", async () => {
      const typed = `${SECRET}\r`;
      const asked = await typeInto(
        ["set", "token"],
        [
          [first, typed],
          [again, typed],
        ],
      );
      assert.deepEqual(asked, { shown: `${first}\n${again}\n`, code: 0, kept: true });
      assert.equal((await getSecret("token")).stdout, `${SECRET}\n`);
    });

    it("takes a long value whole, and what was corrected", async () => {
      const long = "x".repeat(10_000);
      const typed = `wrong\u0015${long}yü\u007f\u007f\r`;
      const { code, shown } = await typeInto(
        ["set", "token"],
        [
          [first, typed],
          [again, typed],
        ],
      );
      assert.deepEqual([code, shown], [0, `${first}\n${again}\n`]);
      assert.equal((await getSecret("token")).stdout, `${long}\n`);
    });

    it("changes nothing where the two differ, or nothing was typed", async () => {
      await runProgram(session, way, "secrets", ["set", "token"], { input: "before" });
      for (const [answers, code, told] of [
        [["one\r", "two\r"], 1, "the two values differ; nothing was changed"],
        [["\r", "\r"], 2, "the value is empty; nothing was changed. To remove a secret, use delete"],
        [["\u0004"], 1, "no value was entered; nothing was changed"],
      ]) {
        const steps = answers.map((answer, at) => [[first, again][at], answer]);
        const asked = await typeInto(["set", "token"], steps);
        assert.deepEqual([asked.code, asked.kept], [code, true]);
        assert.ok(asked.shown.endsWith(`\nsecrets: ${told}\n`), asked.shown);
      }
      assert.equal((await getSecret("token")).stdout, "before\n");
    });

    it("ends at Ctrl-C, and leaves the terminal as it was", async () => {
      for (const steps of [
        [[first, `${SECRET}\u0003`]],
        [
          [first, `${SECRET}\r`],
          [again, "\u0003"],
        ],
      ]) {
        const { code, kept, shown } = await typeInto(["set", "token"], steps);
        assert.deepEqual([code, kept], [-SIGINT, true]);
        assert.ok(!shown.includes(SECRET), shown);
      }
      assert.equal((await getSecret("token")).stdout, "before\n");
    });

    it("leaves the terminal to the command that it runs, masked or not", async () => {
      await runProgram(session, way, "secrets", ["set", "shown"], { input: "shown value" });
      const script =
        'test -t 0 && test -t 1 && test -t 2 && stty size && echo "$A" && read -r line && exit 7';
      for (const [mask, value] of [
        [[], "shown value"],
        [["--mask"], "***"],
      ]) {
        const args = ["run", ...mask, "--", "sh", "-c", script];
        const ran = await typeInto(args, [[value, "go on\r"]], { A: "secret:shown" });
        assert.deepEqual(ran, { shown: `24 80\n${value}\ngo on\n`, code: 7, kept: true });
      }
    });

    it("leaves Ctrl-C to the command that it runs, masked or not", async () => {
      for (const mask of [[], ["--mask"]]) {
        const run = (script) => typeInto(["run", ...mask, "--", "sh", "-c", script], [["ready", "\u0003"]]);
        assert.equal((await run("echo ready; while :; do sleep 0.1; done")).code, -SIGINT);
        const caught = await run("trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.1; done");
        assert.equal(caught.code, 9);
        assert.match(caught.shown, /caught\n$/);
      }
    });
  });
}
