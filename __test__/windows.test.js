// The differences of Windows' Credential Manager from the stores of other systems.

const assert = require("node:assert/strict");
const { existsSync, mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { openStore, secrets } = require("..");
const { secretsIn } = require("./support/client.js");
const { listItems, storeItem } = require("./support/items.js");
const { writeKeyring } = require("./support/keyring-writer.js");
const { windowsOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { bun } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const key = { service: "windows", name: "name" };
const tooLarge = { name: "Error", code: "ERR_SECRETS_TOO_LARGE", message: /Nothing was changed/ };

/** Starts a session with an empty store. Returns it with Bun's secrets. Our own run in this process. */
async function prepareStore(t) {
  const session = await startSession();
  t.after(() => session.stop());
  return { session, theirs: secretsIn(session, [bun], "bun") };
}

describe("Credential Manager", windowsOnly("Credential Manager"), () => {
  it("keeps what it is told to on this machine, and all else for the user, as Bun's", async (t) => {
    const { session, theirs } = await prepareStore(t);
    const kept = async () => (await listItems(session)).map(({ persist }) => persist);
    for (const writer of [secrets, theirs, openStore()]) {
      await writer.set({ ...key, value: "one" });
      assert.deepEqual(await kept(), [3]);
      await writer.set({ ...key, value: "two", persist: "local" });
      assert.deepEqual(await kept(), [2]);
      await writer.set({ ...key, value: "three", persist: "enterprise" });
      assert.deepEqual(await kept(), [3]);
      await secrets.delete(key);
    }
  });

  it("has one item for names that a slash makes equal, which is left to whose it is", async (t) => {
    const { session, theirs } = await prepareStore(t);
    const [own, other] = [
      { service: "a/b", name: "c" },
      { service: "a", name: "b/c" },
    ];
    const denied = {
      name: "Error",
      code: "ERR_SECRETS_ACCESS_DENIED",
      message: /a\/b\/c.*Nothing was changed/,
    };
    for (const { set } of [theirs, secrets]) {
      await set({ ...own, value: "whole" });
      const before = await listItems(session);
      assert.equal(await secrets.get(other), null);
      assert.equal(await openStore().has(other), false);
      assert.equal(await secrets.delete(other), false);
      await secrets.set({ ...other, value: "" });
      await assert.rejects(secrets.set({ ...other, value: "taken" }), denied);
      assert.deepEqual(await openStore().list({ service: other.service }), []);
      assert.deepEqual(await openStore().list({ service: own.service }), [own]);
      assert.deepEqual(await listItems(session), before);
      assert.equal(await theirs.get(own), "whole");
      assert.equal(await secrets.get(own), "whole");
      assert.equal(await secrets.delete(own), true);
    }
  });

  it("is the documented difference: Bun's takes the other's item", async (t) => {
    const { theirs } = await prepareStore(t);
    await secrets.set("a/b", "c", "ours");
    assert.equal(await theirs.get("a", "b/c"), "ours");
    await theirs.set({ service: "a", name: "b/c", value: "taken" });
    assert.equal(await secrets.get("a/b", "c"), null);
  });

  it("takes names for one that differ by case", async (t) => {
    const { session, theirs } = await prepareStore(t);
    const spelled = [
      { service: "Service Ü", name: "Name é" },
      { service: "SERVICE ü", name: "nAME É" },
    ];
    for (const [one, another] of [spelled, spelled.toReversed()]) {
      for (const [writer, reader] of [
        [secrets, theirs],
        [theirs, secrets],
        [secrets, secrets],
      ]) {
        await writer.set({ ...one, value: "first" });
        assert.equal(await reader.get(another), "first");
        assert.deepEqual(await openStore().list({ service: another.service }), [one]);
        await reader.set({ ...another, value: "second" });
        assert.equal(await writer.get(one), "second");
        assert.equal((await listItems(session)).length, 1);
        assert.equal(await reader.delete(another), true);
        assert.equal(await writer.get(one), null);
      }
    }
  });

  it("takes texts of other scripts, and no halves of characters, both ways", async (t) => {
    const { theirs } = await prepareStore(t);
    for (const [writer, reader] of [
      [secrets, theirs],
      [theirs, secrets],
    ]) {
      for (const text of ["Zürich 👋", "שלום", "\ufeffx", "👩‍👩‍👧‍👦"]) {
        await writer.set({ service: `of ${text}`, name: text, value: text });
        assert.equal(await reader.get(`of ${text}`, text), text);
        assert.equal(await reader.delete({ service: `of ${text}`, name: text }), true);
      }
      await writer.set({ service: "half \ud83d", name: "\udc4b half", value: "half \ud83d" });
      assert.equal(await reader.get("half \ufffd", "\ufffd half"), "half \ufffd");
      assert.equal(await reader.get("half \ud800", "\udfff half"), "half \ufffd");
      assert.equal(await reader.delete({ service: "half \ud83d", name: "\udc4b half" }), true);
    }
  });

  it("has no room for long values and names, of which nothing is stored", async (t) => {
    const { session } = await prepareStore(t);
    await secrets.set({ ...key, value: "before" });
    const before = await listItems(session);
    const store = openStore();
    for (const value of ["x".repeat(2561), "€".repeat(854), "👋".repeat(641)]) {
      await assert.rejects(secrets.set({ ...key, value }), {
        ...tooLarge,
        message: /2560.*Nothing was changed/,
      });
      await assert.rejects(store.set({ ...key, value: Buffer.from(value) }), tooLarge);
    }
    for (const name of ["n".repeat(514), "👋".repeat(257)]) {
      await assert.rejects(secrets.set({ ...key, name, value: "v" }), {
        ...tooLarge,
        message: /a name.*513/,
      });
    }
    await assert.rejects(secrets.set("s".repeat(32_766), "n", "v"), tooLarge);
    assert.deepEqual(await listItems(session), before);
    for (const value of ["x".repeat(2560), "€".repeat(853), "👋".repeat(640)]) {
      await secrets.set({ ...key, value });
      assert.equal(await secrets.get(key), value);
    }
  });

  it("lists the names of one service, and not of all", async (t) => {
    await prepareStore(t);
    const store = openStore();
    const of = (service, ...names) => names.map((name) => ({ service, name }));
    const listed = [
      ...of("s", "a", "a/b", "z", "ü *"),
      ...of("s/t", "x"),
      ...of("st", "x"),
      ...of("s*", "x"),
    ];
    for (const { service, name } of listed) await store.set(service, name, "value");
    await storeItem(undefined, { label: "s", user: "another", secret: "value" });
    await storeItem(undefined, { label: "s/", user: "", secret: "value" });
    await storeItem(undefined, { label: "s/theirs", user: "another", secret: "value" });
    for (const service of ["s", "s/t", "st", "s*", "nobody's"]) {
      assert.deepEqual(
        await store.list({ service }),
        listed.filter((one) => one.service === service),
      );
    }
    for (const options of [undefined, {}, { service: undefined }]) {
      assert.throws(() => store.list(options), {
        name: "TypeError",
        code: "ERR_INVALID_ARG_VALUE",
        message: /Name the service/,
      });
    }
  });

  it("reads items without a user name, as Bun's, and none of another user", async (t) => {
    const { session, theirs } = await prepareStore(t);
    const label = `${key.service}/${key.name}`;
    for (const user of [null, ""]) {
      await storeItem(session, { label, user, secret: "by another" });
      for (const { get } of [theirs, secrets]) assert.equal(await get(key), "by another");
      assert.equal(await openStore().has(key), true);
      assert.deepEqual(await openStore().list({ service: key.service }), [key]);
      await secrets.set({ ...key, value: "ours" });
      assert.deepEqual(
        (await listItems(session)).map(({ user, secret }) => [user, secret]),
        [[key.name, "ours"]],
      );
      await storeItem(session, { label, user, secret: "by another" });
      assert.equal(await secrets.delete(key), true);
      assert.deepEqual(await listItems(session), []);
    }
    await storeItem(session, { label, user: "another", secret: "another's" });
    assert.equal(await secrets.get(key), null);
    assert.equal(await secrets.delete(key), false);
    assert.equal((await listItems(session))[0].secret, "another's");
  });

  it("gives what others have stored as UTF-16 as bytes, and never as another text", async (t) => {
    const { session } = await prepareStore(t);
    const bytes = Buffer.from("pässword 👋", "utf16le");
    await storeItem(session, { label: `${key.service}/${key.name}`, user: key.name, secret: bytes });
    await assert.rejects(secrets.get(key), { name: "Error", code: "ERR_SECRETS_INVALID_DATA" });
    await assert.rejects(openStore().get(key), { code: "ERR_SECRETS_INVALID_DATA" });
    assert.deepEqual(await openStore().get({ ...key, encoding: "buffer" }), bytes);
    assert.equal(await openStore().has(key), true);
    await secrets.set({ ...key, value: "pässword 👋" });
    assert.equal(await secrets.get(key), "pässword 👋");
  });

  it("answers hundreds of calls at once", async (t) => {
    await prepareStore(t);
    const names = Array.from({ length: 200 }, (_, index) => `name ${index}`);
    await Promise.all(names.map((name) => secrets.set("many", name, `value of ${name}`)));
    const values = await Promise.all(names.map((name) => secrets.get("many", name)));
    assert.deepEqual(
      values,
      names.map((name) => `value of ${name}`),
    );
    assert.equal((await openStore().list({ service: "many" })).length, names.length);
    const deleted = await Promise.all(names.map((name) => secrets.delete("many", name)));
    assert.deepEqual(new Set(deleted), new Set([true]));
    assert.deepEqual(await openStore().list({ service: "many" }), []);
  });
});

for (const way of Object.keys(ways)) {
  describe(`secrets on Windows, ${way},`, windowsOnly("Credential Manager"), () => {
    const values = { alice: "alice's value", "bob@example.com": "Zürich 👋", "a/b": "of a slash" };
    const names = Object.keys(values).sort();
    const utf16 = (text) => Buffer.from(text, "utf16le");

    /** Runs `secrets`, which must succeed without a warning. Returns its output. */
    async function readOutput(session, ...args) {
      const { code, stdout, stderr } = await runProgram(session, way, "secrets", args);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      return stdout;
    }

    const listStored = async (session) =>
      Object.fromEntries((await listItems(session)).map(({ label, secret }) => [label, secret]));

    for (const flags of [[], ["--delete"]]) {
      it(`migrate --from keytar ${flags} makes UTF-8 of UTF-16 where it lies`, async (t) => {
        const { session, theirs } = await prepareStore(t);
        for (const [name, value] of Object.entries(values)) {
          await storeItem(session, { label: `cli/${name}`, user: name, secret: utf16(value) });
        }
        // keytar itself writes UTF-8, as in this item.
        await storeItem(session, { label: "cli/text", user: "text", persist: 2, secret: "UTF-8" });
        await storeItem(session, { label: "other/name", user: "name", secret: utf16("other") });
        const args = ["migrate", "--from", "keytar", "--service", "cli", ...flags];
        const printed = await readOutput(session, ...args);
        assert.equal(printed, [...names, "text"].map((name) => `kept ${name}\n`).join(""));
        for (const [name, value] of Object.entries(values)) {
          assert.equal(await theirs.get("cli", name), value);
          assert.equal(await secrets.get("cli", name), value);
        }
        const { persist, secret } = (await listItems(session)).find(({ label }) => label === "cli/text");
        assert.deepEqual({ persist, secret }, { persist: 2, secret: "UTF-8" });
        assert.equal((await listItems(session)).length, names.length + 2);
        assert.equal((await listStored(session))["other/name"], utf16("other").toString("utf8"));
        assert.equal(await readOutput(session, ...args), printed);
      });

      it(`migrate --from napi-rs ${flags} copies items of <user>.<service>`, async (t) => {
        const { session, theirs } = await prepareStore(t);
        for (const [name, value] of Object.entries(values)) {
          await storeItem(session, { label: `${name}.cli`, user: name, secret: utf16(value) });
        }
        await storeItem(session, { label: "alice.other", user: "alice", secret: utf16("other") });
        const printed = await readOutput(
          session,
          "migrate",
          "--from",
          "napi-rs",
          "--service",
          "cli",
          ...flags,
        );
        const done = flags.length > 0 ? "moved" : "copied";
        assert.equal(printed, names.map((name) => `${done} ${name}\n`).join(""));
        for (const [name, value] of Object.entries(values)) {
          assert.equal(await theirs.get("cli", name), value);
          assert.equal(await secrets.get("cli", name), value);
        }
        const left = flags.length > 0 ? [] : names.map((name) => `${name}.cli`);
        const expected = [...left, ...names.map((name) => `cli/${name}`), "alice.other"];
        assert.deepEqual(Object.keys(await listStored(session)).sort(), expected.sort());
      });
    }

    it("migrate --from keyring copies what versions 3 and 4 of the crate have stored", async (t) => {
      const { session, theirs } = await prepareStore(t);
      const stored = {};
      for (const version of ["3", "4"]) {
        for (const [name, value] of Object.entries(values)) {
          stored[`${name} ${version}`] = value;
          await writeKeyring(session, version, "password", "cli", `${name} ${version}`, value);
        }
        stored[`bytes ${version}`] = "an even number of bytes!";
        const [name, value] = [`bytes ${version}`, stored[`bytes ${version}`]];
        await writeKeyring(session, version, "secret", "cli", name, value);
      }
      await writeKeyring(session, "4", "password", "other", "alice 4", "other");
      const printed = await readOutput(
        session,
        "migrate",
        "--from",
        "keyring",
        "--service",
        "cli",
        "--delete",
      );
      const moved = Object.keys(stored).sort();
      assert.equal(printed, moved.map((name) => `moved ${name}\n`).join(""));
      for (const [name, value] of Object.entries(stored)) {
        assert.equal(await theirs.get("cli", name), value);
        assert.equal(await secrets.get("cli", name), value);
      }
      const expected = [...moved.map((name) => `cli/${name}`), "alice 4.other"];
      assert.deepEqual(Object.keys(await listStored(session)).sort(), expected.sort());
    });

    it("migrate overwrites nothing, and then deletes nothing", async (t) => {
      const { session } = await prepareStore(t);
      await storeItem(session, { label: "alice.cli", user: "alice", secret: utf16("older") });
      await secrets.set("cli", "alice", "newer");
      const args = ["migrate", "--from", "napi-rs", "--service", "cli", "--delete"];
      const { code, stdout, stderr } = await runProgram(session, way, "secrets", args);
      assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
      assert.match(stderr, /^secrets: alice was not copied: a different value is stored under this name/);
      assert.deepEqual(Object.keys(await listStored(session)), ["alice.cli", "cli/alice"]);
      assert.equal(await secrets.get("cli", "alice"), "newer");
    });

    it("doctor finds the store", async (t) => {
      const { session } = await prepareStore(t);
      const { problems, settings, ...facts } = JSON.parse(await readOutput(session, "doctor", "--json"));
      assert.deepEqual(problems, []);
      assert.equal(settings.store, "default");
      assert.deepEqual(facts, {
        works: true,
        store: "Credential Manager",
        reachable: true,
        writable: true,
        persistent: true,
        largest: 2560,
        repository: null,
      });
      assert.match(await readOutput(session, "doctor"), /^works +yes\nstore +Credential Manager\n/);
    });

    it("a value that has no room is refused, with the reason", async (t) => {
      const { session } = await prepareStore(t);
      const input = "x".repeat(2561);
      const { code, stderr } = await runProgram(session, way, "secrets", ["set", "long"], { input });
      assert.equal(code, 1);
      assert.match(stderr, /^secrets: Too large for the credential store: .* 2561 bytes.* 2560\./);
      assert.deepEqual(await listItems(session), []);
    });
  });
}

describe("secrets setup keyring", windowsOnly("Credential Manager"), () => {
  it("makes keyring.exe, a copy of the program that answers under its name, and removes it", async (t) => {
    const { session } = await prepareStore(t);
    const bin = join(session.directory, "new folder");
    const keyring = join(bin, "keyring.exe");
    const setup = (...words) => runProgram(session, "native", "secrets", ["setup", "keyring", ...words]);
    const planned = await setup(bin, "--dry-run");
    assert.match(planned.stdout, /^would copy this program to .*keyring\.exe\n$/, planned.stderr);
    assert.equal(existsSync(bin), false);
    const made = await setup(bin);
    assert.match(made.stdout, /^copied this program to .*keyring\.exe\n$/, made.stderr);
    assert.match(made.stderr, /is not in PATH/);
    const service = "https://alice.example/simple/?a&b";
    const set = await session.run(keyring, ["set", service, "alice"], { input: "p w\r\n" });
    assert.equal(set.code, 0, set.stderr);
    assert.equal(await secrets.get(service, "alice"), "p w");
    const found = await session.run(keyring, ["--mode=creds", "--output=json", "get", service]);
    assert.deepEqual(JSON.parse(found.stdout), { username: "alice", password: "p w" });
    assert.equal((await session.run(keyring, ["get", service, "bob"])).code, 1);
    assert.equal((await setup(bin)).stdout, "keyring is set up already, but does not ask os-secrets\n");
    session.env.PATH = `${bin};${session.env.PATH}`;
    assert.equal((await setup(bin)).stdout, "keyring asks os-secrets already\n");
    const undone = await setup("--undo");
    assert.match(undone.stdout, /^removed .*keyring\.exe\n$/, undone.stderr);
    assert.equal(existsSync(bin), false);
    mkdirSync(bin);
    writeFileSync(keyring, "another program");
    const refused = await setup(bin);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /is another program and was not changed/);
  });
});
