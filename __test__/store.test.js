// The functions of openStore beyond `secrets`: bytes, has, list and close.

const assert = require("node:assert/strict");
const { writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { storeItem } = require("./support/items.js");
const { linuxOnly } = require("./support/platform.js");
const { node, root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

/**
 * Runs a program in a session and returns its output. It can use `store`, `secrets`, and `show`, which prints
 * JSON.
 */
async function runWithStore(session, [command, ...args], source, env = {}) {
  const text = `
    const { openStore, secrets } = require(${JSON.stringify(root)});
    const show = (...values) => console.log(values.map((value) => JSON.stringify(value ?? null)).join(" "));
    const code = (call) => Promise.resolve().then(call).then(() => "none", (error) => error.code ?? error.name);
    (async () => { const store = openStore(); ${source} })();`;
  const file = join(session.directory, "program.cjs");
  writeFileSync(file, text);
  const { code, stdout, stderr } = await session.run(command, [...args, file], { env });
  assert.equal(code, 0, stderr);
  return stdout;
}

const makeEntry = (service, name) => ({ service, name });
const toJson = (...values) => values.map((value) => JSON.stringify(value)).join(" ");

for (const [name, runtime] of Object.entries(runtimes)) {
  describe(`openStore under ${name}`, () => {
    let session;
    before(async () => {
      session = await startSession();
    });
    after(() => session.stop());

    it("holds what secrets hold, in all of their forms", async () => {
      const printed = await runWithStore(
        session,
        runtime,
        `await store.set("s", "n", "väl");
         show(await secrets.get("s", "n"), await store.get({ service: "s", name: "n" }), await store.get("s", "n"));
         await secrets.set({ service: "s", name: "n" }, "two");
         show(await store.get({ service: "s", name: "n", encoding: "utf8" }), await store.delete("s", "n"));
         show(await store.get("s", "n"), await store.delete({ service: "s", name: "n" }));`,
      );
      assert.equal(printed, '"väl" "väl" "väl"\n"two" true\nnull false\n');
    });

    it("holds bytes", async () => {
      const printed = await runWithStore(
        session,
        runtime,
        `const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
         await store.set("s", "bytes", all);
         const read = await store.get({ service: "s", name: "bytes", encoding: "buffer" });
         show(Buffer.isBuffer(read), Buffer.compare(read, all), await code(() => store.get("s", "bytes")));
         show(await code(() => secrets.get("s", "bytes")));
         await store.set({ service: "s", name: "text", value: Buffer.from("täxt") });
         show(await secrets.get("s", "text"));
         await store.set({ service: "s", name: "part" }, all.subarray(97, 100));
         show(await secrets.get("s", "part"));
         await secrets.set("s", "string", "täxt");
         show((await store.get({ service: "s", name: "string", encoding: "buffer" })).toString("hex"));
         show(await store.get({ service: "s", name: "none", encoding: "buffer" }));`,
      );
      const hex = Buffer.from("täxt").toString("hex");
      const lines = ['true 0 "ERR_SECRETS_INVALID_DATA"', '"ERR_SECRETS_INVALID_DATA"', '"täxt"', '"abc"'];
      assert.equal(printed, [...lines, `"${hex}"`, "null", ""].join("\n"));
    });

    it("an empty value deletes, and one whose memory is gone does not", async () => {
      const printed = await runWithStore(
        session,
        runtime,
        `await store.set("s", "empty", "value");
         const gone = new Uint8Array(8);
         structuredClone(gone.buffer, { transfer: [gone.buffer] });
         show(await code(() => store.set("s", "empty", gone)), await store.get("s", "empty"));
         const memory = new ArrayBuffer(8, { maxByteLength: 16 });
         const shrunk = new Uint8Array(memory, 4, 4);
         memory.resize(2);
         show(await code(() => store.set("s", "empty", shrunk)), await store.get("s", "empty"));
         const value = new Uint8Array(8);
         const going = { service: "s", name: "empty", value, get persist() { value.buffer.transfer?.(); } };
         if (value.buffer.transfer === undefined) structuredClone(value.buffer, { transfer: [value.buffer] });
         show(await code(() => store.set(going)), await store.get("s", "empty"));
         await store.set("s", "empty", new Uint8Array(0));
         show(await store.get("s", "empty"));`,
      );
      assert.equal(printed, `${'"ERR_INVALID_ARG_VALUE" "value"\n'.repeat(3)}null\n`);
    });

    it("has and list read no value", async () => {
      const printed = await runWithStore(
        session,
        runtime,
        `show(await store.list({ service: "b" }), await store.has("b", "1"));
         for (const [service, name] of [["b", "2"], ["a", "é"], ["b", "1"], ["a", "z"], ["a b", "/"]]) {
           await store.set(service, name, "value");
         }
         show(await store.list({ service: "b" }), await store.list({ service: "c" }));
         show(await store.list({ service: "a" }), await store.list({ service: "a b" }));
         show(await store.has({ service: "b", name: "1" }), await store.has("b", "3"));`,
      );
      const lines = [
        toJson([], false),
        toJson([makeEntry("b", "1"), makeEntry("b", "2")], []),
        toJson([makeEntry("a", "z"), makeEntry("a", "é")], [makeEntry("a b", "/")]),
        toJson(true, false),
        "",
      ];
      assert.equal(printed, lines.join("\n"));
    });

    it("lists all services, sorted", linuxOnly("a store that lists all services"), async () => {
      const printed = await runWithStore(
        session,
        runtime,
        `for (const { service, name } of await store.list()) await store.delete(service, name);
         show(await store.list());
         for (const [service, name] of [["b", "2"], ["a", "é"], ["b", "1"], ["a", "z"], ["a b", "/"]]) {
           await store.set(service, name, "value");
         }
         show(await store.list());
         show(await store.list({}));`,
      );
      const all = [
        makeEntry("a", "z"),
        makeEntry("a", "é"),
        makeEntry("a b", "/"),
        makeEntry("b", "1"),
        makeEntry("b", "2"),
      ];
      assert.equal(printed, [toJson([]), toJson(all), toJson(all), ""].join("\n"));
    });

    it("has methods that work detached, and that spies can replace", async () => {
      const printed = await runWithStore(
        session,
        runtime,
        `const { get, set, delete: remove, has, list, close } = openStore({ provider: "memory" });
         await set("s", "n", "value");
         show(await get("s", "n"), await has("s", "n"), await list(), await remove("s", "n"), await close());
         show(await code(() => get("s", "n")));
         const spied = openStore({ provider: "memory" });
         const { get: original } = spied;
         spied.get = (...args) => original(...args).then((value) => [args, value]);
         show(await spied.get("s", "n"), await openStore({ provider: "memory" }).get("s", "n"));
         delete spied.get;
         show(await spied.get("s", "n"), Object.keys(spied), spied.constructor.name);`,
      );
      const lines = [
        toJson("value", true, [makeEntry("s", "n")], true, null),
        '"ERR_SECRETS_PLATFORM_ERROR"',
        toJson([["s", "n"], null], null),
        toJson(null, [], "Store"),
        "",
      ];
      assert.equal(printed, lines.join("\n"));
    });

    it("rejects after it was closed, and lets calls in progress end", async () => {
      const printed = await runWithStore(
        session,
        runtime,
        `await store.set("s", "n", "value");
         const read = store.get("s", "n");
         const closed = store.close();
         show(await read, await closed, await code(() => store.get("s", "n")), await code(() => store.list()));
         show(await secrets.get("s", "n"), await openStore().get("s", "n"));
         if (Symbol.asyncDispose) {
           const other = openStore({ provider: "os" });
           await other[Symbol.asyncDispose]();
           show(await code(() => other.has("s", "n")));
         } else show("ERR_SECRETS_PLATFORM_ERROR");
         try { await store.get("s", "n"); } catch (error) { show(error.message); }`,
      );
      const rejected = '"ERR_SECRETS_PLATFORM_ERROR"';
      const lines = [`"value" null ${rejected} ${rejected}`, '"value" "value"', rejected];
      assert.equal(
        printed,
        [...lines, '"The store is closed. Open another one with openStore()"', ""].join("\n"),
      );
    });

    it("refuses what is wrong, at once", async () => {
      const printed = await runWithStore(
        session,
        runtime,
        `const thrown = (call) => { try { call(); return "none"; } catch (error) { return error.code; } };
         show(thrown(() => store.get()), thrown(() => store.get("", "n")), thrown(() => store.set("s", "n", 5)));
         show(thrown(() => store.set("s", "n", new Uint16Array(1))), thrown(() => store.set("s", "n", [1])));
         show(thrown(() => store.get({ service: "s", name: "n", encoding: "hex" })));
         show(thrown(() => store.list(5)), thrown(() => store.list({ service: "" })), thrown(() => store.has("s")));
         show(thrown(() => openStore({ provider: "cloud" })), thrown(() => openStore(null)));
         show(thrown(() => secrets.set("s", "n", new Uint8Array(1))));`,
      );
      const [type, value] = ['"ERR_INVALID_ARG_TYPE"', '"ERR_INVALID_ARG_VALUE"'];
      const lines = [`${type} ${type} ${type}`, `${type} ${type}`, value, `${type} ${type} ${type}`];
      assert.equal(printed, [...lines, `"ERR_SECRETS_INVALID_SETTING" ${type}`, type, ""].join("\n"));
    });
  });
}

describe("a locked store", linuxOnly("a bus"), () => {
  it("is listed where its names can be seen, and rejects where they cannot", async (t) => {
    const session = await startSession({ keyring: false });
    t.after(() => session.stop());
    const keyring = await session.startKeyring({ password: "right" });
    const list = "show(await code(() => store.list())); show(await store.list().catch(() => null));";
    await runWithStore(session, node(20), `await store.set("s", "n", "value");`);
    await session.lock();
    // gnome-keyring remembers the names of items that it has unlocked before.
    assert.equal(await runWithStore(session, node(20), list), '"none"\n[{"service":"s","name":"n"}]\n');
    await session.end(keyring);
    await session.startKeyring({ password: null });
    assert.equal(
      await runWithStore(session, node(20), list),
      '"ERR_SECRETS_INTERACTION_NOT_ALLOWED"\nnull\n',
    );
  });

  it("lists no items of other schemas", async (t) => {
    const session = await startSession();
    t.after(() => session.stop());
    const collection = "/org/freedesktop/secrets/collection/login";
    const attributes = { service: "s", account: "n" };
    await storeItem(session, { collection, attributes, label: "another", secret: "value" });
    const incomplete = { "xdg:schema": "com.oven-sh.bun.Secret", service: "s" };
    await storeItem(session, { collection, attributes: incomplete, label: "incomplete", secret: "value" });
    assert.equal(await runWithStore(session, node(20), "show(await store.list());"), "[]\n");
  });
});
