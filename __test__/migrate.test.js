// The command migrate, with credentials that keytar, @napi-rs/keyring and the Rust crate keyring have stored.

const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { secretsIn } = require("./support/client.js");
const { listItems, storeItem } = require("./support/items.js");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { writeKeyring } = require("./support/keyring-writer.js");
const { bun, node: nodeOf, root } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const node = nodeOf(22);
const service = "my-cli-tool";
const values = { alice: "alice's value", "bob@example.com": "Zürich 👋", "two words": " spaces and\nlines " };

/** For each package of npm, the source that stores a credential from `service`, `name` and `value`. */
const sources = {
  keytar: `await require("keytar").setPassword(service, name, value);`,
  "napi-rs": `new (require("@napi-rs/keyring").Entry)(service, name).setPassword(value);`,
};

/** For each package, what `--from` calls it. */
const packages = {
  keytar: "keytar",
  "napi-rs": "napi-rs",
  "keyring 3": "keyring",
  "keyring 4": "keyring",
};

async function startTestSession(t, options) {
  const session = await startSession(options);
  t.after(() => session.stop());
  return session;
}

/** Stores values with a package, in a program that uses it. */
async function storeValues(session, name, stored, of = service) {
  const [, version] = name.split(" ");
  if (version !== undefined) return storeByCrate(session, version, stored, of);
  const source = `(async () => { for (const [name, value] of ${JSON.stringify(Object.entries(stored))}) {
    const service = ${JSON.stringify(of)}; ${sources[name]} } })()`;
  const { code, stderr } = await session.run(node[0], ["-e", source], { cwd: join(root, "bench") });
  assert.equal(code, 0, stderr);
}

/** Stores values with a version of the crate keyring. */
async function storeByCrate(session, version, stored, of) {
  for (const [name, value] of Object.entries(stored)) {
    await writeKeyring(session, version, "password", of, name, value);
  }
}

const runMigrate = (session, ...args) => runProgram(session, "native", "secrets", ["migrate", ...args]);
const isOurs = ({ attributes }) => attributes["xdg:schema"] === "com.oven-sh.bun.Secret";

for (const [stores, from] of Object.entries(packages)) {
  describe(`migrate --from ${from}, of ${stores}`, linuxOnly("a bus"), () => {
    const args = ["--from", from, "--service", service];
    const names = Object.keys(values).sort();
    const formatLines = (done) => names.map((name) => `${done} ${name}\n`).join("");

    it("copies every credential of the service, and leaves the old ones", async (t) => {
      const session = await startTestSession(t);
      await storeValues(session, stores, values);
      await storeValues(session, stores, { alice: "of another service" }, "other");
      const before = await listItems(session);
      const { code, stdout, stderr } = await runMigrate(session, ...args);
      assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: formatLines("copied"), stderr: "" });
      const ours = secretsIn(session, node, "os-secrets");
      const theirs = secretsIn(session, [bun], "bun");
      for (const [name, value] of Object.entries(values)) {
        assert.equal(await ours.get(service, name), value);
        assert.equal(await theirs.get(service, name), value);
      }
      const after = await listItems(session);
      assert.equal(after.filter(isOurs).length, names.length);
      const left = after.filter((item) => !isOurs(item)).map(({ path }) => path);
      assert.deepEqual(new Set(left), new Set(before.map(({ path }) => path)));
      // A second run finds equal values.
      assert.equal((await runMigrate(session, ...args)).stdout, formatLines("unchanged"));
      assert.equal((await listItems(session)).length, after.length);
    });

    it("deletes the old ones when it is told to, and no others", async (t) => {
      const session = await startTestSession(t);
      await storeValues(session, stores, values);
      await storeValues(session, stores, { alice: "of another service" }, "other");
      const { code, stdout } = await runMigrate(session, ...args, "--delete");
      assert.deepEqual({ code, stdout }, { code: 0, stdout: formatLines("moved") });
      const left = (await listItems(session)).filter((item) => !isOurs(item));
      assert.deepEqual(
        left.map(({ attributes }) => attributes.service),
        ["other"],
      );
    });

    it("overwrites nothing, and then deletes nothing", async (t) => {
      const session = await startTestSession(t);
      await storeValues(session, stores, values);
      const ours = secretsIn(session, node, "os-secrets");
      await ours.set(service, "alice", "newer");
      const { code, stdout, stderr } = await runMigrate(session, ...args, "--delete");
      assert.equal(code, 1);
      assert.equal(stdout, formatLines("moved").replace("moved alice\n", ""));
      assert.match(stderr, /^secrets: alice was not copied: a different value is stored under this name/);
      assert.equal(await ours.get(service, "alice"), "newer");
      const [left, ...others] = (await listItems(session)).filter((item) => !isOurs(item));
      assert.deepEqual([left.secret, others], [values.alice, []]);
      for (const value of Object.values(values)) assert.ok(!stderr.includes(value));
    });

    it("asks to unlock what is locked", async (t) => {
      const session = await startTestSession(t, { keyring: false });
      const prompter = await session.startPrompter();
      await session.startKeyring({ password: "right", prompter });
      await storeValues(session, stores, values);
      await session.lock();
      await prompter.expect("password right");
      const { code, stdout, stderr } = await runMigrate(session, ...args);
      assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: formatLines("copied"), stderr: "" });
    });

    it("is done if there is nothing", async (t) => {
      const session = await startTestSession(t);
      const { code, stdout, stderr } = await runMigrate(session, ...args);
      assert.deepEqual([code, stdout, stderr], [0, "", "secrets: there is nothing to copy\n"]);
    });
  });
}

