// A locked store is never reported as "no such credential". These sessions have no prompter, so gnome-keyring
// dismisses every prompt at once.

const assert = require("node:assert/strict");
const { describe, it } = require("node:test");
const { secretsIn } = require("./support/client.js");
const { listItems } = require("./support/items.js");
const { linuxOnly } = require("./support/platform.js");
const { bun, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const key = { service: "locked", name: "name" };

async function startTestSession(t, options) {
  const session = await startSession(options);
  t.after(() => session.stop());
  return session;
}

describe("a locked keyring", linuxOnly("a bus"), () => {
  for (const [label, env, code, message] of [
    [
      "without a display",
      {},
      "ERR_SECRETS_INTERACTION_REQUIRED",
      /without a display .* unlock it .*gnome-keyring-daemon --replace --unlock/,
    ],
    [
      "with an X display",
      { DISPLAY: ":99" },
      "ERR_SECRETS_USER_CANCELED",
      /was dismissed.*install its prompter.* or unlock the store first/,
    ],
    [
      "with a Wayland display",
      { WAYLAND_DISPLAY: "wayland-9" },
      "ERR_SECRETS_USER_CANCELED",
      /was dismissed/,
    ],
  ]) {
    it(`rejects every call on it ${label}, and changes nothing`, async (t) => {
      const session = await startTestSession(t, { keyring: false });
      const keyring = await session.startKeyring();
      const ours = secretsIn(session, runtimes["Node 20"], "os-secrets", { env });
      await ours.set({ ...key, value: "value" });
      await session.lock();
      const error = { name: "Error", code, message };
      await assert.rejects(ours.get(key), error);
      await assert.rejects(ours.set({ ...key, value: "other" }), error);
      await assert.rejects(ours.set({ ...key, value: "" }), error);
      await assert.rejects(ours.delete(key), error);
      await assert.rejects(ours.set({ ...key, name: "another", value: "other" }), error);
      // The new gnome-keyring unlocks its keyring when it starts.
      await session.end(keyring);
      await session.startKeyring();
      assert.equal(await ours.get(key), "value");
      assert.deepEqual((await listItems(session)).length, 1);
    });
  }

  it("answers null and false for what it does not hold, locked or not", async (t) => {
    const session = await startTestSession(t);
    const ours = secretsIn(session, runtimes["Node 20"], "os-secrets");
    await ours.set({ ...key, value: "value" });
    await session.lock();
    assert.equal(await ours.get({ ...key, name: "another" }), null);
    assert.equal(await ours.delete({ ...key, name: "another" }), false);
  });

  it("is the documented difference: Bun answers null and false", async (t) => {
    const session = await startTestSession(t);
    const theirs = secretsIn(session, [bun], "bun");
    await theirs.set({ ...key, value: "value" });
    await session.lock();
    assert.equal(await theirs.get(key), null);
    assert.equal(await theirs.delete(key), false);
    await assert.rejects(theirs.set({ ...key, value: "other" }), { code: "ERR_SECRETS_PLATFORM_ERROR" });
  });

  it("rejects a hundred calls at once, each of them", async (t) => {
    const session = await startTestSession(t);
    const ours = secretsIn(session, runtimes["Node 20"], "os-secrets");
    await ours.set({ ...key, value: "value" });
    await session.lock();
    const calls = Array.from({ length: 100 }, () => ours.get(key));
    for (const { status, reason } of await Promise.allSettled(calls)) {
      assert.deepEqual([status, reason?.code], ["rejected", "ERR_SECRETS_INTERACTION_REQUIRED"]);
    }
  });
});

describe("a service without a default collection", linuxOnly("a bus"), () => {
  it("has no credentials, and cannot make the collection without asking", async (t) => {
    const session = await startTestSession(t, { keyring: false });
    await session.startKeyring({ password: null });
    const ours = secretsIn(session, runtimes["Node 20"], "os-secrets");
    assert.equal(await ours.get(key), null);
    assert.equal(await ours.delete(key), false);
    await assert.rejects(ours.set({ ...key, value: "value" }), { code: "ERR_SECRETS_INTERACTION_REQUIRED" });
    assert.deepEqual(await listItems(session), []);
  });
});

describe("a keyring that was not unlocked since it started", linuxOnly("a bus"), () => {
  // gnome-keyring shows the items of such a keyring with another schema and hashed attributes.
  it("rejects every call on what it may hold, and answers when it is unlocked", async (t) => {
    const session = await startTestSession(t, { keyring: false });
    const first = await session.startKeyring({ password: "right" });
    const ours = secretsIn(session, runtimes["Node 20"], "os-secrets");
    await ours.set({ ...key, value: "value" });
    await session.end(first);
    const second = await session.startKeyring({ password: null });
    const error = { code: "ERR_SECRETS_INTERACTION_REQUIRED" };
    await assert.rejects(ours.get(key), error);
    await assert.rejects(ours.delete(key), error);
    await assert.rejects(ours.set({ ...key, value: "" }), error);
    await assert.rejects(ours.set({ ...key, value: "other" }), error);
    await session.end(second);
    const prompter = await session.startPrompter();
    await session.startKeyring({ password: null, prompter });
    await prompter.expect("password right");
    assert.equal(await ours.get(key), "value");
    assert.equal((await listItems(session)).length, 1);
    assert.equal(await ours.delete(key), true);
  });
});
