// Identities of the encrypted file that are protected by a passphrase.

const assert = require("node:assert/strict");
const { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { openStore } = require("..");
const { prepareFileStore } = require("./support/file-store.js");
const { linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { writeSshKey } = require("./support/ssh.js");
const { runOnTerminal } = require("./support/terminal.js");

const PASSPHRASE = "correct hörse";
const WRONG = "battery staple";

/** Encrypts the identity of a session with a passphrase, as users do. Returns the path. */
async function protect({ session, identity }, ...args) {
  const path = join(session.directory, "identity.age");
  const typed = `${PASSPHRASE}\r`;
  const { code, shown } = await runOnTerminal(
    session,
    ["age", "--passphrase", ...args, "--output", path, identity.path],
    [
      ["Enter passphrase", typed],
      ["Confirm passphrase", typed],
    ],
  );
  assert.equal(code, 0, shown);
  chmodSync(path, 0o600);
  return path;
}

const kinds = {
  "an SSH key of the kind ed25519": ({ session }) =>
    writeSshKey(session.directory, "key", ["-t", "ed25519"], PASSPHRASE).path,
  "an SSH key of the kind RSA": ({ session }) =>
    writeSshKey(session.directory, "key", ["-t", "rsa", "-b", "2048"], PASSPHRASE).path,
  "an SSH key with another cipher": ({ session }) =>
    writeSshKey(session.directory, "key", ["-t", "ed25519", "-Z", "aes256-gcm@openssh.com"], PASSPHRASE).path,
  "an age file": (prepared) => protect(prepared),
  "an armored age file": (prepared) => protect(prepared, "--armor"),
  "an armored age file that Windows PowerShell has written": async (prepared) => {
    const path = await protect(prepared, "--armor");
    const text = readFileSync(path, "utf8").replaceAll("\n", "\r\n");
    writeFileSync(path, `\ufeff${text}`, "utf16le");
    return path;
  },
  "an age file with an SSH key that has the same passphrase": (prepared) =>
    protect({ ...prepared, identity: writeSshKey(prepared.session.directory, "key", [], PASSPHRASE) }),
};

describe("an identity that is protected by a passphrase", linuxOnly("a pseudo-terminal"), () => {
  for (const [kind, make] of Object.entries(kinds)) {
    it(`opens a file with the passphrase, ${kind}`, async (t) => {
      const prepared = await prepareFileStore(t);
      const { path } = prepared;
      const identity = await make(prepared);
      const open = (passphrase) => openStore({ provider: "file", path, identity, passphrase });
      const store = open(PASSPHRASE);
      await store.set("s", "n", "value");
      assert.equal(await open(PASSPHRASE).get("s", "n"), "value");
      for (const [passphrase, code, message] of [
        [WRONG, "ERR_SECRETS_AUTH_FAILED", /The option identity .* the passphrase is wrong/],
        [undefined, "ERR_SECRETS_INVALID_SETTING", /protected by a passphrase\. Set OS_SECRETS_PASSPHRASE/],
      ]) {
        const error = await open(passphrase)
          .get("s", "n")
          .catch((error) => error);
        assert.equal(error.code, code, error.message);
        assert.match(error.message, message);
        assert.ok(!error.message.includes(WRONG));
      }
      // The identity is opened once.
      rmSync(identity);
      await store.set("s", "n", "second");
      assert.equal(await store.get("s", "n"), "second");
    });
  }

  it("is given as text as well", async (t) => {
    const prepared = await prepareFileStore(t);
    const { path, store } = prepared;
    await store.set("s", "n", "value");
    const identity = readFileSync(await protect(prepared, "--armor"), "utf8");
    const given = openStore({ provider: "file", path, identity, passphrase: PASSPHRASE });
    assert.equal(await given.get("s", "n"), "value");
  });

  it("has its passphrase in the environment", async (t) => {
    const prepared = await prepareFileStore(t);
    const { session, path } = prepared;
    const identity = writeSshKey(session.directory, "key", ["-t", "ed25519"], PASSPHRASE).path;
    const run = (args, passphrase) => {
      const env = { OS_SECRETS_IDENTITY: identity, ...(passphrase && { OS_SECRETS_PASSPHRASE: passphrase }) };
      return runProgram(session, "native", "secrets", [...args, "--store", path], { env });
    };
    assert.equal((await run(["set", "token", "value"], PASSPHRASE)).code, 0);
    assert.equal((await run(["get", "token"], PASSPHRASE)).stdout, "value\n");
    for (const [passphrase, why, fix] of [
      [WRONG, /the passphrase is wrong/, /^Set OS_SECRETS_PASSPHRASE to the passphrase of the identity$/],
      [undefined, /is protected by a passphrase/, /^Set OS_SECRETS_IDENTITY and OS_SECRETS_PASSPHRASE$/],
    ]) {
      const { code, stderr } = await run(["get", "token"], passphrase);
      assert.equal(code, 3);
      assert.match(stderr, why);
      const doctor = JSON.parse((await run(["doctor", "--json"], passphrase)).stdout);
      assert.match(doctor.problems[0].fix, fix);
    }
  });

  it("is refused if it has no passphrase and one was given", async (t) => {
    const { path, identity, store } = await prepareFileStore(t);
    await store.set("s", "n", "value");
    const given = openStore({ provider: "file", path, identity: identity.path, passphrase: PASSPHRASE });
    await assert.rejects(given.get("s", "n"), { message: /no identity that is protected by a passphrase/ });
  });

  it("is refused if an SSH key in it has another passphrase", async (t) => {
    const prepared = await prepareFileStore(t);
    const { path, session } = prepared;
    const key = writeSshKey(session.directory, "key", [], WRONG);
    const identity = await protect({ ...prepared, identity: key });
    const store = openStore({ provider: "file", path, identity, passphrase: PASSPHRASE });
    await assert.rejects(store.set("s", "n", "value"), {
      code: "ERR_SECRETS_INVALID_SETTING",
      message:
        /holds an SSH key that has another passphrase\. Change that of the key: `ssh-keygen -p -f FILE`/,
    });
  });

  it("is refused if it is encrypted twice", async (t) => {
    const prepared = await prepareFileStore(t);
    const { path, session } = prepared;
    const inner = join(session.directory, "inner");
    renameSync(await protect(prepared), inner);
    const identity = await protect({ ...prepared, identity: { path: inner } });
    const store = openStore({ provider: "file", path, identity, passphrase: PASSPHRASE });
    await assert.rejects(store.set("s", "n", "value"), {
      code: "ERR_SECRETS_INVALID_SETTING",
      message: /holds another encrypted age file\. Encrypt the identity once/,
    });
  });

  it("has its passphrase asked for on the terminal, by the path of the identity", async (t) => {
    const { session, path } = await prepareFileStore(t);
    const identity = writeSshKey(session.directory, "key", ["-t", "ed25519"], PASSPHRASE).path;
    const prompt = `Passphrase for the identity ${identity}: `;
    const type = (args, steps) =>
      runOnTerminal(session, [...ways.native("secrets"), ...args, "--store", path], steps, {
        OS_SECRETS_IDENTITY: identity,
      });
    // There is no prompt if the file does not exist.
    assert.equal((await type(["list"], [])).code, 0);
    const set = await type(["set", "token", "value"], [[prompt, `${PASSPHRASE}\r`]]);
    assert.equal(set.code, 0, set.shown);
    assert.ok(existsSync(path));
    const get = await type(
      ["get", "token"],
      [
        [prompt, `${WRONG}\r`],
        [`That passphrase is wrong. ${prompt}`, `${PASSPHRASE}\r`],
      ],
    );
    assert.ok(get.code === 0 && get.shown.endsWith("value\n"), get.shown);
    assert.ok(!get.shown.includes(PASSPHRASE) && !get.shown.includes(WRONG));
    const doctor = await type(["doctor"], []);
    assert.match(
      doctor.shown,
      /The identity is protected by a passphrase, which is asked for on the terminal/,
    );
    assert.equal(doctor.code, 0, doctor.shown);
  });
});
