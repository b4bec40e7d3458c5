// The tests for every provider of the Secret Service.

const assert = require("node:assert/strict");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { secretsIn } = require("../support/client.js");
const { listItems } = require("../support/items.js");
const { startProvider } = require("../support/providers.js");
const { bun, root, runtimes } = require("../support/runtimes.js");
const { startSession } = require("../support/session.js");

const node = runtimes["Node 22"];
const key = { service: "services", name: "a name/with a slash" };
const attributes = { "xdg:schema": "com.oven-sh.bun.Secret", service: key.service, account: key.name };
const hundred = Array.from({ length: 100 }, (_, index) => `name ${index}`);

/** Counts the items of the default collection. Reading them one by one is slow with KeePassXC. */
async function countItems(session) {
  const collection = ["org.freedesktop.secrets", "/org/freedesktop/secrets/aliases/default"];
  const property = ["string:org.freedesktop.Secret.Collection", "string:Items"];
  const question = [...collection, "org.freedesktop.DBus.Properties.Get", ...property];
  const { code, stdout, stderr } = await session.call(...question);
  assert.equal(code, 0, stderr);
  return stdout.split("object path").length - 1;
}

/** Starts a session with a provider. Both stop when the test ends. */
async function prepareProvider(t, provider) {
  const session = await startSession({ keyring: false });
  t.after(() => session.stop());
  const running = await startProvider(session, provider);
  return { session, running, ours: secretsIn(session, node, "os-secrets") };
}

/** Defines the tests of the contract. `provider` comes from support/providers.js. */
function testContract(name, provider) {
  describe(`${name} holds credentials`, () => {
    let session;
    let running;
    let ours;
    before(async () => {
      session = await startSession({ keyring: false });
      running = await startProvider(session, provider);
      ours = secretsIn(session, node, "os-secrets");
    });
    after(() => session.stop());

    it("stores, reads, replaces and deletes", async () => {
      assert.equal(await ours.get(key), null);
      assert.equal(await ours.delete(key), false);
      for (const value of ["plain", "Zürich 👋", "a\nb", " ", "x".repeat(100_000)]) {
        await ours.set({ ...key, value });
        assert.equal(await ours.get(key), value);
      }
      assert.equal((await listItems(session)).length, 1);
      assert.equal(await ours.delete(key.service, key.name), true);
      assert.equal(await ours.delete(key), false);
      assert.equal(await ours.get(key.service, key.name), null);
      assert.deepEqual(await listItems(session), []);
    });

    it("takes names of any script", async () => {
      const odd = { service: "Dienst „ü“ 👋", name: "имя = \"x\" & 'y' \\ %s" };
      await ours.set({ ...odd, value: "value" });
      assert.equal(await ours.get(odd), "value");
      assert.equal(await ours.get({ ...odd, name: "имя" }), null);
      assert.equal(await ours.delete(odd), true);
    });

    it("deletes with an empty value", async () => {
      await ours.set({ ...key, value: "" });
      await ours.set({ ...key, value: "value" });
      await ours.set({ ...key, value: "" });
      assert.equal(await ours.get(key), null);
      assert.deepEqual(await listItems(session), []);
    });

    it("takes a hundred calls at once", async () => {
      const all = (call) => Promise.all(hundred.map(call));
      await all((name) => ours.set("hundred", name, `value of ${name}`));
      assert.equal(await countItems(session), 100);
      assert.deepEqual(
        await all((name) => ours.get("hundred", name)),
        hundred.map((name) => `value of ${name}`),
      );
      assert.deepEqual(new Set(await all((name) => ours.delete("hundred", name))), new Set([true]));
      assert.equal(await countItems(session), 0);
    });

    it("leaves one item of a hundred sets of one key", async () => {
      await Promise.all(hundred.map((value) => ours.set({ ...key, value })));
      const [item, ...others] = await listItems(session);
      assert.deepEqual(others, []);
      assert.ok(hundred.includes(item.secret));
      assert.equal(await ours.get(key), item.secret);
      assert.equal(await ours.delete(key), true);
    });

    it("holds bytes, and says what it holds", async () => {
      const program = join(root, "__test__", "programs", "open-store.js");
      const { code, stderr } = await session.run(node[0], [program]);
      assert.equal(code, 0, stderr);
    });

    it("keeps a deadline, and reads what is open without asking", async () => {
      await ours.set({ ...key, value: "value", timeout: 60_000 });
      assert.equal(await ours.get({ ...key, timeout: 60_000, interactive: false }), "value");
      const aborted = { name: "AbortError", code: "ABORT_ERR" };
      await assert.rejects(ours.abortedDelete(key), aborted);
      assert.equal(await ours.delete({ ...key, timeout: 60_000 }), true);
    });

    it("shares the items with Bun.secrets", async () => {
      const theirs = secretsIn(session, [bun], "bun");
      provider.agree?.(session);
      for (const [writer, reader] of [
        [ours, theirs],
        [theirs, ours],
      ]) {
        for (const value of ["plain", "Zürich 👋", "x".repeat(10_000)]) {
          await writer.set({ ...key, value });
          assert.equal(await reader.get(key), value);
        }
        assert.equal(await reader.delete(key), true);
        assert.equal(await writer.get(key), null);
      }

      await theirs.set({ ...key, value: "by Bun" });
      const [first] = await listItems(session);
      await ours.set({ ...key, value: "by us" });
      const [second, ...others] = await listItems(session);
      assert.deepEqual(others, []);
      assert.equal(second.label, `${key.service}/${key.name}`);
      for (const name of Object.keys(attributes)) assert.equal(second.attributes[name], attributes[name]);
      // Some providers add an identity to each entry, which differs.
      const shape = ({ path, secret, attributes: { Uuid, Path, ...rest }, ...item }) => ({ ...item, rest });
      assert.deepEqual(shape(second), shape(first));
      await ours.delete(key);
      await ours.set({ ...key, value: "by us, anew" });
      const [third] = await listItems(session);
      assert.deepEqual(shape(third), shape(first));
      await theirs.set({ ...key, value: "by Bun, anew" });
      assert.equal((await listItems(session)).length, 1);
      assert.equal(await ours.get(key), "by Bun, anew");
      await ours.delete(key);
    });

    it("is followed when it is restarted", async () => {
      await ours.set({ ...key, value: "value" });
      for (let times = 0; times < 2; times++) {
        await running.stop();
        await running.start();
        assert.equal(await ours.get(key), "value");
      }
      await running.stop();
      await running.start();
      await ours.set({ ...key, value: "other" });
      await running.stop();
      await running.start();
      assert.equal(await ours.delete(key), true);
      assert.equal(await ours.get(key), null);
    });
  });
}

module.exports = { key, testContract, prepareProvider };
