// oo7-daemon, and its differences.

const assert = require("node:assert/strict");
const { describe, it } = require("node:test");
const { listItems } = require("../support/items.js");
const { oo7Daemon } = require("../support/providers.js");
const { key, testContract, prepareProvider } = require("./contract.js");

testContract("oo7-daemon", oo7Daemon);

describe("oo7-daemon", () => {
  it("gives an item that is replaced another path, and adds an attribute of its own", async (t) => {
    const { session, ours } = await prepareProvider(t, oo7Daemon);
    await ours.set({ ...key, value: "value" });
    const [first] = await listItems(session);
    await ours.set({ ...key, value: "other" });
    const [second, ...others] = await listItems(session);
    assert.deepEqual(others, []);
    assert.notEqual(second.path, first.path);
    assert.deepEqual(second.attributes, {
      "xdg:schema": "com.oven-sh.bun.Secret",
      service: key.service,
      account: key.name,
      "xdg:content-type": "text/plain",
    });
  });

  it("rejects while it is locked, though it hides what it holds, and keeps it", async (t) => {
    const { running, ours } = await prepareProvider(t, oo7Daemon);
    await ours.set({ ...key, value: "value" });
    await running.lock();
    const refused = { name: "Error", code: "ERR_SECRETS_INTERACTION_NOT_ALLOWED" };
    await assert.rejects(ours.get({ ...key, interactive: false }), refused);
    await assert.rejects(ours.delete({ ...key, interactive: false }), refused);
    await assert.rejects(ours.set({ ...key, value: "other", interactive: false }), refused);
    // Its prompter is a separate program, which does not run here.
    const unasked = { name: "Error", code: "ERR_SECRETS_INTERACTION_REQUIRED", message: /its prompt failed/ };
    await assert.rejects(ours.get(key), unasked);
    await assert.rejects(ours.set({ ...key, value: "other" }), unasked);
    await assert.rejects(ours.delete(key), unasked);
    await running.stop();
    await running.start();
    assert.equal(await ours.get(key), "value");
  });
});
