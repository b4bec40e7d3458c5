// KWallet's own Secret Service, and its differences.

const assert = require("node:assert/strict");
const { describe, it } = require("node:test");
const { listItems } = require("../support/items.js");
const { kwallet } = require("../support/providers.js");
const { key, testContract, prepareProvider } = require("./contract.js");

testContract("KWallet", kwallet);

const refused = { name: "Error", code: "ERR_SECRETS_INTERACTION_NOT_ALLOWED" };

describe("KWallet says that it is locked", () => {
  it("after every start, until one prompt has run, which shows nothing where the wallet is open", async (t) => {
    const { session, running, ours } = await prepareProvider(t, kwallet);
    await assert.rejects(ours.set({ ...key, value: "value", interactive: false }), refused);
    assert.deepEqual(await listItems(session), []);
    await ours.set({ ...key, value: "value" });
    await ours.set({ ...key, value: "other", interactive: false });
    await running.stop();
    await running.start();
    await assert.rejects(ours.get({ ...key, interactive: false }), refused);
    assert.equal(await ours.get(key), "other");
    assert.equal(await ours.get({ ...key, interactive: false }), "other");
  });

  it("when it was locked, and every call rejects that finds nobody to ask", async (t) => {
    const { running, ours } = await prepareProvider(t, kwallet);
    await ours.set({ ...key, value: "value" });
    await running.lock();
    await assert.rejects(ours.get({ ...key, interactive: false }), refused);
    await assert.rejects(ours.set({ ...key, value: "other", interactive: false }), refused);
    await assert.rejects(ours.delete({ ...key, interactive: false }), refused);
    assert.equal(await ours.get({ ...key, name: "another", interactive: false }), null);
    // Its dialog is not on a real screen, so nobody can answer it.
    const late = { name: "TimeoutError", code: "ERR_SECRETS_TIMEOUT" };
    await assert.rejects(ours.get({ ...key, timeout: 300 }), late);
    await assert.rejects(ours.set({ ...key, value: "other", timeout: 300 }), {
      ...late,
      message: /Nothing was changed/,
    });
    await running.stop();
    await running.start();
    assert.equal(await ours.get(key), "value");
  });
});
