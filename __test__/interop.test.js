// Our items are Bun's, including every attribute. Each implementation reads, replaces and deletes the items
// of the other, and so do other clients.

const assert = require("node:assert/strict");
const { after, before, describe, it } = require("node:test");
const { secretsIn } = require("./support/client.js");
const { listItems, storeItem } = require("./support/items.js");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { bun, node } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const key = { service: "interop", name: "a name/with a slash" };
const collection = "/org/freedesktop/secrets/collection/login";
const attributes = { "xdg:schema": "com.oven-sh.bun.Secret", service: key.service, account: key.name };
const label = `${key.service}/${key.name}`;

/** The properties of every item with this key, without its secret. */
const looks = isWindows
  ? { label, user: key.name, persist: 3, comment: null, alias: null, attributes: 0 }
  : { collection, attributes, label, contentType: "text/plain" };

/** Lists the items without the properties that differ between items with the same key. */
const listStored = async (session) => (await listItems(session)).map(({ path, blob, ...item }) => item);

describe("credentials are shared with Bun.secrets", () => {
  let session;
  let ours;
  let theirs;
  before(async () => {
    session = await startSession();
    ours = secretsIn(session, node(20), "os-secrets");
    theirs = secretsIn(session, [bun], "bun");
  });

  after(() => session.stop());

  it("Bun reads what we wrote, and we what Bun wrote", async () => {
    for (const [writer, reader] of [
      [ours, theirs],
      [theirs, ours],
    ]) {
      for (const value of ["plain", "Zürich 👋", "a\nb", "x".repeat(isWindows ? 2560 : 10_000)]) {
        await writer.set({ ...key, value });
        assert.equal(await reader.get(key), value);
      }
      assert.equal(await reader.delete(key), true);
      assert.equal(await writer.get(key), null);
      assert.equal(await writer.delete(key), false);
    }
  });

  it("the items are equal, and replacing leaves one", async () => {
    await theirs.set({ ...key, value: "by Bun" });
    assert.deepEqual(await listStored(session), [{ ...looks, secret: "by Bun" }]);
    await ours.set({ ...key, value: "by us" });
    assert.deepEqual(await listStored(session), [{ ...looks, secret: "by us" }]);

    await ours.delete(key);
    await ours.set({ ...key, value: "by us, anew" });
    assert.deepEqual(await listStored(session), [{ ...looks, secret: "by us, anew" }]);
    await theirs.set({ ...key, value: "by Bun, anew" });
    assert.equal((await listItems(session)).length, 1);
    assert.equal(await ours.get(key), "by Bun, anew");
    await ours.delete(key);
  });

  it("a secret replaced in its item comes to the same as an item replaced", async () => {
    for (const others of isWindows
      ? [{}, { user: null }, { persist: 2 }]
      : [{}, { label: "a name of somebody's own" }, { attributes: { ...attributes, more: "" } }]) {
      for (const writer of [ours, theirs]) {
        await storeItem(session, { ...looks, secret: "first", ...others });
        await writer.set({ ...key, value: "second" });
        assert.deepEqual(await listStored(session), [{ ...looks, secret: "second" }]);
        await writer.delete(key);
      }
    }
  });

  it("an item keeps the time when it was made, and has that of its change", linuxOnly("a bus"), async () => {
    /** Reads a time of an item, in seconds. */
    const readTime = async (path, property) => {
      const get = ["org.freedesktop.DBus.Properties.Get", "string:org.freedesktop.Secret.Item"];
      const { stdout } = await session.call("org.freedesktop.secrets", path, ...get, `string:${property}`);
      return Number(/uint64 (\d+)/.exec(stdout)[1]);
    };
    const path = await storeItem(session, { collection, attributes, label: "first", secret: "first" });
    await ours.set({ ...key, value: "second" });
    const made = await readTime(path, "Created");
    for (const writer of [ours, theirs]) {
      const before = await readTime(path, "Modified");
      // The clock of the service may be some milliseconds late.
      while (Date.now() < (before + 1) * 1000 + 50) await new Promise((resolve) => setTimeout(resolve, 50));
      await writer.set({ ...key, value: `at ${before}` });
      assert.ok((await readTime(path, "Modified")) > before);
      assert.equal(await readTime(path, "Created"), made);
    }
    await ours.delete(key);
  });

  it("secret-tool finds ours, and we find secret-tool's", linuxOnly("a bus"), async () => {
    const pairs = Object.entries(attributes).flat();
    await ours.set({ ...key, value: "for secret-tool" });
    const { stdout } = await session.run("secret-tool", ["lookup", ...pairs]);
    assert.equal(stdout, "for secret-tool");
    const store = ["store", "--label=anything", ...pairs];
    const { code, stderr } = await session.run("secret-tool", store, { input: "from secret-tool" });
    assert.equal(code, 0, stderr);
    assert.equal(await ours.get(key), "from secret-tool");
    assert.equal((await listItems(session)).length, 1);
    await ours.delete(key);
  });

  it("items of other schemas are left alone", linuxOnly("a bus"), async () => {
    const pairs = ["service", key.service, "account", key.name];
    await session.run("secret-tool", ["store", "--label=another", ...pairs], { input: "another" });
    assert.equal(await ours.get(key), null);
    assert.equal(await ours.delete(key), false);
    await ours.set({ ...key, value: "ours" });
    await ours.delete(key);
    assert.equal(await theirs.get(key), null);
    assert.deepEqual(
      (await listItems(session)).map(({ secret }) => secret),
      ["another"],
    );
    await session.run("secret-tool", ["clear", ...pairs]);
  });

  it("a value that is not UTF-8 text is an error, not a wrong string", async () => {
    const input = Buffer.from([0x66, 0xff, 0xfe]);
    if (isWindows) {
      await storeItem(session, { ...looks, secret: input });
    } else {
      const pairs = Object.entries(attributes).flat();
      await session.run("secret-tool", ["store", "--label=bytes", ...pairs], { input });
    }
    await assert.rejects(ours.get(key), { code: "ERR_SECRETS_INVALID_DATA", name: "Error" });
    assert.equal(await ours.delete(key), true);
  });
});
