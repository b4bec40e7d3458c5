// Prompts of gnome-keyring. libgcr's mock prompter answers them in place of the user.

const assert = require("node:assert/strict");
const { describe, it } = require("node:test");
const { secretsIn } = require("./support/client.js");
const { listItems } = require("./support/items.js");
const { linuxOnly } = require("./support/platform.js");
const { bun, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const key = { service: "prompts", name: "name" };
const canceled = { name: "Error", code: "ERR_SECRETS_USER_CANCELED" };
const NEVER = "delay 3600000";

/** Starts a session with a locked keyring that has one credential. Its password is "right". */
async function startLockedKeyring(t) {
  const session = await startSession({ keyring: false });
  t.after(() => session.stop());
  const prompter = await session.startPrompter();
  const keyring = await session.startKeyring({ password: "right", prompter });
  const env = { DISPLAY: ":0" };
  const ours = secretsIn(session, runtimes["Node 22"], "os-secrets", { env });
  await ours.set({ ...key, value: "value" });
  await session.lock();
  return { session, prompter, keyring, ours };
}

describe("a prompt", linuxOnly("a bus"), () => {
  it("that is answered opens the store for get, set and delete", async (t) => {
    const { session, prompter, ours } = await startLockedKeyring(t);
    await prompter.expect("password right");
    assert.equal(await ours.get(key), "value");
    await session.lock();
    await prompter.expect("password right");
    await ours.set({ ...key, value: "other" });
    await session.lock();
    await prompter.expect("password right");
    assert.equal(await ours.delete(key), true);
    await session.lock();
    await prompter.expect("password right");
    await ours.set({ ...key, value: "new" });
    assert.equal(await ours.get(key), "new");
  });

  it("that is answered wrong, then right, opens it as well, as for Bun", async (t) => {
    const { session, prompter, ours } = await startLockedKeyring(t);
    await prompter.expect("password wrong", "password right");
    assert.equal(await ours.get(key), "value");
    await session.lock();
    await prompter.expect("password wrong", "password right");
    const theirs = secretsIn(session, [bun], "bun");
    assert.equal(await theirs.get(key), "value");
  });

  it("that is canceled rejects get, set and delete, and changes nothing", async (t) => {
    const { session, prompter, ours } = await startLockedKeyring(t);
    await prompter.expect("cancel");
    await assert.rejects(ours.get(key), canceled);
    await prompter.expect("cancel");
    const unchanged = { ...canceled, message: /was dismissed\. Nothing was changed\./ };
    await assert.rejects(ours.set({ ...key, value: "other" }), unchanged);
    await prompter.expect("cancel");
    await assert.rejects(ours.delete(key), unchanged);
    await prompter.expect("password right");
    assert.equal(await ours.get(key), "value");
    assert.equal((await listItems(session)).length, 1);
  });

  it("is shown once for a hundred calls", async (t) => {
    const { prompter, ours } = await startLockedKeyring(t);
    // The prompter expects one prompt, and would refuse a second one.
    await prompter.expect("password right");
    const values = await Promise.all(Array.from({ length: 100 }, () => ours.get(key)));
    assert.deepEqual(new Set(values), new Set(["value"]));
  });

  it("that is canceled ends a hundred calls", async (t) => {
    const { prompter, ours } = await startLockedKeyring(t);
    await prompter.expect("cancel");
    const calls = await Promise.allSettled(Array.from({ length: 100 }, () => ours.get(key)));
    for (const { reason } of calls) assert.equal(reason?.code, canceled.code);
  });

  it("that is never answered lets all other calls proceed", async (t) => {
    const { prompter, ours } = await startLockedKeyring(t);
    await prompter.expect(NEVER, "password right");
    let settled = false;
    ours.get(key).then(
      () => (settled = true),
      () => (settled = true),
    );
    await prompter.expect("shown");
    assert.equal(await ours.get({ ...key, name: "another" }), null);
    assert.equal(await ours.delete({ ...key, name: "another" }), false);
    await assert.rejects(ours.get({ ...key, interactive: false }), {
      code: "ERR_SECRETS_INTERACTION_NOT_ALLOWED",
    });
    assert.equal(settled, false);
  });

  it("ends with the call's deadline, and is asked but once: its answer serves the next call", async (t) => {
    const { prompter, ours } = await startLockedKeyring(t);
    await prompter.expect("delay 5000", "password right");
    const timedOut = { name: "TimeoutError", code: "ERR_SECRETS_TIMEOUT", message: /within 200 ms\./ };
    await assert.rejects(ours.get({ ...key, timeout: 200 }), timedOut);
    const nothing = { ...timedOut, message: /within 200 ms\. Nothing was changed\./ };
    await assert.rejects(ours.set({ ...key, value: "other", timeout: 200 }), nothing);
    await assert.rejects(ours.delete({ ...key, timeout: 200 }), nothing);
    // The prompter expects one prompt, and would refuse a second one.
    assert.equal(await ours.get(key), "value");
  });

  it("ends when its service does, and the next call is answered by the next one", async (t) => {
    const { session, prompter, keyring, ours } = await startLockedKeyring(t);
    await prompter.expect(NEVER, "password right");
    const waiting = ours.get(key);
    const ended = assert.rejects(waiting, {
      code: "ERR_SECRETS_PLATFORM_ERROR",
      message: /No credential store answers/,
    });
    await prompter.expect("shown");
    await session.end(keyring);
    await ended;
    await session.startKeyring({ password: "right" });
    assert.equal(await ours.get(key), "value");
  });

  for (const name of ["Node 22", "Bun"]) {
    it(`that the bus refuses rejects each call, and holds up none, under ${name}`, async (t) => {
      const session = await startSession({ bus: false });
      t.after(() => session.stop());
      // A sandbox may have such a policy.
      const policy = '<deny send_interface="org.freedesktop.Secret.Prompt" send_member="Prompt"/>';
      await session.startBus("bus", { policy });
      await session.startKeyring();
      const ours = secretsIn(session, runtimes[name], "os-secrets");
      await ours.set({ ...key, value: "value" });
      await session.lock();
      const denied = { code: "ERR_SECRETS_ACCESS_DENIED", message: /Prompt/ };
      for (let times = 0; times < 3; times++) {
        await assert.rejects(ours.get(key), denied);
        await assert.rejects(ours.set({ ...key, value: "other" }), denied);
        await assert.rejects(ours.delete(key), denied);
      }
    });
  }

  it("makes the default collection where there is none, as libsecret names it", async (t) => {
    const session = await startSession({ keyring: false });
    t.after(() => session.stop());
    const prompter = await session.startPrompter();
    await session.startKeyring({ password: null, prompter });
    const ours = secretsIn(session, runtimes["Node 22"], "os-secrets");
    await prompter.expect("password new");
    await ours.set({ ...key, value: "value" });
    assert.equal(await ours.get(key), "value");
    const [{ collection }] = await listItems(session);
    assert.equal(collection, "/org/freedesktop/secrets/collection/Default_5fkeyring");
  });
});
