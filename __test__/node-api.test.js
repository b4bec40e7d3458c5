// What the addon needs of a runtime: no function beyond version 6 of Node-API, and no buffer over the addon's own memory,
// which Electron forbids.

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { ownPlatform } = require("../tools/platforms.js");
const { linuxOnly } = require("./support/platform.js");
const { root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

/** Compiles a source in `support` as a library. */
function compile(source, library) {
  const flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Werror"];
  execFileSync("cc", [...flags, "-o", library, join(__dirname, "support", source), "-ldl"]);
}

/** Takes and gives every kind of value, in a session. Prints what came back wrong, and at last "done". */
const everything = `
  const { createIdentity, diagnose, openStore, resolve, secrets } = require(${JSON.stringify(root)});
  const { Worker, isMainThread } = require("node:worker_threads");
  const { join } = require("node:path");
  const { HOME } = process.env;
  const check = (isRight, what) => isRight || console.log("wrong:", what);

  async function checkStore(kind, store) {
    for (const length of [1, 4096, 100_000]) {
      const bytes = Buffer.alloc(length, "\\0\\xff\\x80", "latin1");
      await store.set({ service: "s", name: "bytes", value: bytes });
      const read = await store.get({ service: "s", name: "bytes", encoding: "buffer" });
      check(Buffer.isBuffer(read) && read.equals(bytes), kind + ": " + length + " bytes");
      const text = "vălue😀".repeat(Math.ceil(length / 10));
      await store.set("s", "text", Buffer.from(text));
      check((await store.get("s", "text")) === text, kind + ": " + length + " of text");
    }
    check((await store.get({ service: "s", name: "none", encoding: "buffer" })) === null, kind + ": nothing");
    check((await store.has("s", "bytes")) === true, kind + ": has");
    check((await store.list({ service: "s" })).map(({ name }) => name).join() === "bytes,text", kind + ": list");
    check((await store.delete("s", "bytes")) === true, kind + ": delete");
  }

  async function main() {
    const identity = join(HOME, "identity");
    check((await createIdentity({ path: identity })).path === identity, "createIdentity");
    await checkStore("os", openStore());
    await checkStore("memory", openStore({ provider: "memory" }));
    await checkStore("file", openStore({ provider: "file", path: join(HOME, "secrets.age"), identity }));
    await secrets.set("os-secrets", "token", "x");
    check((await resolve("secret:token")) === "x", "resolve");
    check((await diagnose()).works === true, "diagnose");
    const broken = openStore({ provider: "file", path: HOME, identity });
    const error = await broken.get("s", "n").catch((error) => error);
    check(error.code === "ERR_SECRETS_PLATFORM_ERROR", "error: " + error);
    await new Promise((resolve) => new Worker(__filename).on("exit", resolve));
    console.log("done");
  }

  if (isMainThread) main();
  else secrets.get("os-secrets", "token").then((value) => check(value === "x", "worker"));`;

describe("the addon", linuxOnly("a preloaded library"), () => {
  const { binary } = ownPlatform() ?? {};
  let session;
  let harness;
  let log;
  before(async () => {
    session = await startSession();
    harness = join(session.directory, "harness.so");
    log = join(session.directory, "log");
    compile("no-external-buffers.c", harness);
  });
  after(() => session.stop());

  /** Runs a script with the harness: what it prints, and the lines of the harness's log, each once. */
  async function runInHarness([command, ...args], script) {
    rmSync(log, { force: true });
    const file = join(session.directory, "script.cjs");
    writeFileSync(file, script);
    rmSync(session.home, { recursive: true });
    mkdirSync(session.home, { mode: 0o700 });
    const env = { LD_PRELOAD: harness, NODE_API_LOG: log };
    const { stdout, stderr } = await session.run(command, [...args, file], { env });
    const lines = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
    return { stdout, stderr, lines: [...new Set(lines)] };
  }

  /** The names of the addon's dynamic symbols: those that it defines, and those that it needs. */
  function readSymbols() {
    const text = execFileSync("readelf", ["--wide", "--dyn-syms", binary], { encoding: "utf8" });
    const rows = [...text.matchAll(/^ +\d+: (?:\S+ +){5}(\S+) ([\w.]+)/gm)];
    const names = (isDefined) =>
      rows.filter(([, index]) => (index !== "UND") === isDefined).map(([, , name]) => name);
    return { defined: names(true), needed: names(false) };
  }

  it("exports the function that registers it and nothing else, such as a version of Node-API", () => {
    assert.deepEqual(readSymbols().defined, ["napi_register_module_v1"]);
  });

  it("is not linked to Node-API, so that the harness sees all that it uses of it", () => {
    const { needed } = readSymbols();
    assert.ok(needed.includes("dlsym"), needed.join());
    assert.deepEqual(
      needed.filter((name) => /^n(ode_)?api_/.test(name)),
      [],
    );
  });

  it("looks up no function beyond version 6 of Node-API", async () => {
    const { lines } = await runInHarness(runtimes["Node 24"], `require(${JSON.stringify(root)})`);
    const names = lines.map((line) => line.replace("found ", ""));
    assert.ok(names.includes("napi_set_instance_data"), lines.join());
    // The list of Node-API's functions is in the packages that the addon is compared with.
    const { symbols } = require(join(root, "bench", "node_modules", "node-api-headers"));
    const known = new Set([...symbols.v6.js_native_api_symbols, ...symbols.v6.node_api_symbols]);
    assert.deepEqual(
      names.filter((name) => !known.has(name)),
      [],
    );
  });

  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`works without buffers over its own memory, and asks for none, under ${name}`, async () => {
      const { stdout, stderr, lines } = await runInHarness(runtime, everything);
      assert.equal(stdout, "done\n", stderr);
      assert.ok(lines.includes("found napi_create_external_buffer"), lines.join());
      assert.deepEqual(
        lines.filter((line) => line.startsWith("refused")),
        [],
      );
    });
  }

  it("would be refused a buffer over its own memory", async () => {
    const addon = join(session.directory, "control.node");
    compile("external-buffer.c", addon);
    const script = `console.log(require(${JSON.stringify(addon)}))`;
    const { stdout, stderr, lines } = await runInHarness(runtimes["Node 24"], script);
    assert.equal(stdout, "22\n", stderr);
    assert.ok(lines.includes("refused napi_create_external_buffer"), lines.join());
  });
});
