// A new identity for an encrypted file, while a program has the store open.

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { openStore } = require("..");
const { decryptFile, makeIdentity, writeIdentity } = require("./support/age.js");
const { secretsIn } = require("./support/client.js");
const { prepareFileStore } = require("./support/file-store.js");
const { linuxOnly } = require("./support/platform.js");
const { runProgram } = require("./support/programs.js");
const { node } = require("./support/runtimes.js");

/** Runs `secrets rekey` on a file with an identity. */
async function rekey(session, path, identity, ...args) {
  const env = { OS_SECRETS_IDENTITY: identity };
  const { code, stderr } = await runProgram(
    session,
    "native",
    "secrets",
    ["rekey", "--store", path, ...args],
    {
      env,
    },
  );
  assert.equal(code, 0, stderr);
}

/**
 * Rotates the identity of a file: the file is encrypted for a new one, which replaces the old one. Returns the
 * new one.
 */
async function rotate(session, path, identity) {
  const rotated = writeIdentity(session.directory, "rotated");
  await rekey(session, path, identity.path, "--add", rotated.recipient);
  await rekey(session, path, rotated.path, "--remove", identity.recipient);
  renameSync(rotated.path, identity.path);
  return { ...rotated, path: identity.path };
}

describe("a store that is open while its identity is rotated", () => {
  const call = {
    get: (store) => store.get("s", "n"),
    set: (store) => store.set("s", "n", "second"),
    delete: (store) => store.delete("s", "none"),
    has: (store) => store.has("s", "n"),
    list: (store) => store.list(),
  };
  for (const [name, first] of Object.entries(call)) {
    it(`goes on with ${name}`, async (t) => {
      const { session, path, identity, store } = await prepareFileStore(t);
      await store.set("s", "n", "value");
      const rotated = await rotate(session, path, identity);
      await first(store);
      assert.equal(await store.get("s", "n"), name === "set" ? "second" : "value");
      await store.set("s", "n", "third");
      assert.match(decryptFile(path, identity.path), /third/);
      // And once more.
      await rotate(session, path, rotated);
      assert.equal(await store.get("s", "n"), "third");
    });
  }

  it("rejects while the identity is still the old one, and goes on when it is replaced", async (t) => {
    const { session, path, identity, store } = await prepareFileStore(t);
    await store.set("s", "n", "value");
    const old = readFileSync(identity.path);
    await rotate(session, path, identity);
    const rotated = readFileSync(identity.path);
    for (const text of [old, makeIdentity().text, "# empty\n"]) {
      writeFileSync(identity.path, text);
      await assert.rejects(store.get("s", "n"), { code: "ERR_SECRETS_AUTH_FAILED", reason: "wrong-key" });
      await assert.rejects(store.set("s", "n", "lost"), { code: "ERR_SECRETS_AUTH_FAILED" });
    }
    writeFileSync(identity.path, rotated);
    assert.equal(await store.get("s", "n"), "value");
  });

  it("does not read an identity again that was given as text", async (t) => {
    const { session, path, identity, store } = await prepareFileStore(t);
    const given = openStore({ provider: "file", path, identity: readFileSync(identity.path, "utf8") });
    await store.set("s", "n", "value");
    assert.equal(await given.get("s", "n"), "value");
    await rotate(session, path, identity);
    await assert.rejects(given.get("s", "n"), { code: "ERR_SECRETS_AUTH_FAILED" });
  });

  it("goes on if the environment or systemd names the identity", async (t) => {
    const { session, path, identity, store } = await prepareFileStore(t);
    await store.set("s", "n", "value");
    const credentials = join(session.directory, "credentials");
    mkdirSync(credentials, { mode: 0o700 });
    const provided = join(credentials, "os-secrets.identity");
    writeFileSync(provided, readFileSync(identity.path), { mode: 0o600 });
    const env = { OS_SECRETS_PROVIDER: "file", OS_SECRETS_FILE: path };
    const stores = [{ OS_SECRETS_IDENTITY: identity.path }, { CREDENTIALS_DIRECTORY: credentials }].map(
      (key) => secretsIn(session, node(22), "os-secrets", { env: { ...env, ...key } }),
    );
    const key = { service: "s", name: "n" };
    for (const each of stores) assert.equal(await each.get(key), "value");
    await rotate(session, path, identity);
    writeFileSync(provided, readFileSync(identity.path));
    for (const each of stores) {
      assert.equal(await each.get(key), "value");
      await each.set({ ...key, value: "value" });
      await each.close();
    }
  });

  it("does not wait for a pipe that its identity came from", linuxOnly("named pipes"), async (t) => {
    const { session, path, identity, store } = await prepareFileStore(t);
    await store.set("s", "n", "value");
    const fifo = join(session.directory, "fifo");
    execFileSync("mkfifo", ["-m", "600", fifo]);
    const writer = session.run("/bin/sh", ["-c", `cat ${identity.path} >${fifo}`]);
    const piped = openStore({ provider: "file", path, identity: fifo });
    assert.equal(await piped.get("s", "n"), "value");
    await writer;
    await rotate(session, path, identity);
    await assert.rejects(piped.get({ service: "s", name: "n", timeout: 60_000 }), {
      code: "ERR_SECRETS_AUTH_FAILED",
    });
  });
});
