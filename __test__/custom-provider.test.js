// Stores that a program provides as functions.

const assert = require("node:assert/strict");
const { writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { diagnose, openStore, resolve, resolveEnv } = require("..");
const { runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const key = { service: "my-app", name: "api_key" };

/** A provider over a `Map`, as a class, so that its functions are inherited and need their `this`. */
class MapProvider {
  credentials = new Map();

  #id = ({ service, name }) => JSON.stringify([service, name]);

  async get(asked) {
    return this.credentials.get(this.#id(asked)) ?? null;
  }

  async set({ value, ...asked }) {
    this.credentials.set(this.#id(asked), value);
  }

  async delete(asked) {
    return this.credentials.delete(this.#id(asked));
  }

  list() {
    return [...this.credentials.keys()].map((id) => {
      const [service, name] = JSON.parse(id);
      return { service, name };
    });
  }
}

/** A provider of which one function is another. */
const withFunction = (name, replacement) => Object.assign(new MapProvider(), { [name]: replacement });

describe("a provider of the program", () => {
  it("stores, reads, lists and deletes as every store does", async () => {
    const provider = new MapProvider();
    const store = openStore({ provider });
    assert.equal(await store.get(key), null);
    assert.equal(await store.has(key), false);
    await store.set({ ...key, value: "value" });
    await store.set("other", "name", "second");
    assert.equal(await store.get(key.service, key.name), "value");
    assert.equal(await store.has(key), true);
    assert.deepEqual(await store.list(), [key, { service: "other", name: "name" }]);
    assert.deepEqual(await store.list({ service: "other" }), [{ service: "other", name: "name" }]);
    assert.equal(await store.update(key, (old) => `${old}+`), "value+");
    assert.equal(await store.delete(key), true);
    assert.equal(await store.delete(key), false);
    await store.set("other", "name", "");
    assert.equal(provider.credentials.size, 0);
  });

  it("gets bytes that are not text as a Uint8Array, and may return one", async () => {
    const provider = new MapProvider();
    const store = openStore({ provider });
    await store.set({ ...key, value: Uint8Array.of(255, 0) });
    assert.deepEqual([...provider.credentials.values()], [Buffer.of(255, 0)]);
    assert.deepEqual(await store.get({ ...key, encoding: "buffer" }), Buffer.of(255, 0));
    await assert.rejects(store.get(key), { code: "ERR_SECRETS_INVALID_DATA", reason: "not-text" });
    await store.set({ ...key, value: Buffer.from("text") });
    assert.deepEqual([...provider.credentials.values()], ["text"]);
  });

  it("is not asked if an argument is wrong", () => {
    const fail = () => assert.fail("it was asked");
    const store = openStore({ provider: { get: fail, set: fail, delete: fail, list: fail } });
    assert.throws(() => store.get({ service: "", name: "name" }), { code: "ERR_INVALID_ARG_TYPE" });
    assert.throws(() => store.set({ ...key, value: 1 }), { code: "ERR_INVALID_ARG_TYPE" });
    assert.throws(() => store.delete("a\0", "b"), { code: "ERR_INVALID_ARG_VALUE" });
    assert.throws(() => store.list({ service: 1 }), { code: "ERR_INVALID_ARG_TYPE" });
  });

  it("must have its functions", () => {
    const invalid = (property) => ({
      code: "ERR_SECRETS_INVALID_SETTING",
      message: `The property 'options.provider.${property}' must be a function`,
    });
    const functions = { get() {}, set() {}, delete() {} };
    assert.throws(() => openStore({ provider: {} }), invalid("get"));
    for (const name of Object.keys(functions)) {
      assert.throws(() => openStore({ provider: { ...functions, [name]: undefined } }), invalid(name));
    }
    assert.throws(() => openStore({ provider: { ...functions, list: true } }), invalid("list"));
    assert.throws(() => openStore({ provider: functions, path: "x" }), {
      code: "ERR_SECRETS_INVALID_SETTING",
      message: /'options.path' is not an option of a provider of your own/,
    });
  });

  it("is called with its own `this`, and with nothing but the documented properties", async () => {
    const seen = [];
    const provider = {
      get(...args) {
        seen.push([this, args]);
        return null;
      },
      set(...args) {
        seen.push([this, args]);
      },
      delete(...args) {
        seen.push([this, args]);
        return false;
      },
      list(...args) {
        seen.push([this, args]);
        return [];
      },
    };
    const store = openStore({ provider });
    await store.get({ ...key, timeout: 1000 });
    await store.set({ ...key, value: "v", persist: "local" });
    await store.delete(key);
    await store.list();
    assert.deepEqual(
      seen.map(([, args]) => args),
      [[key], [{ ...key, value: "v" }], [key], []],
    );
    assert.ok(seen.every(([self]) => self === provider));
  });

  for (const [method, call, answers] of [
    ["get", (store) => store.get(key), [undefined, 1, {}, [], new Uint16Array(1)]],
    ["delete", (store) => store.delete(key), [undefined, null, 1, "true"]],
    [
      "list",
      (store) => store.list(),
      [undefined, {}, "x", [null], [{ service: "s" }], [{ ...key, name: "" }]],
    ],
  ]) {
    it(`must not return something else from ${method}`, async () => {
      for (const answer of answers) {
        const store = openStore({ provider: withFunction(method, async () => answer) });
        await assert.rejects(call(store), {
          code: "ERR_SECRETS_INVALID_DATA",
          message: new RegExp(`^The provider's function ${method} must return `),
        });
      }
    });
  }

  it("rejects with what it has thrown as the cause", async () => {
    const ofNode = Object.assign(new Error("x"), { code: "ERR_OSSL_BAD_DECRYPT", reason: "bad decrypt" });
    for (const cause of [new RangeError("no"), ofNode, "text", undefined, null]) {
      for (const throws of [
        () => {
          throw cause;
        },
        () => Promise.reject(cause),
      ]) {
        const store = openStore({ provider: withFunction("get", throws) });
        const error = await store.get(key).then(assert.fail, (error) => error);
        assert.equal(error.code, "ERR_SECRETS_PLATFORM_ERROR");
        assert.equal(error.reason, "failed");
        assert.match(error.message, /^The provider's function get has thrown an error/);
        assert.ok(Object.hasOwn(error, "cause"));
        assert.equal(error.cause, cause);
        assert.doesNotMatch(error.message, /changed/);
      }
    }
  });

  it("may have made a change if set or delete has thrown", async () => {
    const fail = async () => {
      throw new Error("lost");
    };
    const store = openStore({ provider: Object.assign(new MapProvider(), { set: fail, delete: fail }) });
    const expected = { message: /The change may still have been made/ };
    await assert.rejects(store.set({ ...key, value: "v" }), expected);
    await assert.rejects(store.delete(key), expected);
  });

  it("passes errors of another store of ours on as they are", async () => {
    const inner = openStore({ provider: withFunction("get", () => new Promise(() => {})) });
    let thrown;
    const store = openStore({
      provider: withFunction("get", async () => {
        await inner.get({ ...key, timeout: 10 }).catch((error) => {
          thrown = error;
          throw error;
        });
      }),
    });
    const error = await store.get(key).then(assert.fail, (error) => error);
    assert.equal(error, thrown);
    assert.equal(error.code, "ERR_SECRETS_TIMEOUT");
  });

  it("is not asked to keep what no store keeps", async () => {
    const store = openStore({ provider: withFunction("set", () => assert.fail("it was asked")) });
    const tooLarge = { code: "ERR_SECRETS_TOO_LARGE", reason: "too-large" };
    await assert.rejects(store.set({ ...key, value: Buffer.alloc(16 * 1024 * 1024 + 1, "x") }), tooLarge);
    await assert.rejects(
      store.set({ service: "s".repeat(4 * 1024 * 1024), name: "n", value: "v" }),
      tooLarge,
    );
  });

  it("need not list", async () => {
    const store = openStore({ provider: withFunction("list", undefined) });
    await assert.rejects(store.list(), {
      code: "ERR_SECRETS_INVALID_SETTING",
      message: /^The provider has no function list\. Add one/,
    });
  });

  it("is bounded by the call's deadline and signal, and by OS_SECRETS_TIMEOUT", async (t) => {
    const session = await startSession({ bus: false });
    t.after(() => session.stop());
    const hanging = withFunction("get", () => new Promise(() => {}));
    const store = openStore({ provider: hanging });
    await assert.rejects(store.get({ ...key, timeout: 20 }), {
      name: "TimeoutError",
      code: "ERR_SECRETS_TIMEOUT",
    });
    const reason = new Error("enough");
    await assert.rejects(store.get({ ...key, signal: AbortSignal.abort(reason) }), { cause: reason });
    const controller = new AbortController();
    const call = store.get({ ...key, signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(call, { name: "AbortError", code: "ABORT_ERR", cause: reason });
    const script = `
      const { openStore } = require(${JSON.stringify(join(__dirname, ".."))});
      const never = () => new Promise(() => {});
      const store = openStore({ provider: { get: never, set: never, delete: never } });
      const tell = ({ code, message }) => console.log(code, message);
      store.get("a", "b").catch(tell);
      // A call's own deadline takes precedence, also if it is later.
      store.get({ service: "a", name: "b", timeout: 700 }).catch(tell);`;
    const file = join(session.directory, "program.cjs");
    writeFileSync(file, script);
    for (const [name, [program, ...args]] of Object.entries(runtimes)) {
      const run = await session.run(program, [...args, file], { env: { OS_SECRETS_TIMEOUT: "300" } });
      const told = /^ERR_SECRETS_TIMEOUT .*300 ms.*\nERR_SECRETS_TIMEOUT .*700 ms/;
      assert.match(run.stdout, told, `${name}: ${run.stderr}`);
    }
  });

  it("is closed after its calls, and asked no more", async () => {
    let finish;
    const provider = withFunction("get", () => new Promise((resolve) => (finish = resolve)));
    const store = openStore({ provider });
    const call = store.get(key);
    let isClosed = false;
    const closing = store.close().then(() => {
      isClosed = true;
    });
    while (finish === undefined) await new Promise(setImmediate);
    assert.equal(isClosed, false);
    finish("late");
    assert.equal(await call, "late");
    await closing;
    await assert.rejects(store.get(key), { reason: "closed" });
  });

  it("updates one credential at a time, and others at once", async () => {
    const store = openStore({ provider: new MapProvider() });
    const add = async (old) => {
      await new Promise(setImmediate);
      return `${Number(old ?? 0) + 1}`;
    };
    const names = Array.from({ length: 100 }, (_, index) => `name ${index % 4}`);
    await Promise.all(names.map((name) => store.update({ service: "s", name }, add)));
    for (const name of new Set(names)) assert.equal(await store.get("s", name), "25");
    await assert.rejects(
      store.update(key, () => store.update(key, () => "x")),
      { reason: "nested-update" },
    );
  });

  it("has the user's secrets for resolve and resolveEnv", async () => {
    const store = openStore({ provider: new MapProvider() });
    await store.set("os-secrets", "token", "from the provider");
    assert.equal(await resolve("secret:token", { store, scope: "user" }), "from the provider");
    assert.deepEqual(
      { ...(await resolveEnv({ A: "secret:token", B: "b" }, { store })) },
      {
        A: "from the provider",
        B: "b",
      },
    );
    await assert.rejects(resolve("secret:absent", { store, scope: "user" }), {
      code: "ERR_SECRETS_NOT_FOUND",
    });
    assert.throws(() => resolve("x", { store: {} }), { code: "ERR_INVALID_ARG_TYPE" });
    await store.close();
    await assert.rejects(resolve("secret:token", { store }), { reason: "closed" });
  });

  it("is examined without being asked", async () => {
    const fail = () => assert.fail("it was asked");
    assert.deepEqual(await diagnose({ provider: { get: fail, set: fail, delete: fail } }), {
      works: true,
      store: "custom provider",
      writable: null,
      problems: [],
    });
  });

  it("does not keep a process alive that waits for nothing", async (t) => {
    const session = await startSession({ bus: false });
    t.after(() => session.stop());
    const script = `
      const { openStore } = require(${JSON.stringify(join(__dirname, ".."))});
      const store = openStore({ provider: { get: () => "v", set() {}, delete: () => true } });
      store.get("a", "b").then((value) => console.log(value));`;
    const file = join(session.directory, "program.cjs");
    writeFileSync(file, script);
    for (const [name, [program, ...args]] of Object.entries(runtimes)) {
      const { code, stdout, stderr } = await session.run(program, [...args, file]);
      assert.deepEqual([code, stdout], [0, "v\n"], `${name}: ${stderr}`);
    }
  });
});
