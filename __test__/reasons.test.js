// The `reason` of errors, which tells a program what the `code` leaves open.

const assert = require("node:assert/strict");
const { chmodSync, readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { openStore } = require("..");
const { writeIdentity } = require("./support/age.js");
const { prose } = require("./support/documents.js");
const { linuxOnly } = require("./support/platform.js");
const { node, root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const read = (...path) => readFileSync(join(root, ...path), "utf8");

/** Runs a program in a session that prints the reason and code of each call's error, on one line per call. */
async function readReasons(session, calls, { runtime: [command, ...args] = node(22), env = {} } = {}) {
  const file = join(session.directory, "program.cjs");
  writeFileSync(
    file,
    `const { openStore, resolve, secrets } = require(${JSON.stringify(root)});
    (async () => {
      for (const call of [${calls.map((call) => `() => ${call}`).join(", ")}]) {
        try { await call(); console.log("none"); } catch ({ reason, code }) { console.log(reason, code); }
      }
    })();`,
  );
  const { code, stdout, stderr } = await session.run(command, [...args, file], { env });
  assert.equal(code, 0, stderr);
  return stdout.trimEnd().split("\n");
}

const get = `secrets.get("s", "n")`;

describe("the reason of an error", () => {
  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`tells a missing bus from a missing service under ${name}`, linuxOnly("a bus"), async (t) => {
      const session = await startSession({ bus: false });
      t.after(() => session.stop());
      const code = "ERR_SECRETS_PLATFORM_ERROR";
      assert.deepEqual(await readReasons(session, [get, "openStore().list()"], { runtime }), [
        `no-bus ${code}`,
        `no-bus ${code}`,
      ]);
      await session.startBus();
      const aborted = `secrets.get({ service: "s", name: "n", signal: AbortSignal.abort() })`;
      assert.deepEqual(await readReasons(session, [get, aborted], { runtime }), [
        `no-service ${code}`,
        "aborted ABORT_ERR",
      ]);
    });
  }

  it("is that the store is locked if the user cannot or must not be asked", linuxOnly("a bus"), async (t) => {
    const session = await startSession();
    t.after(() => session.stop());
    await readReasons(session, [`secrets.set("s", "n", "v")`]);
    await session.lock();
    const silent = `secrets.get({ service: "s", name: "n", interactive: false })`;
    assert.deepEqual(await readReasons(session, [get, silent]), [
      "locked ERR_SECRETS_INTERACTION_REQUIRED",
      "locked ERR_SECRETS_INTERACTION_NOT_ALLOWED",
    ]);
    // No prompter is installed, so gnome-keyring takes its prompt for closed.
    const env = { DISPLAY: ":99" };
    assert.deepEqual(await readReasons(session, [get], { env }), ["dismissed ERR_SECRETS_USER_CANCELED"]);
  });

  it("is that the bus denied access", linuxOnly("a bus"), async (t) => {
    const session = await startSession({ bus: false });
    t.after(() => session.stop());
    const member = `send_interface="org.freedesktop.Secret.Service" send_member="SearchItems"`;
    await session.startBus("bus", { policy: `<deny ${member}/>` });
    await session.startKeyring();
    assert.deepEqual(await readReasons(session, [get]), ["denied ERR_SECRETS_ACCESS_DENIED"]);
  });

  it("tells what is wrong with an encrypted file", async (t) => {
    const session = await startSession({ bus: false });
    t.after(() => session.stop());
    const identity = writeIdentity(session.directory);
    const other = writeIdentity(session.directory, "other");
    const path = join(session.directory, "own", "secrets.age");
    const open = (options) => `openStore(${JSON.stringify({ provider: "file", path, ...options })})`;
    const own = open({ identity: identity.path });
    assert.deepEqual(
      await readReasons(session, [
        `${open({})}.get("s", "n")`,
        `${own}.set("s", "n", "value")`,
        `${own}.set("s", "bytes", new Uint8Array([255]))`,
        `${own}.get("s", "bytes")`,
        `${open({ identity: other.path })}.get("s", "n")`,
        `${open({ identity: "/none" })}.get("s", "n")`,
        `openStore({ provider: "file", identity: { service: "s", name: "n" }, passphrase: "y" })`,
        `openStore({ provider: "exec", command: "docker-credential-pass" })`,
        `openStore({ provider: "exec", command: ${JSON.stringify(join(path, "none"))} }).get("s", "n")`,
        `resolve("secret:none", { scope: "repo" })`,
        `${own}.set("s", "n", "v".repeat(17 * 2 ** 20))`,
      ]),
      [
        "no-key ERR_SECRETS_INVALID_SETTING",
        "none",
        "none",
        "not-text ERR_SECRETS_INVALID_DATA",
        "wrong-key ERR_SECRETS_AUTH_FAILED",
        "invalid-setting ERR_SECRETS_INVALID_SETTING",
        "invalid-setting ERR_SECRETS_INVALID_SETTING",
        "invalid-setting ERR_SECRETS_INVALID_SETTING",
        "no-helper ERR_SECRETS_PLATFORM_ERROR",
        "not-found ERR_SECRETS_NOT_FOUND",
        "too-large ERR_SECRETS_TOO_LARGE",
      ],
    );
    writeFileSync(path, "not an age file");
    assert.deepEqual(await readReasons(session, [`${own}.get("s", "n")`]), [
      "damaged ERR_SECRETS_INVALID_DATA",
    ]);
  });

  it("is that others have access to the encrypted file", linuxOnly("file modes"), async (t) => {
    const session = await startSession({ bus: false });
    t.after(() => session.stop());
    const identity = writeIdentity(session.directory);
    const path = join(session.directory, "own", "secrets.age");
    const store = openStore({ provider: "file", path, identity: identity.path });
    await store.set("s", "n", "value");
    chmodSync(path, 0o666);
    await assert.rejects(store.get("s", "n"), { reason: "untrusted" });
    chmodSync(path, 0o600);
    chmodSync(join(path, ".."), 0o755);
    await assert.rejects(store.set("s", "n", "other"), { reason: "not-private" });
  });

  it("is that the store is closed", async () => {
    const store = openStore({ provider: "memory" });
    await store.close();
    await assert.rejects(store.get("s", "n"), { reason: "closed", code: "ERR_SECRETS_PLATFORM_ERROR" });
  });

  it("is not on what wrong arguments throw", () => {
    const { secrets } = require("..");
    assert.throws(
      () => secrets.get("", "n"),
      (error) => error instanceof TypeError && !("reason" in error),
    );
  });
});

it("the reasons of the code, of the types and of docs/errors.md are the same", () => {
  const [, union] = /type ErrorReason =(.*?);\n/s.exec(read("index.d.ts"));
  const typed = [...union.matchAll(/\| "([\w-]+)"/g)].map(([, reason]) => reason);
  const source = read("crates", "os-secrets", "src", "error", "reason.rs");
  const made = [...source.matchAll(/Self::\w+ => "([\w-]+)",/g)].map(([, reason]) => reason);
  // A wrong argument throws the error of Bun, without a reason. The missing binary cannot give one itself.
  const ofErrors = new Set([...made, "no-binary"]);
  ofErrors.delete("invalid-argument");
  assert.deepEqual(new Set(typed), ofErrors);
  const [, table] = prose("docs/errors.md").split("| `reason` |");
  const documented = [...table.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, reason]) => reason);
  assert.deepEqual(documented, typed);
});
