// A polluted Object.prototype: its `then` never sees what calls return.

const assert = require("node:assert/strict");
const { writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { writeIdentity } = require("./support/age.js");
const { root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

/** Every value and every name of a credential in this program contains "hunter". */
const source = `
  const { inspect } = require("node:util");
  const { openStore, resolve, resolveEnv, secrets } = require(${JSON.stringify(root)});
  const store = openStore({ provider: "memory" });
  const busy = openStore({ provider: "memory" });
  const { signal } = new AbortController();
  const key = { service: "hunter", name: "hunter" };
  const buffer = { ...key, encoding: "buffer" };
  const results = {};
  // No handler returns an object: its own promise would look for "then".
  const keep = (name, call) => call.then((value) => void (results[name] = value));
  const calls = [
    ["set", () => store.set(key, "hunter2")],
    ["get", () => store.get(key)],
    ["bytes", () => store.get(buffer)],
    ["bytes with a signal", () => store.get({ ...buffer, signal })],
    ["bytes with a timeout", () => store.get({ ...buffer, timeout: 60_000 })],
    ["list", () => store.list()],
    ["list with a signal", () => store.list({ signal })],
    ["secrets.set", () => secrets.set(key, "hunter2")],
    ["secrets.get", () => secrets.get({ ...key, signal })],
    ["resolve", () => resolve("secret:hunter")],
    ["resolve with a signal", () => resolve("secret:hunter", { signal })],
    ["resolveEnv", () => resolveEnv({ hunter: "secret:hunter", __proto__: null, ["then"]: "hunter" })],
    ["resolveEnv with a signal", () => resolveEnv({ hunter: "secret:hunter" }, { signal })],
    ["set while closing", () => busy.set(key, "hunter2")],
    ["close", () => (busy.get(buffer), busy.close())],
  ];
  const seen = [];
  const next = () => {
    if (calls.length === 0) return end();
    const [name, call] = calls.shift();
    keep(name, call()).then(next, (error) => console.log(name, error));
  };
  const end = () => {
    delete Object.prototype.then;
    const bytes = (value) => (value instanceof Uint8Array ? Buffer.from(value).toString() : "");
    const told = seen.map((value) => inspect(value, { depth: 9, showHidden: true }) + bytes(value));
    const leaked = told.filter((text) => text.includes("hunter"));
    const own = ["bytes", "bytes with a signal", "list"].flatMap((name) =>
      Object.getOwnPropertyNames(results[name]).filter((property) => property === "then"));
    console.log(JSON.stringify({ leaked, own, results }));
  };
  Object.defineProperty(Object.prototype, "then", {
    configurable: true,
    get() {
      seen.push(this);
      return undefined;
    },
  });
  next();
`;

describe("a `then` in Object.prototype sees nothing of what a call returns", () => {
  for (const [name, [command, ...args]] of Object.entries(runtimes)) {
    it(`under ${name}`, async (t) => {
      const session = await startSession({ bus: false });
      t.after(() => session.stop());
      const file = join(session.directory, "program.cjs");
      writeFileSync(file, source);
      const datapackage = JSON.stringify({ busdk: { secrets: { hunter: "hunter2" } } });
      writeFileSync(join(session.directory, "datapackage.json"), datapackage);
      const identity = writeIdentity(session.directory);
      const env = { OS_SECRETS_PROVIDER: "file", OS_SECRETS_IDENTITY: identity.path };
      const cwd = session.directory;
      const { stdout, stderr } = await session.run(command, [...args, file], { cwd, env });
      assert.equal(stderr, "");
      const { leaked, own, results } = JSON.parse(stdout);
      assert.deepEqual([leaked, own], [[], []]);
      const bytes = JSON.parse(JSON.stringify(Buffer.from("hunter2")));
      const keys = [{ service: "hunter", name: "hunter" }];
      assert.deepEqual(results, {
        get: "hunter2",
        bytes,
        "bytes with a signal": bytes,
        "bytes with a timeout": bytes,
        list: keys,
        "list with a signal": keys,
        "secrets.get": "hunter2",
        resolve: "hunter2",
        "resolve with a signal": "hunter2",
        resolveEnv: JSON.parse('{ "hunter": "hunter2", "then": "hunter" }'),
        "resolveEnv with a signal": { hunter: "hunter2" },
      });
    });
  }
});

/** A program that replaces globals after the package is loaded, and before the first call loads more files of it. */
const changing = `
  const { openStore, resolve, resolveEnv } = require(${JSON.stringify(root)});
  const seen = [];
  const spy = (object, name) => {
    const { [name]: own } = object;
    object[name] = function (...args) {
      seen.push(...args);
      return own.apply(this, args);
    };
    return () => (object[name] = own);
  };
  const typedArrays = Object.getPrototypeOf(Uint8Array.prototype);
  const restores = [spy(JSON, "parse"), spy(Buffer, "alloc"), spy(typedArrays, "keys"), spy(Object, "assign")];
  (async () => {
    const store = openStore({ provider: "memory" });
    await store.set("service", "name", Buffer.from("hunter2"));
    const detached = new Uint8Array(8);
    structuredClone(detached, { transfer: [detached.buffer] });
    typedArrays.keys = () => [];
    let refused;
    try {
      await store.set("service", "name", detached);
    } catch ({ code }) {
      refused = code;
    }
    const resolved = [await resolve("secret:hunter"), (await resolveEnv({ A: "secret:hunter" })).A];
    for (const restore of restores) restore();
    const leaked = seen.filter((value) => String(value).includes("hunter"));
    console.log(JSON.stringify({ leaked, refused, resolved }));
  })();
`;

describe("globals that a program replaces before its first call see nothing, and change no check", () => {
  for (const [name, [command, ...args]] of Object.entries(runtimes)) {
    it(`under ${name}`, async (t) => {
      const session = await startSession({ bus: false });
      t.after(() => session.stop());
      const file = join(session.directory, "program.cjs");
      writeFileSync(file, changing);
      const datapackage = JSON.stringify({ busdk: { secrets: { hunter: "hunter2" } } });
      writeFileSync(join(session.directory, "datapackage.json"), datapackage);
      const identity = writeIdentity(session.directory);
      const env = { OS_SECRETS_PROVIDER: "file", OS_SECRETS_IDENTITY: identity.path };
      const { stdout, stderr } = await session.run(command, [...args, file], { cwd: session.directory, env });
      assert.equal(stderr, "");
      const expected = { leaked: [], refused: "ERR_INVALID_ARG_VALUE", resolved: ["hunter2", "hunter2"] };
      assert.deepEqual(JSON.parse(stdout), expected);
    });
  }
});

describe("a failure that nobody handles", () => {
  for (const [name, [command, ...args]] of Object.entries(runtimes)) {
    it(`is reported by ${name}, also for the calls of a store`, async (t) => {
      const session = await startSession({ bus: false });
      t.after(() => session.stop());
      for (const options of [{}, { signal: "AbortSignal.abort()" }]) {
        const file = join(session.directory, "program.cjs");
        const helper = JSON.stringify(join(session.directory, "none"));
        const call = `require(${JSON.stringify(root)}).openStore({ provider: "exec", command: ${helper} })
          .get({ service: "s", name: "n", signal: ${options.signal} });`;
        writeFileSync(file, call);
        const { code, stderr } = await session.run(command, [...args, file]);
        assert.notEqual(code, 0);
        assert.match(stderr, options.signal ? /aborted/ : /cannot be started/);
      }
    });
  }
});
