// A Mac for tests: a session with the model of macOS' Security framework (see tools/test-keychain.js).

const assert = require("node:assert/strict");
const { readFileSync, writeFileSync } = require("node:fs");
const { runProgram } = require("./programs.js");
const { node, root } = require("./runtimes.js");
const { startSession } = require("./session.js");

const NODE = "/usr/local/bin/node";

/** Starts a session on a Mac with an empty login keychain. */
async function startMac(t) {
  const session = await startSession();
  t.after(() => session.stop());
  const path = session.env.KEYCHAIN_MODEL;
  const mac = {
    session,
    /** Runs a program of JavaScript as an executable. Returns what it prints. */
    async run(source, executable = NODE) {
      const script = `const { diagnose, openStore, secrets } = require(${JSON.stringify(root)});
        const show = (call) => call.then((value) => console.log(JSON.stringify(value ?? null)), (error) => console.log(error.code, error.reason));
        (async () => { ${source} })();`;
      const [command, ...args] = node(22);
      const env = { KEYCHAIN_MODEL_EXECUTABLE: executable };
      const { code, stdout, stderr } = await session.run(command, [...args, "-e", script], { env });
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      return stdout;
    },
    /** Runs `secrets`. Returns what it prints. */
    async secrets(args, options) {
      const { code, stdout, stderr } = await runProgram(session, "native", "secrets", args, options);
      return { code, stdout, stderr };
    },
    /** The state of the model. */
    get world() {
      return JSON.parse(readFileSync(path, "utf8"));
    },
    /** Changes the state of the model. No program may be running. */
    change(change) {
      const world = mac.world;
      change(world);
      writeFileSync(path, JSON.stringify(world));
    },
    /** The kinds of the prompts since the last call. */
    takePrompts() {
      const kinds = mac.world.prompts.map(({ kind }) => kind);
      mac.change((world) => {
        world.prompts = [];
      });
      return kinds;
    },
  };
  await mac.run("");
  return mac;
}

module.exports = { NODE, startMac };
