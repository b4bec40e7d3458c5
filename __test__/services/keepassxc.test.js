// KeePassXC on a virtual screen, and its differences.

const assert = require("node:assert/strict");
const { once } = require("node:events");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { secretsIn } = require("../support/client.js");
const { listItems } = require("../support/items.js");
const { startMonitor } = require("../support/monitor.js");
const { keepassxc } = require("../support/providers.js");
const { bun, root, runtimes } = require("../support/runtimes.js");
const { key, testContract, prepareProvider } = require("./contract.js");

testContract("KeePassXC", keepassxc);

const workers = join(root, "__test__", "programs", "workers.js");

const refused = { name: "Error", code: "ERR_SECRETS_INTERACTION_NOT_ALLOWED" };
const canceled = { name: "Error", code: "ERR_SECRETS_USER_CANCELED" };
const late = { name: "TimeoutError", code: "ERR_SECRETS_TIMEOUT" };

describe("KeePassXC", () => {
  it("wants a prompt for every item that is stored or deleted, which a call may forbid", async (t) => {
    const { session, ours } = await prepareProvider(t, keepassxc);
    await assert.rejects(ours.set({ ...key, value: "value", interactive: false }), refused);
    assert.deepEqual(await listItems(session), []);
    await ours.set({ ...key, value: "value" });
    await assert.rejects(ours.set({ ...key, value: "other", interactive: false }), refused);
    assert.equal(await ours.get({ ...key, interactive: false }), "value");
    await assert.rejects(ours.delete({ ...key, interactive: false }), refused);
    assert.equal(await ours.delete(key), true);
  });

  it("asks the user before one program replaces what another has stored", async (t) => {
    const { session, ours } = await prepareProvider(t, keepassxc);
    const theirs = secretsIn(session, [bun], "bun");
    await theirs.set({ ...key, value: "by Bun" });
    // This call connects, so that the next one spends its time on the prompt.
    assert.equal(await ours.get(key), "by Bun");
    await assert.rejects(ours.set({ ...key, value: "by us", timeout: 1000 }), {
      ...late,
      message: /The change may still have been made/,
    });
    assert.equal(await ours.get(key), "by Bun");
    // The dialog of the call that timed out is still open, and must be answered too.
    keepassxc.agree(session);
    await ours.set({ ...key, value: "by us" });
    assert.equal(await theirs.get(key), "by us");
  });

  it("withdraws the prompt of a worker that was terminated", async (t) => {
    const { session, running, ours } = await prepareProvider(t, keepassxc);
    await ours.set({ ...key, value: "value" });
    await running.lock();
    const monitor = await startMonitor(session);
    const [command, ...args] = runtimes["Node 22"];
    const calls = await monitor.recordCalls(async () => {
      const program = session.start(command, [
        ...args,
        workers,
        "terminated while the user is asked for them",
      ]);
      await session.waitForDialog("Unlock Database");
      program.stdin.write("\n");
      const [[text]] = await Promise.all([once(program.stdout, "data"), once(program, "exit")]);
      assert.deepEqual(JSON.parse(text), [refused.code]);
    });
    assert.ok(calls.indexOf("Dismiss") > calls.indexOf("Prompt"), calls.join(" "));
    const told = ours.get(key);
    await session.answerDialog("Unlock Database", "Return", "password");
    assert.equal(await told, "value");
  });

  it("asks for its password when it is locked, and hides what it holds", async (t) => {
    const { session, running, ours } = await prepareProvider(t, keepassxc);
    await ours.set({ ...key, value: "value" });
    await running.lock();
    for (const call of [ours.get, ours.delete])
      await assert.rejects(call({ ...key, interactive: false }), refused);
    await assert.rejects(ours.set({ ...key, value: "other", interactive: false }), refused);
    await assert.rejects(ours.get({ ...key, timeout: 300 }), late);
    await assert.rejects(ours.delete({ ...key, timeout: 300 }), { ...late, message: /Nothing was changed/ });

    const given = assert.rejects(ours.get(key), canceled);
    await session.answerDialog("Unlock Database", "Escape");
    await given;
    const told = Promise.all([ours.get(key), ours.get({ ...key, name: "another" })]);
    await session.answerDialog("Unlock Database", "Return", "password");
    assert.deepEqual(await told, ["value", null]);
    assert.equal(await ours.get({ ...key, interactive: false }), "value");
  });
});
