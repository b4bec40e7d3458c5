// Keychain under Node and in the programs, on the model of macOS' Security framework: see tools/test-keychain.js.

const assert = require("node:assert/strict");
const { describe, it } = require("node:test");
const { NODE, startMac } = require("../support/mac.js");

const BUN = "/Users/me/.bun/bin/bun";

describe("the programs", () => {
  it("set, get, list and delete", async (t) => {
    const mac = await startMac(t);
    assert.equal((await mac.secrets(["set", "token", "-q"], { input: "pä€😀\n" })).code, 0);
    assert.deepEqual(await mac.secrets(["get", "token"]), { code: 0, stdout: "pä€😀\n", stderr: "" });
    assert.deepEqual(await mac.secrets(["list"]), { code: 0, stdout: "token\n", stderr: "" });
    const [item] = mac.world.keychains[0].items;
    assert.deepEqual([item.service, item.account], ["os-secrets", "token"]);
    assert.equal((await mac.secrets(["delete", "token", "-q"])).code, 0);
    assert.equal((await mac.secrets(["get", "token"])).code, 1);
    assert.deepEqual(mac.world.keychains[0].items, []);
    assert.deepEqual(mac.takePrompts(), []);
  });

  it("say what state the keychain is in", async (t) => {
    const mac = await startMac(t);
    const works = await mac.secrets(["doctor"]);
    assert.equal(works.code, 0);
    assert.match(
      works.stdout,
      /^works {7}yes\nstore {7}Keychain\nkeychain {4}.*login\.keychain-db\nreachable {3}yes\n/,
    );
    mac.change((world) => {
      world.keychains[0].locked = true;
      world.desktop = false;
    });
    const locked = await mac.secrets(["doctor"]);
    assert.equal(locked.code, 1);
    assert.match(
      locked.stdout,
      /The default keychain is locked, and this session \(SSH or a service\) has no desktop/,
    );
    assert.match(locked.stdout, /security unlock-keychain/);
    mac.change((world) => {
      world.default = null;
    });
    const none = await mac.secrets(["doctor", "--json"]);
    assert.equal(none.code, 1);
    const { reachable, keychain, problems } = JSON.parse(none.stdout);
    assert.deepEqual({ reachable, keychain }, { reachable: false, keychain: null });
    assert.equal(problems[0].fix, "security default-keychain");
  });

  it("exit with 3 if the keychain cannot be used", async (t) => {
    const mac = await startMac(t);
    await mac.secrets(["set", "token", "-q"], { input: "value" });
    mac.change((world) => {
      world.keychains[0].locked = true;
      world.desktop = false;
    });
    const { code, stderr } = await mac.secrets(["get", "token"]);
    assert.equal(code, 3);
    assert.match(stderr, /security unlock-keychain/);
  });
});

describe("several runtimes", () => {
  it("sign in under one, and sign out under another", async (t) => {
    const mac = await startMac(t);
    await mac.run(`await secrets.set("s", "n", "of Bun");`, BUN);
    assert.equal(await mac.run(`await show(secrets.delete("s", "n"));`), "true\n");
    await mac.run(`await secrets.set("s", "n", "of Bun");`, BUN);
    assert.equal(await mac.run(`await show(secrets.set("s", "n", ""));`), "null\n");
    assert.deepEqual(mac.world.keychains[0].items, []);
    assert.deepEqual(mac.takePrompts(), []);
  });

  it("are asked about once each after one has replaced the value of the other", async (t) => {
    const mac = await startMac(t);
    await mac.run(`await secrets.set("s", "n", "of Bun");`, BUN);
    await mac.run(`await secrets.set("s", "n", "of Node");`);
    assert.deepEqual(mac.takePrompts(), []);
    for (const [executable, prompt] of [
      [NODE, "application"],
      [BUN, "partition"],
    ]) {
      mac.change((world) => {
        world.answers = ["always-allow"];
      });
      assert.equal(await mac.run(`await show(secrets.get("s", "n"));`, executable), '"of Node"\n');
      assert.deepEqual(mac.takePrompts(), [prompt]);
    }
    for (const executable of [NODE, BUN]) {
      assert.equal(await mac.run(`await show(secrets.get("s", "n"));`, executable), '"of Node"\n');
    }
    assert.deepEqual(mac.takePrompts(), []);
  });

  it("are refused by a call that must not ask, and by the user", async (t) => {
    const mac = await startMac(t);
    await mac.run(`await secrets.set("s", "n", "of Bun");`, BUN);
    const silent = `await show(secrets.get({ service: "s", name: "n", interactive: false }));`;
    assert.equal(await mac.run(silent), "ERR_SECRETS_INTERACTION_NOT_ALLOWED locked\n");
    assert.deepEqual(mac.takePrompts(), []);
    mac.change((world) => {
      world.answers = ["cancel"];
    });
    const asking = `await show(secrets.get("s", "n"));`;
    assert.equal(await mac.run(asking), "ERR_SECRETS_USER_CANCELED dismissed\n");
    assert.deepEqual(mac.takePrompts(), ["application"]);
  });
});

it("a call that waits for the user ends at its timeout, and others go on", async (t) => {
  const mac = await startMac(t);
  await mac.run(`await secrets.set("s", "n", "of Bun");`, BUN);
  const source = `await secrets.set("s", "own", "value");
    await show(secrets.get({ service: "s", name: "n", timeout: 300 }));
    await show(openStore().has("s", "own"));
    process.exit();`;
  assert.equal(await mac.run(source), "ERR_SECRETS_TIMEOUT timeout\ntrue\n");
});

it("diagnose() tells the state", async (t) => {
  const mac = await startMac(t);
  const { works, store, unlocked, display } = JSON.parse(await mac.run("await show(diagnose());"));
  assert.deepEqual(
    { works, store, unlocked, display },
    { works: true, store: "Keychain", unlocked: true, display: true },
  );
});
