// The differences of macOS' Keychain from the stores of other systems.
//
// These tests must not cause a prompt, because nobody would answer it. So an executable reads the item of
// another one only in a call that may not ask.

const assert = require("node:assert/strict");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { openStore, secrets } = require("..");
const { makeKeychain } = require("./support/keychain.js");
const { macOnly } = require("./support/platform.js");
const { bun, root } = require("./support/runtimes.js");

const service = "os-secrets test";
/** A call that takes longer waits for the answer to a prompt, which nobody gives. */
const LIMIT = 30_000;
/** The calls of `secrets`, which end in any case. */
const bounded = Object.fromEntries(
  ["get", "set", "delete"].map((name) => [name, (options) => secrets[name]({ timeout: LIMIT, ...options })]),
);
/** The attributes that differ between items: the times of creation and change. */
const TIMES = ["cdat", "mdat"];

describe("Keychain", macOnly("Keychain"), () => {
  let keychain;
  const { HOME } = process.env;

  before(() => {
    keychain = makeKeychain();
    // The system reads HOME at its first call.
    process.env.HOME = keychain.env.HOME;
  });

  after(() => {
    process.env.HOME = HOME;
    keychain?.remove();
  });

  /** Runs a script under Bun. Returns its output. */
  const runInBun = (...args) => {
    const { status, stdout, stderr } = keychain.run(bun, args);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    return stdout;
  };

  it("stores, replaces and deletes", async () => {
    const key = { service, name: "stored" };
    assert.equal(await bounded.get(key), null);
    assert.equal(await bounded.delete(key), false);
    for (const value of ["value", "pä€😀", " \n", "x".repeat(1 << 20)]) {
      await bounded.set({ ...key, value });
      assert.equal(await bounded.get(key), value);
    }
    assert.equal(await bounded.delete(key), true);
    assert.equal(await bounded.get(key), null);
    await bounded.set({ ...key, value: "again" });
    await bounded.set({ ...key, value: "" });
    await bounded.set({ ...key, value: "" });
    assert.equal(await bounded.get(key), null);
  });

  it("keeps bytes that are no text", async () => {
    const key = { service, name: "bytes" };
    const store = openStore();
    const value = new Uint8Array([0, 255, 128, 10]);
    await store.set({ ...key, timeout: LIMIT, value });
    assert.deepEqual(new Uint8Array(await store.get({ ...key, timeout: LIMIT, encoding: "buffer" })), value);
    await assert.rejects(bounded.get(key), { code: "ERR_SECRETS_INVALID_DATA" });
    assert.equal(await bounded.delete(key), true);
  });

  it("has the items of Bun, to the last attribute", async () => {
    const [own, theirs] = [
      { service, name: "own" },
      { service, name: "theirs" },
    ];
    await bounded.set({ ...own, value: "value" });
    runInBun("-e", `await Bun.secrets.set(${JSON.stringify({ ...theirs, value: "value" })})`);
    const [ours, expected] = [keychain.readItem(own), keychain.readItem(theirs)];
    assert.equal(ours.svce, `"${service}"`);
    assert.equal(ours.acct, '"own"');
    assert.equal(expected.acct, '"theirs"');
    for (const time of TIMES) {
      delete ours[time];
      delete expected[time];
    }
    assert.deepEqual({ ...ours, acct: undefined }, { ...expected, acct: undefined });
    assert.equal(await openStore().has(theirs), true);
    const listed = await openStore().list({ service });
    assert.deepEqual(listed, [own, theirs]);
    assert.equal(await bounded.delete(own), true);
    runInBun("-e", `if (!await Bun.secrets.delete(${JSON.stringify(theirs)})) process.exit(1)`);
    assert.deepEqual(await openStore().list({ service }), []);
  });

  it("shares values with Bun in one process, both ways", () => {
    assert.equal(runInBun(join(root, "__test__", "programs", "same-process.js")), "done\n");
  });

  it("rejects a silent get of an item that another executable has stored", async () => {
    const key = { service, name: "guarded" };
    runInBun("-e", `await Bun.secrets.set(${JSON.stringify({ ...key, value: "theirs" })})`);
    await assert.rejects(bounded.get({ ...key, interactive: false }), {
      code: "ERR_SECRETS_INTERACTION_NOT_ALLOWED",
      message: /^Keychain failed at SecItemCopyMatching: .+ \(OSStatus -25308\)\. /,
    });
    runInBun("-e", `await Bun.secrets.delete(${JSON.stringify(key)})`);
  });

  it("deletes what another executable has stored", async () => {
    const key = { service, name: "theirs" };
    runInBun("-e", `await Bun.secrets.set(${JSON.stringify({ ...key, value: "theirs" })})`);
    assert.equal(await bounded.delete({ ...key, interactive: false }), true);
    assert.equal(await openStore().has(key), false);
  });

  it("allowUnrestrictedAccess lets other programs read the value", async () => {
    const key = { service, name: "unrestricted" };
    await bounded.set({ ...key, value: "for all", allowUnrestrictedAccess: true });
    keychain.admitSystem(key);
    const read = ["find-generic-password", "-w", "-s", key.service, "-a", key.name, keychain.path];
    assert.equal(keychain.security(...read), "for all\n");
    assert.equal(await bounded.get(key), "for all");
    assert.equal(await bounded.delete(key), true);
  });

  it("says of a locked keychain that it is locked, and never that there is nothing", async () => {
    const key = { service, name: "locked" };
    await bounded.set({ ...key, value: "value" });
    keychain.lock();
    try {
      const expected = { code: "ERR_SECRETS_INTERACTION_NOT_ALLOWED", message: /security unlock-keychain/ };
      const silent = { interactive: false };
      await assert.rejects(bounded.get({ ...key, ...silent }), expected);
      await assert.rejects(bounded.set({ ...key, ...silent, value: "other" }), expected);
      assert.equal(await openStore().has(key), true);
      assert.deepEqual(await openStore().list({ service }), [key]);
    } finally {
      keychain.unlock();
    }
    assert.equal(await bounded.get(key), "value");
    assert.equal(await bounded.delete(key), true);
  });

  it("lists one service only", () => {
    assert.throws(() => openStore().list(), { name: "TypeError", code: "ERR_INVALID_ARG_VALUE" });
  });

  it("doctor finds the keychain, and whether it is locked", () => {
    const runDoctor = () => {
      const program = join(root, "bin", "secrets.js");
      const { status, stdout } = keychain.run(process.execPath, ["--", program, "doctor", "--json"]);
      return { status, ...JSON.parse(stdout) };
    };
    const { status, store, keychain: path, unlocked, problems } = runDoctor();
    assert.deepEqual(
      { status, store, path, unlocked },
      { status: 0, store: "Keychain", path: keychain.path, unlocked: true },
    );
    assert.deepEqual(problems, []);
    keychain.lock();
    try {
      const found = runDoctor();
      assert.equal(found.unlocked, false);
      assert.equal(found.problems[0].fix, "security unlock-keychain");
    } finally {
      keychain.unlock();
    }
  });
});