describe("migrate", () => {
  it("takes none of several credentials of one name", linuxOnly("a bus"), async (t) => {
    const session = await startTestSession(t);
    await storeValues(session, "napi-rs", { alice: "one" });
    await storeItem(session, {
      collection: "/org/freedesktop/secrets/collection/login",
      attributes: { service, username: "alice", target: "default", application: "rust-keyring" },
      label: "older",
      secret: "two",
    });
    const { code, stdout, stderr } = await runMigrate(session, "--from", "napi-rs", "--service", service);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /alice was not copied: several credentials have this name/);
    assert.equal((await listItems(session)).filter(isOurs).length, 0);
  });

  it("copies the bytes that the crate keyring has stored", linuxOnly("a bus"), async (t) => {
    const session = await startTestSession(t);
    const bytes = Buffer.from([0, 159, 146, 150, 0, 255]);
    await writeKeyring(session, "3", "secret", service, "three", bytes);
    await writeKeyring(session, "4", "secret", service, "four", bytes);
    const { stdout } = await runMigrate(session, "--from", "keyring", "--service", service, "--delete");
    assert.equal(stdout, "moved four\nmoved three\n");
    const args = ["export", "--values", "--service", service];
    const exported = JSON.parse((await runProgram(session, "native", "secrets", args)).stdout);
    const base64 = bytes.toString("base64");
    assert.deepEqual(exported, { four: { base64 }, three: { base64 } });
  });

  it("leaves what the crate keyring has stored under a target", linuxOnly("a bus"), async (t) => {
    const session = await startTestSession(t);
    await storeValues(session, "keyring 3", { alice: "of the default" });
    await storeItem(session, {
      collection: "/org/freedesktop/secrets/collection/login",
      attributes: { service, username: "alice", target: "work", application: "rust-keyring" },
      label: "alice@my-cli-tool:work (keyring v3.6.3)",
      secret: "of the target",
    });
    const { stdout } = await runMigrate(session, "--from", "keyring", "--service", service, "--delete");
    assert.equal(stdout, "moved alice\n");
    const left = (await listItems(session)).filter((item) => !isOurs(item));
    assert.deepEqual(
      left.map(({ attributes }) => attributes.target),
      ["work"],
    );
    assert.equal(await secretsIn(session, [bun], "bun").get(service, "alice"), "of the default");
  });

  it("asks no more after the user has dismissed the prompt", linuxOnly("a bus"), async (t) => {
    const session = await startTestSession(t, { keyring: false });
    const prompter = await session.startPrompter();
    await session.startKeyring({ password: "right", prompter });
    for (const name of ["a", "b", "c"])
      await runProgram(session, "native", "bus-secrets", ["set", name, "x"]);
    await session.lock();
    await prompter.expect("cancel");
    const { code, stdout, stderr } = await runMigrate(session, "--from", "bus-preferences");
    assert.deepEqual([code, stdout], [3, ""]);
    assert.match(stderr, /^secrets: a was not copied: .*\nsecrets: not copied either: b, c\n$/);
  });

  it("leaves what is empty, and says so", linuxOnly("a bus"), async (t) => {
    const session = await startTestSession(t);
    await storeValues(session, "napi-rs", { alice: "" });
    const { code, stdout, stderr } = await runMigrate(
      session,
      "--from",
      "napi-rs",
      "--service",
      service,
      "--delete",
    );
    assert.deepEqual([code, stdout], [1, ""]);
    assert.equal(stderr, "secrets: alice was not copied: the value is empty; nothing was deleted\n");
    assert.equal((await listItems(session)).length, 1);
  });

  for (const way of Object.keys(ways)) {
    it(`--from bus-preferences makes secrets of BusDK's, ${way}`, (t) => testPreferences(t, way));
  }

  async function testPreferences(t, way) {
    const session = await startTestSession(t);
    const runBusSecrets = (...args) => runProgram(session, way, "bus-secrets", args);
    await runBusSecrets("set", "openai_api_key", "one");
    await runBusSecrets("set", "a.b", "two");
    const runSecrets = (...args) => runProgram(session, way, "secrets", args);
    const { code, stdout } = await runSecrets("migrate", "--from", "bus-preferences", "--delete");
    assert.deepEqual({ code, stdout }, { code: 0, stdout: "moved a.b\nmoved openai_api_key\n" });
    assert.equal((await runSecrets("get", "openai_api_key")).stdout, "one\n");
    assert.equal((await runSecrets("get", "a.b")).stdout, "two\n");
    assert.equal((await runBusSecrets("list")).stdout, "");
    const file = join(session.configuration, isWindows ? "BusDK" : "busdk", "preferences.json");
    assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), { version: 1, values: {} });
  }

  it("wants to be called right", async (t) => {
    const session = await startTestSession(t, { bus: false });
    for (const args of [
      [],
      ["--from", "keytar"],
      ["--from", "other", "--service", service],
      ["--from", "keytar", "--service", ""],
      ["--from", "keytar", "--service", service, "--scope", "user"],
    ]) {
      const { code, stdout, stderr } = await runMigrate(session, ...args);
      assert.deepEqual([code, stdout], [2, ""], stderr);
      assert.match(stderr, /^secrets: .+\n$/);
    }
  });
});
