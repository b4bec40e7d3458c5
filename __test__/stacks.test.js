// The stack of a rejection names the lines that await the call.

const assert = require("node:assert/strict");
const { writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { node, root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

/** Runs a program that has the failing store `broken`. Returns what it prints. */
async function run(t, [command, ...args], source) {
  const session = await startSession({ bus: false });
  t.after(() => session.stop());
  const file = join(session.directory, "program.cjs");
  const head = `const { openStore, resolve, resolveEnv, secrets } = require(${JSON.stringify(root)});
    const broken = openStore({ provider: "file", path: ${JSON.stringify(join(session.directory, "x"))}, identity: "/none" });`;
  writeFileSync(file, `${head}\n${source}`);
  const { code, stdout, stderr } = await session.run(command, [...args, file]);
  return { code, stdout, stderr };
}

/** The calls, each in an async function of its name. A comment marks the line that the stack must name. */
const calls = {
  options: `broken.get({ service: "s", name: "n" })`,
  positional: `broken.get("s", "n")`,
  set: `broken.set("s", "n", "v")`,
  remove: `broken.delete("s", "n")`,
  has: `broken.has("s", "n")`,
  list: `broken.list()`,
  timed: `broken.get({ service: "s", name: "n", timeout: 60_000 })`,
  signaled: `broken.get({ service: "s", name: "n", signal: new AbortController().signal })`,
  aborted: `secrets.get({ service: "s", name: "n", signal: AbortSignal.abort() })`,
  resolved: `resolve("secret:none", { scope: "repo" })`,
  environment: `resolveEnv({ A: "secret:none" }, { scope: "repo" })`,
  late: `closed.get("s", "n")`,
};

describe("a rejection", () => {
  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`has a stack of the functions that await the call, under ${name}`, async (t) => {
      const functions = Object.entries(calls).map(
        ([name, call]) => `async function ${name}() {\n  await ${call}; // ${name}\n}`,
      );
      const source = `
        const closed = openStore({ provider: "memory" });
        closed.close();
        async function caller(call) {
          await call();
        }
        ${functions.join("\n")}
        (async () => {
          const lines = require("node:fs").readFileSync(__filename, "utf8").split("\\n");
          for (const call of [${Object.keys(calls)}]) {
            const line = lines.findIndex((line) => line.endsWith("// " + call.name)) + 1;
            const error = await caller(call).then(() => {}, (error) => error);
            const [, first, second] = error.stack.split(error.message)[1].split("\\n");
            const isFound = first.includes(call.name) && first.includes(__filename + ":" + line + ":");
            if (!error.stack.startsWith(error.name) || !isFound || !second.includes("async caller")) {
              console.log(call.name, error.stack);
            }
          }
        })();`;
      assert.deepEqual(await run(t, runtime, source), { code: 0, stdout: "", stderr: "" });
    });
  }

  for (const [name, runtime] of Object.entries(runtimes).filter(([name]) => name !== "Bun")) {
    it(`has a stack through Promise.all, under ${name}`, async (t) => {
      const source = `
        async function together() { await Promise.all([broken.get("s", "a"), broken.get("s", "b")]); }
        together().catch(({ stack }) => console.log(/\\n    at async Promise\\.all .*\\n    at async together /.test(stack)));`;
      assert.deepEqual(await run(t, runtime, source), { code: 0, stdout: "true\n", stderr: "" });
    });
  }

  it("is the store's error whatever the program does to stacks", async (t) => {
    const source = `
      const settings = {
        limit: () => { Error.stackTraceLimit = 0; },
        throwing: () => { Error.prepareStackTrace = () => { throw new Error("theirs"); }; },
        frozen: () => { Object.freeze(Error); },
      };
      (async () => {
        for (const [name, change] of Object.entries(settings)) {
          change();
          await broken.get("s", "n").catch(({ code }) => console.log(name, code));
        }
      })();`;
    const lines = ["limit", "throwing", "frozen"].map((name) => `${name} ERR_SECRETS_INVALID_SETTING\n`);
    assert.deepEqual(await run(t, node(22), source), { code: 0, stdout: lines.join(""), stderr: "" });
  });

  it("that nobody handles is reported once, as the promise of the call", async (t) => {
    const source = `
      process.on("unhandledRejection", (error, promise) => console.log(error.code, promise === call));
      process.on("rejectionHandled", () => console.log("handled"));
      const call = broken.get("s", "n");`;
    assert.deepEqual(await run(t, node(22), source), {
      code: 0,
      stdout: "ERR_SECRETS_INVALID_SETTING true\n",
      stderr: "",
    });
  });
});

describe("close", () => {
  it("resolves after the calls in progress", async (t) => {
    const source = `
      const store = openStore({ provider: "memory" });
      const order = [];
      for (let at = 0; at < 100; at++) store.set("s", String(at), "v").then(() => order.push("set"));
      store.close().then(() => order.push("closed")).then(() => console.log(order.indexOf("closed")));`;
    assert.deepEqual(await run(t, node(22), source), { code: 0, stdout: "100\n", stderr: "" });
  });
});
