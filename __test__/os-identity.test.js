// An encrypted file whose identity is an item in the operating system's store.

const assert = require("node:assert/strict");
const { once } = require("node:events");
const {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { openStore } = require("..");
const { decryptFile, encryptFile, makeIdentity, writeIdentity } = require("./support/age.js");
const { secretsIn } = require("./support/client.js");
const { listItems } = require("./support/items.js");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { bun, node, root } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");
const { writeSshKey } = require("./support/ssh.js");
const { listFiles } = require("./support/workspace.js");

/** The item of the identity that `os` stands for. */
const item = { service: "os-secrets", name: "identity" };
const inFile = { OS_SECRETS_PROVIDER: "file", OS_SECRETS_IDENTITY: "os" };
const key = { service: "os-identity", name: "name" };
const lost = {
  code: "ERR_SECRETS_AUTH_FAILED",
  message:
    /The identity that opens .*secrets\.age is not in .* \(service os-secrets, name identity\)\. Restore it/,
};

/** The secret key in the text of an identity's file. */
const keyOf = ({ text }) => /AGE-SECRET-KEY-1\w+/.exec(text)[0];

/** Starts a session, which stops when the test ends. */
async function startTestSession(t, options) {
  const session = await startSession(options);
  t.after(() => session.stop());
  const file = join(session.data, "os-secrets", "secrets.age");
  /** The store in the file, in a process of its own. */
  const startClient = (env = {}) =>
    secretsIn(session, node(22), "os-secrets", { env: { ...inFile, ...env } });
  /** The operating system's store. */
  const os = secretsIn(session, node(22), "os-secrets");
  return { session, file, startClient, os };
}

/** Runs a script with `openStore` in a session. Returns what it prints. */
async function runScript(session, script, { command = node(22), env = inFile } = {}) {
  const program = `const { diagnose, openStore, secrets } = require(${JSON.stringify(root)});
    (async () => { ${script} })().catch((error) => console.log(error.code, error.message));`;
  const [path, ...args] = command;
  const { stdout, stderr } = await session.run(path, [...args, "-e", program], { env });
  assert.equal(stderr, "");
  return stdout;
}

describe("an identity in the operating system's store", () => {
  it("is created by the first set, and by nothing else", async (t) => {
    const { session, file, startClient } = await startTestSession(t);
    const client = startClient();
    assert.equal(await client.get(key), null);
    assert.equal(await client.delete(key), false);
    await client.set({ ...key, value: "" });
    const calls = "const s = openStore(); console.log(await s.has('a', 'b'), await s.list())";
    assert.equal(await runScript(session, calls), "false []\n");
    assert.deepEqual(await listItems(session), []);
    assert.equal(existsSync(file), false);

    await client.set({ ...key, value: "value" });
    const [{ label, secret }, ...others] = await listItems(session);
    assert.deepEqual(others, []);
    assert.equal(label, "os-secrets/identity");
    assert.match(secret, /^AGE-SECRET-KEY-1[A-Z0-9]{58}$/);
    assert.equal(await client.get(key), "value");
    assert.equal(await startClient().get(key), "value");
  });

  it("is on the disk nowhere but in the keyring, and opens the file for age", async (t) => {
    const { session, file, startClient } = await startTestSession(t);
    await startClient().set({ ...key, value: "value" });
    for (const path of listFiles(session.directory).filter((path) => statSync(path).isFile()))
      assert.ok(!readFileSync(path).includes("AGE-SECRET-KEY-"), path);
    const get = ["--store", "os", "get", "--service", item.service, item.name];
    const { stdout } = await runProgram(session, "native", "secrets", get);
    const identity = join(session.directory, "printed");
    writeFileSync(identity, stdout, { mode: 0o600 });
    const { credentials } = JSON.parse(decryptFile(file, identity));
    assert.deepEqual(credentials, { [key.service]: { [key.name]: "value" } });
  });

  it("lets the file hold large values, and list them without a service", async (t) => {
    const { session } = await startTestSession(t);
    const script = `const store = openStore();
      const value = "x".repeat(1 << 20);
      await store.set("large", "name", value);
      await store.set("other", "name", "small");
      console.log((await store.get("large", "name")) === value, (await store.list()).map(({ service }) => service));`;
    assert.equal(await runScript(session, script), "true [ 'large', 'other' ]\n");
  });

  it("is created once by twenty processes at once, for two files", async (t) => {
    const { session } = await startTestSession(t);
    const program = `const { openStore } = require(${JSON.stringify(root)});
      process.stdin.once("data", async () => {
        process.stdin.destroy();
        const store = openStore({ provider: "file", path: process.argv[1] });
        await store.set("many", process.argv[2], "value " + process.argv[2]);
      });
      console.log("ready");`;
    const paths = ["one", "two"].map((name) => join(session.directory, name, "secrets.age"));
    const commands = [node(20), node(22), node(24), [bun]];
    const children = Array.from({ length: 20 }, (_, id) => {
      const [command, ...args] = commands[id % commands.length];
      const env = { ...session.env, ...inFile };
      return session.start(command, [...args, "-e", program, paths[id % 2], String(id)], { env });
    });
    await Promise.all(children.map((child) => once(child.stdout, "data")));
    const ended = children.map((child) => once(child, "close"));
    for (const child of children) child.stdin.end("go\n");
    assert.deepEqual(await Promise.all(ended), Array(20).fill([0, null]));
    assert.equal((await listItems(session)).length, 1);
    for (const [at, path] of paths.entries()) {
      const script = `const store = openStore({ provider: "file", path: ${JSON.stringify(path)} });
        const values = await Promise.all((await store.list()).map((one) => store.get(one)));
        console.log(values.sort().join());`;
      const ids = Array.from({ length: 10 }, (_, index) => `value ${2 * index + at}`);
      assert.equal(await runScript(session, script), `${ids.sort().join()}\n`);
    }
  });

  it("is the one that the option names, and several files may share it", async (t) => {
    const { session, os } = await startTestSession(t);
    const script = `for (const name of ["a", "b"]) {
        const path = ${JSON.stringify(session.directory)} + "/" + name + "/secrets.age";
        const identity = { service: "my-tool", name: "key of files" };
        const store = openStore({ provider: "file", path, identity });
        await store.set("s", "n", name);
        console.log(await openStore({ provider: "file", path, identity }).get("s", "n"));
      }`;
    assert.equal(await runScript(session, script, { env: {} }), "a\nb\n");
    assert.deepEqual(
      (await listItems(session)).map(({ label }) => label),
      ["my-tool/key of files"],
    );
    assert.match(await os.get("my-tool", "key of files"), /^AGE-SECRET-KEY-1/);
  });

  it("is that of the settings file", async (t) => {
    const { session, file } = await startTestSession(t);
    const folder = join(session.configuration, "os-secrets");
    mkdirSync(folder, { recursive: true });
    const settings = join(folder, "config.toml");
    writeFileSync(settings, 'store = "file"\nidentity = "os"\n', { mode: 0o600 });
    const set = await runProgram(session, "native", "secrets", ["set", "a"], { input: "value" });
    assert.deepEqual([set.code, set.stderr], [0, ""]);
    assert.equal((await listItems(session)).length, 1);
    assert.ok(existsSync(file));
    const { stdout } = await runProgram(session, "native", "secrets", ["doctor", "--json"]);
    const { key, os_identity } = JSON.parse(stdout);
    assert.deepEqual([key, os_identity], [settings, "os-secrets/identity"]);
  });

  it("that is lost is not replaced, and works again when it is restored", async (t) => {
    const { session, startClient, os } = await startTestSession(t);
    await startClient().set({ ...key, value: "value" });
    const identity = await os.get(item);
    await os.delete(item);
    const client = startClient();
    await assert.rejects(client.get(key), lost);
    await assert.rejects(client.set({ ...key, value: "other" }), lost);
    await assert.rejects(client.delete(key), lost);
    for (const call of ["has('a', 'b')", "list()"])
      assert.match(await runScript(session, `await openStore().${call}`), /^ERR_SECRETS_AUTH_FAILED /);
    assert.deepEqual(await listItems(session), []);
    await os.set({ ...item, value: identity });
    assert.equal(await client.get(key), "value");
  });

  it("is created anew for a new file, also by a process that knows the old one", async (t) => {
    const { session, file, startClient, os } = await startTestSession(t);
    const client = startClient();
    await client.set({ ...key, value: "old" });
    await os.delete(item);
    rmSync(join(file, ".."), { recursive: true });
    assert.equal(await client.get(key), null);
    assert.deepEqual(await listItems(session), []);
    await client.set({ ...key, value: "new" });
    assert.equal((await listItems(session)).length, 1);
    assert.equal(await startClient().get(key), "new");
  });

  it("may be replaced while a process knows the old one", linuxOnly("file modes"), async (t) => {
    const { session, file, startClient, os } = await startTestSession(t);
    const client = startClient();
    await client.set({ ...key, value: "old" });
    const next = makeIdentity();
    const plain = join(session.directory, "plain.json");
    writeFileSync(
      plain,
      JSON.stringify({ version: 1, credentials: { [key.service]: { [key.name]: "new" } } }),
    );
    const encrypted = join(file, "..", "next");
    encryptFile(plain, encrypted, next.recipient);
    renameSync(encrypted, file);
    const wrong = {
      code: "ERR_SECRETS_AUTH_FAILED",
      message:
        /not for your identity.* Your identity is the identity in the .* \(service os-secrets, name identity\)/,
    };
    await assert.rejects(client.get(key), wrong);
    await assert.rejects(client.set({ ...key, value: "lost" }), wrong);
    await os.set({ ...item, value: keyOf(next) });
    const calls = Array.from({ length: 20 }, () => client.get(key));
    assert.deepEqual(await Promise.all(calls), Array(20).fill("new"));
    await client.set({ ...key, value: "newer" });
    assert.equal(await startClient().get(key), "newer");
  });

  it("is refused if its item is damaged, without a word of it", async (t) => {
    const { startClient, os } = await startTestSession(t);
    const [one, two] = [keyOf(makeIdentity()), keyOf(makeIdentity())];
    for (const [value, why] of [
      ["hunter2", /has something in line 1 that is not an identity/],
      [one.slice(0, -1), /has something in line 1 that is not an identity/],
      [one.replace("1", "1Q"), /has something in line 1 that is not an identity/],
      [`${one}\n${two}`, /has more than one identity/],
      [`${one}\nhunter2`, /has also something in line 2 that is not an identity/],
      ["# only a comment", /contains no identity/],
      ["AGE-PLUGIN-YUBIKEY-1QQQQ", /has an identity of an age plugin/],
      ["age-encryption.org/v1\n", /is protected by a passphrase/],
      // Credential Manager holds no value of this size.
      ...(isWindows ? [] : [["A".repeat((1 << 20) + 1), /is too large/]]),
    ]) {
      await os.set({ ...item, value });
      const client = startClient();
      const outcomes = [
        client.set({ ...key, value: "value" }),
        client.set({ ...key, name: "b", value: "b" }),
      ];
      for (const { status, reason } of await Promise.allSettled(outcomes)) {
        assert.deepEqual([status, reason.code], ["rejected", "ERR_SECRETS_INVALID_DATA"], reason.message);
        assert.match(reason.message, /\(service os-secrets, name identity\) .* Restore it there from a copy/);
        assert.match(reason.message, why);
        assert.ok(!reason.message.includes(value), reason.message);
      }
      assert.equal(await os.get(item), value);
    }
  });

  it("may end with a newline, and may have the comments of age-keygen", async (t) => {
    const { startClient, os } = await startTestSession(t);
    const identity = makeIdentity();
    await os.set({ ...item, value: keyOf(identity) });
    await startClient().set({ ...key, value: "value" });
    for (const value of [`${keyOf(identity)}\n`, `${keyOf(identity)}\r\n`, identity.text]) {
      await os.set({ ...item, value });
      assert.equal(await startClient().get(key), "value");
    }
  });

  it("may be an SSH private key", linuxOnly("ssh-keygen"), async (t) => {
    const { session, startClient, os } = await startTestSession(t);
    const { text } = writeSshKey(session.directory, "id_ed25519", ["-t", "ed25519"]);
    await os.set({ ...item, value: text });
    await startClient().set({ ...key, value: "value" });
    assert.equal(await startClient().get(key), "value");
    assert.equal((await listItems(session)).length, 1);
  });

  it("of a program is not given up for another one by the advice about a file that is missing", async (t) => {
    const { session } = await startTestSession(t);
    const script = `const options = { provider: "file", identity: { service: "s", name: "n" } };
      const [{ fix }] = (await diagnose(options)).problems;
      const { message } = await openStore({ ...options, mustExist: true }).get("a", "b").catch((error) => error);
      console.log(JSON.stringify([fix, message]));`;
    const [fix, message] = JSON.parse(await runScript(session, script));
    assert.equal(fix, "Store a secret with the same options");
    assert.match(
      message,
      /does not exist\. Create it by a set with the same options, but without mustExist, or/,
    );
  });

  it("is not looked for if the file must exist and does not", async (t) => {
    const { session } = await startTestSession(t);
    for (const call of ["get('a', 'b')", "set('a', 'b', 'c')", "delete('a', 'b')", "list()"]) {
      const script = `await openStore({ provider: "file", mustExist: true }).${call}`;
      assert.match(await runScript(session, script), /^ERR_SECRETS_PLATFORM_ERROR .* does not exist/);
    }
    assert.deepEqual(await listItems(session), []);
  });

  it("is not created in a function that updates its item", async (t) => {
    const { session, file } = await startTestSession(t);
    const script = `const inFile = openStore({ provider: "file" });
      const set = () => inFile.set("a", "b", "c").catch(({ reason, message }) => reason + " " + message);
      await openStore({ provider: "os" }).update(${JSON.stringify(item)}, async () => {
        console.log(await set());
        console.log(await inFile.get("a", "b"));
      });
      await set();
      console.log(await inFile.get("a", "b"));`;
    const [error, ...values] = (await runScript(session, script)).split("\n");
    assert.match(
      error,
      /^nested-update Cannot create the identity .* \(service os-secrets, name identity\) while this process updates/,
    );
    assert.deepEqual(values, ["null", "c", ""]);
    assert.ok(existsSync(file));
  });

  it("needs a service and a name that are texts, and nothing else", () => {
    const open = (identity, more) => () => openStore({ provider: "file", identity, ...more });
    for (const [identity, message] of [
      [{}, /'options\.identity\.service' is required/],
      [{ service: "s" }, /'options\.identity\.name' is required/],
      [{ service: "s", name: "" }, /'options\.identity\.name' must be a non-empty string/],
      [{ service: 1, name: "n" }, /'options\.identity\.service' must be a non-empty string/],
      [{ service: "s", name: "n\0" }, /'options\.identity\.name' must be a non-empty string/],
      [{ service: "s", name: "n", path: "p" }, /'options\.identity\.path' is not an option of an identity/],
      [["s", "n"], /'options\.identity\.service' is required/],
      [5, /'options\.identity' must be a non-empty string/],
    ]) {
      assert.throws(open(identity), { code: "ERR_SECRETS_INVALID_SETTING", message });
    }
    const both = open({ service: "s", name: "n" }, { passphrase: "p" });
    assert.throws(both, {
      code: "ERR_SECRETS_INVALID_SETTING",
      message: /.options.passphrase. cannot be given/,
    });
  });
});

describe("an identity in a store that cannot be used", linuxOnly("a bus"), () => {
  it("is asked for with the bounds of the call, if the keyring is locked", async (t) => {
    const { session, startClient } = await startTestSession(t, { keyring: false });
    const prompter = await session.startPrompter();
    await session.startKeyring({ password: "right", prompter });
    await startClient().set({ ...key, value: "value" });
    await session.lock();
    const client = startClient({ DISPLAY: ":0" });
    const refused = { code: "ERR_SECRETS_INTERACTION_NOT_ALLOWED", message: /^Cannot read the identity in / };
    await assert.rejects(client.get({ ...key, interactive: false }), refused);
    await assert.rejects(client.set({ ...key, value: "other", interactive: false }), refused);
    assert.match(
      await runScript(session, "await openStore().list()", { env: { ...inFile, DISPLAY: ":0" } }),
      /^ERR_SECRETS_INTERACTION_NOT_ALLOWED /,
    );
    await prompter.expect("cancel");
    await assert.rejects(client.get(key), { code: "ERR_SECRETS_USER_CANCELED" });
    await prompter.expect("delay 3000", "password right");
    const ended = { code: "ERR_SECRETS_TIMEOUT", name: "TimeoutError" };
    await assert.rejects(client.get({ ...key, timeout: 300 }), ended);
    // The answer to the prompt that the call has left serves these.
    const values = await Promise.all(Array.from({ length: 20 }, () => client.get(key)));
    assert.deepEqual(values, Array(20).fill("value"));
    // The process knows the identity now.
    await session.lock();
    await client.set({ ...key, value: "other", interactive: false });
    assert.equal(await client.get({ ...key, interactive: false }), "other");
  });

  it("is not replaced by another one, if there is no store", async (t) => {
    const { session, file, startClient } = await startTestSession(t, { bus: false });
    const own = join(session.configuration, "os-secrets");
    mkdirSync(own, { recursive: true });
    const identity = writeIdentity(own);
    await startClient({ OS_SECRETS_IDENTITY: identity.path }).set({ ...key, value: "value" });
    const missing = {
      code: "ERR_SECRETS_PLATFORM_ERROR",
      message: /^Cannot read the identity in .*: .*D-Bus/,
    };
    const client = startClient();
    await assert.rejects(client.get(key), missing);
    await assert.rejects(client.delete(key), missing);
    await assert.rejects(client.set({ ...key, value: "other" }), missing);
    const before = readdirSync(join(file, ".."));
    rmSync(file);
    assert.deepEqual(before, ["secrets.age"]);
    await assert.rejects(client.set({ ...key, value: "other" }), missing);
    assert.equal(existsSync(file), false);
  });
});

describe("doctor", linuxOnly("a bus"), () => {
  const examine = async (session, env) => {
    const { stdout } = await runProgram(session, "native", "secrets", ["doctor", "--json"], {
      env: { ...inFile, ...env },
    });
    return JSON.parse(stdout);
  };
  const texts = ({ problems }) => problems.map(({ what }) => what).join("\n");

  it("says that the identity is in a keyring without a password", async (t) => {
    const { session, startClient } = await startTestSession(t, { keyring: false });
    const { path } = await session.startTextKeyring();
    await startClient().set({ ...key, value: "value" });
    const report = await examine(session);
    assert.deepEqual(
      [report.works, report.credentials, report.os_identity],
      [true, 1, "os-secrets/identity"],
    );
    assert.ok(texts(report).includes("which holds the identity: The default collection has no password"));
    assert.ok(texts(report).includes(path));
  });

  it("creates nothing, and says that the first set does", async (t) => {
    const { session } = await startTestSession(t);
    const report = await examine(session);
    assert.deepEqual(
      [report.works, report.exists, report.writable, report.key],
      [true, false, true, "OS_SECRETS_IDENTITY"],
    );
    assert.match(texts(report), /does not exist yet\. The first set creates it/);
    assert.deepEqual(await listItems(session), []);
  });

  it("says why nothing can be stored in a new file, if the store with the identity cannot be used", async (t) => {
    const { session } = await startTestSession(t);
    const none = { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere" };
    const state = ({ works, exists, writable, credentials, problems }) => [
      ...[works, exists, writable, credentials],
      ...problems.map(({ fatal }) => fatal),
    ];
    const missing = await examine(session, none);
    assert.deepEqual(state(missing), [true, false, false, 0, false], texts(missing));
    assert.match(texts(missing), /^Secrets cannot be stored\. .*which holds the identity: .*no usable D-Bus/);
    const script = `console.log(JSON.stringify([await diagnose(), await secrets.get("a", "b")]))`;
    const [report, value] = JSON.parse(await runScript(session, script, { env: { ...inFile, ...none } }));
    assert.deepEqual([state(report), value], [state(missing), null]);

    await session.lock();
    const locked = await examine(session);
    assert.deepEqual(state(locked), [true, false, false, 0, false], texts(locked));
    assert.match(texts(locked), /^Secrets cannot be stored\. .*locked/);
    const asking = await examine(session, { DISPLAY: ":0" });
    assert.deepEqual(state(asking), [true, false, true, 0, false, false], texts(asking));
    assert.match(texts(asking), /first call will ask for its password\n.*The first set creates it/);
    assert.deepEqual(await listItems(session), []);
  });

  it("says the same if the identity exists", async (t) => {
    const { session, os } = await startTestSession(t);
    await os.set({ ...item, value: keyOf(makeIdentity()) });
    await session.lock();
    const locked = await examine(session);
    assert.deepEqual(
      [locked.works, locked.writable, locked.problems.length],
      [true, false, 1],
      texts(locked),
    );
    assert.match(texts(locked), /^Secrets cannot be stored\. .*locked/);
    const asking = await examine(session, { DISPLAY: ":0" });
    assert.deepEqual([asking.works, asking.writable, asking.problems.length], [true, true, 2], texts(asking));
  });

  it("says how to restore a lost identity", async (t) => {
    const { session, startClient, os } = await startTestSession(t);
    await startClient().set({ ...key, value: "value" });
    const identity = await os.get(item);
    await os.delete(item);
    const { works, problems } = await examine(session);
    assert.equal(works, false);
    const { fix } = problems.find(({ what }) => lost.message.test(what));
    const { code } = await session.run(
      "sh",
      ["-c", fix.replace("secrets", '"$0"'), ...ways.native("secrets")],
      {
        input: identity,
      },
    );
    assert.equal(code, 0);
    assert.equal((await examine(session)).works, true);
  });

  it("says once that the store with the identity is locked or missing", async (t) => {
    const { session, startClient } = await startTestSession(t);
    await startClient().set({ ...key, value: "value" });
    await session.lock();
    const locked = await examine(session, { DISPLAY: ":0" });
    assert.deepEqual([locked.works, locked.problems.length], [true, 1], texts(locked));
    assert.match(texts(locked), /is locked\. The first call will ask for its password/);
    const without = await examine(session);
    assert.deepEqual([without.works, without.problems.length], [false, 1], texts(without));
    const missing = await examine(session, { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere" });
    assert.deepEqual([missing.works, missing.problems.length], [false, 1], texts(missing));
    assert.match(texts(missing), /no usable D-Bus session bus/);
  });
});

for (const way of Object.keys(ways)) {
  describe(`secrets init --os, ${way},`, () => {
    async function prepareSession(t) {
      const { session, ...rest } = await startTestSession(t);
      const run = (args, options) =>
        runProgram(session, way, "secrets", args, { cwd: session.directory, ...options });
      return { session, run, ...rest };
    }

    it("creates the identity, prints its recipient, and keeps it", async (t) => {
      const { session, run, file } = await prepareSession(t);
      const first = await run(["init", "--os"]);
      assert.equal(first.code, 0, first.stderr);
      assert.match(first.stdout, /^age1[a-z0-9]{58}\n$/);
      assert.match(
        first.stderr,
        /^secrets: the new identity is in the operating system's store, with the service /,
      );
      const [{ secret }, ...others] = await listItems(session);
      assert.deepEqual(others, []);
      const again = await run(["init", "--os"]);
      assert.deepEqual([again.code, again.stdout], [0, first.stdout]);
      assert.match(again.stderr, /^secrets: an identity is already in /);
      assert.equal((await listItems(session))[0].secret, secret);
      // The file is encrypted for it, and other recipients can be added and removed.
      const env = { ...inFile };
      assert.equal((await run(["set", "token"], { env, input: "value" })).code, 0);
      const colleague = writeIdentity(session.directory);
      const added = await run(["rekey", "--add", colleague.recipient], { env });
      assert.equal(added.stdout, `${first.stdout}${colleague.recipient}\n`, added.stderr);
      assert.equal(JSON.parse(decryptFile(file, colleague.path)).credentials["os-secrets"].token, "value");
      const removed = await run(["rekey", "--remove", colleague.recipient], { env });
      assert.equal(removed.stdout, first.stdout, removed.stderr);
      assert.throws(() => decryptFile(file, colleague.path));
      assert.equal((await run(["get", "token"], { env })).stdout, "value\n");
    });

    it("is left out of copies", async (t) => {
      const { run, os } = await prepareSession(t);
      await run(["init", "--os"]);
      await os.set({ ...key, value: "value" });
      const copy = ["copy", "--from", "os", "--to", "file", "--service"];
      const { code, stdout, stderr } = await run([...copy, item.service], { env: inFile });
      assert.deepEqual([code, stdout], [0, "left out os-secrets/identity\n"]);
      assert.match(stderr, /the identity that opens encrypted files is not copied/);
      const others = await run([...copy, key.service], { env: inFile });
      assert.equal(others.stdout, `copied ${key.service}/${key.name}\n`, others.stderr);
    });

    it("is not what copies leave out if its item is no identity", linuxOnly("file modes"), async (t) => {
      const { run, os } = await prepareSession(t);
      const copy = ["copy", "--from", "os", "--to", "file", "--service"];
      await os.set({ ...item, value: "Jane Doe" });
      const own = writeIdentity((await startTestSession(t)).session.directory);
      const env = { ...inFile, OS_SECRETS_IDENTITY: own.path, OS_SECRETS_FILE: `${own.path}.d/secrets.age` };
      assert.equal((await run([...copy, item.service], { env })).stdout, "copied os-secrets/identity\n");
    });

    it("creates no second identity for a file that exists", async (t) => {
      const { session, run, startClient, os } = await prepareSession(t);
      await startClient().set({ ...key, value: "value" });
      await os.delete(item);
      const { code, stdout, stderr } = await run(["init", "--os"], { env: inFile });
      assert.deepEqual([code, stdout], [3, ""]);
      assert.match(stderr, lost.message);
      assert.deepEqual(await listItems(session), []);
    });

    // Each bus has a store of its own, as each machine has. Windows has one store.
    it("with --force creates one for a file of another machine", linuxOnly("a bus"), async (t) => {
      const there = await prepareSession(t);
      await there.startClient().set({ ...key, value: "value" });
      const here = await prepareSession(t);
      const env = { ...inFile, OS_SECRETS_FILE: there.file };
      const refused = await here.run(["init", "--os"], { env });
      assert.match(refused.stderr, /`.*init --os --force`/);
      const { code, stdout: recipient, stderr } = await here.run(["init", "--os", "--force"], { env });
      assert.equal(code, 0, stderr);
      assert.match(recipient, /^age1[a-z0-9]{58}\n$/);
      const again = await here.run(["init", "--os", "--force"], { env });
      assert.deepEqual([again.code, again.stdout], [0, recipient]);
      const added = await there.run(["rekey", "--add", recipient], { env: inFile });
      assert.equal(added.code, 0, added.stderr);
      assert.equal(await here.startClient({ OS_SECRETS_FILE: there.file }).get(key), "value");
    });

    it("is not replaced, renamed or deleted as a secret of its name", async (t) => {
      const { session, run, os } = await prepareSession(t);
      await run(["init", "--os"]);
      const before = await listItems(session);
      await os.set({ ...item, name: "other", value: "x" });
      const list = join(session.directory, "list.env");
      writeFileSync(list, "IDENTITY=mine\n");
      for (const [args, input] of [
        [["set", "identity"], "mine"],
        [["generate", "identity", "--force"]],
        [["rename", "identity", "moved"]],
        [["rename", "other", "identity", "--force"]],
        [["import", list, "--force"]],
        [["delete", "identity"]],
      ]) {
        const { code, stderr } = await run(args, { input });
        assert.notEqual(code, 0, args.join(" "));
        assert.match(
          stderr,
          /its place is that of the identity that opens|There is no secret identity/,
          args.join(" "),
        );
      }
      assert.deepEqual(
        (await listItems(session)).find(({ secret }) => secret === before[0].secret)?.attributes,
        before[0].attributes,
      );
      // On purpose it can be changed.
      assert.equal((await run(["delete", "--service", item.service, item.name])).code, 0);
      // A file of a repository cannot make somebody else's key the user's.
      writeFileSync(list, `IDENTITY=${keyOf(makeIdentity())}\n`);
      const planted = await run(["import", list]);
      assert.match(planted.stderr, /its place is that of the identity/);
      assert.equal(await os.get(item), null);
      assert.equal((await run(["set", "identity"], { input: "Jane" })).code, 0);
    });

    it("is not resolved, exported or handed to a command", async (t) => {
      const { session, run, os } = await prepareSession(t);
      await run(["init", "--os"]);
      const identity = await os.get(item);
      await os.set({ ...item, name: "token", value: "value" });
      for (const args of [
        ["resolve", "secret:identity"],
        ["get", "identity"],
        ["export", "--values"],
        ["run", "-e", "A=secret:identity", "--", process.execPath, "-p", "process.env.A"],
      ]) {
        const { stdout, stderr } = await run(args);
        assert.ok(!(stdout + stderr).includes(identity.trim()), args.join(" "));
      }
      const exported = await run(["export", "--values"]);
      assert.deepEqual(JSON.parse(exported.stdout), { token: "value" });
      const client = await runScript(
        session,
        `console.log(await require(${JSON.stringify(root)}).resolve("secret:identity"))`,
        { env: {} },
      );
      assert.match(client, /^ERR_SECRETS_NOT_FOUND /);
      const printed = await run(["get", "--service", item.service, item.name]);
      assert.equal(printed.stdout.trim(), identity.trim());
    });

    it("takes neither a file nor a store or scope", async (t) => {
      const { session, run } = await prepareSession(t);
      for (const more of [["identity"], ["--store", "file"], ["--scope", "user"]]) {
        const { code, stdout } = await run(["init", "--os", ...more]);
        assert.deepEqual([code, stdout], [2, ""], more.join(" "));
      }
      assert.deepEqual(await listItems(session), []);
      assert.equal(existsSync(join(session.directory, "identity")), false);
    });

    it("fails if the operating system's store cannot be used", linuxOnly("a bus"), async (t) => {
      const { session, run } = await prepareSession(t);
      await session.lock();
      const { code, stderr } = await run(["init", "--os"]);
      assert.equal(code, 3);
      assert.match(stderr, /unlock it yourself/);
    });
  });
}
