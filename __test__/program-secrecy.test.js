// Places where a secret must not be: the arguments of processes, messages, files and core dumps.

const assert = require("node:assert/strict");
const { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { ways } = require("./support/programs.js");
const { startSession } = require("./support/session.js");

const SECRET = "Hunter2-that-nobody-may-see";

/** Lists the arguments of every process. They cannot be read on Windows. */
function readCommandLines() {
  if (isWindows) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(join("/proc", pid, "cmdline"), "utf8");
      } catch {
        return "";
      }
    });
}

/** Lists the files in a folder that contain the secret. */
function findFilesWithSecret(directory) {
  return readdirSync(directory, { recursive: true })
    .map((name) => join(directory, name))
    .filter((file) => statSync(file).isFile() && readFileSync(file).includes(SECRET));
}

async function makeWorkspace(t, options) {
  const session = await startSession(options);
  t.after(() => session.stop());
  const directory = join(session.directory, "work");
  mkdirSync(directory);
  if (!isWindows) {
    session.env.TMPDIR = join(session.directory, "tmp");
    mkdirSync(session.env.TMPDIR);
  }
  return { session, directory };
}

for (const way of Object.keys(ways)) {
  describe(`a secret, ${way},`, () => {
    it("is in no arguments, messages or files but its own", async (t) => {
      const { session, directory } = await makeWorkspace(t);
      const [program, ...first] = ways[way]("secrets");
      const stderr = [];
      const seen = new Set();
      const watch = setInterval(() => {
        for (const line of readCommandLines()) seen.add(line);
      }, 1);
      t.after(() => clearInterval(watch));
      const runSecrets = async (args, options) => {
        const ended = await session.run(program, [...first, ...args], { cwd: directory, ...options });
        stderr.push(ended.stderr);
        return ended;
      };
      writeFileSync(join(directory, "datapackage.json"), "{}");
      const input = SECRET;
      assert.equal((await runSecrets(["set", "token"], { input })).code, 0);
      assert.equal((await runSecrets(["set", "token", "--scope", "repo"], { input })).code, 0);
      assert.equal((await runSecrets(["import"], { input: `A=${SECRET}\nB='${SECRET}'` })).code, 0);
      assert.equal((await runSecrets(["import"], { input: `A=${SECRET}\n${SECRET}` })).code, 1);
      assert.equal((await runSecrets(["set", "A/B"], { input })).code, 2);
      assert.equal((await runSecrets(["set", "bytes"], { input: `${SECRET}\0` })).code, 2);
      assert.equal((await runSecrets(["inject"], { input: `{{ secret:${SECRET} }}` })).code, 2);
      assert.equal((await runSecrets(["inject", "-o", "injected"], { input: "{{ secret:token }}" })).code, 0);
      const env = { TOKEN: "secret:token" };
      const command = [process.execPath, "-e", "process.exit(process.env.TOKEN ? 0 : 1)"];
      assert.equal((await runSecrets(["run", "--", ...command], { env })).code, 0);
      assert.equal((await runSecrets(["run", "--mask", "--", ...command], { env })).code, 0);
      assert.equal(
        (await runSecrets(["run", "--", ...command], { env: { TOKEN: `secret:${SECRET}` } })).code,
        2,
      );
      if (!isWindows) {
        await session.lock();
        assert.equal((await runSecrets(["set", "token"], { input })).code, 3);
      }
      clearInterval(watch);
      const lines = [...seen];
      assert.ok(isWindows || lines.some((line) => line.includes("secrets")));
      assert.ok(!lines.some((line) => line.includes(SECRET)));
      assert.ok(stderr.some(Boolean) && !stderr.join("").includes(SECRET));
      const own = ["datapackage.json", "injected"].map((name) => join(directory, name));
      assert.deepEqual(findFilesWithSecret(session.directory).sort(), own);
    });

    it("is in no core dump, while commands that it runs have theirs", linuxOnly("signals"), async (t) => {
      const { session, directory } = await makeWorkspace(t);
      const [program, ...first] = ways[way]("secrets");
      for (const name of ["ready", "hold", "data"]) await session.run("mkfifo", [name], { cwd: directory });
      /** Runs a script in bash and aborts it when it is ready. Returns whether bash reports a core dump. */
      const dumpsCore = async (script, before = "", after = "") => {
        const line = `ulimit -c unlimited; ${before} ${script} & read -r line <ready
          kill -ABRT $!; wait $!; echo "ended with $?"; ${after}`;
        const { stdout, stderr } = await session.run("bash", ["-c", line, "bash", program, ...first], {
          cwd: directory,
        });
        assert.match(stdout, /ended with 134/);
        return stderr.includes("core dumped");
      };
      if (!(await dumpsCore("sh -c 'echo >ready; read -r line <hold'"))) {
        return t.skip("no process leaves a core dump here, whatever it does");
      }
      // The input is larger than a pipe's buffer. So when `cat` ends, the program has read a part and waits
      // for the rest.
      writeFileSync(join(session.directory, "input"), SECRET.repeat(10_000));
      const feed = "{ cat ../input; echo >ready; read -r line <hold; } >data &";
      assert.equal(await dumpsCore(`"$@" set token <data`, feed, "echo >hold"), false);
      const run = `"$@" run -- sh -c 'echo >ready; read -r line <hold'`;
      assert.equal(await dumpsCore(run), true);
    });
  });
}
