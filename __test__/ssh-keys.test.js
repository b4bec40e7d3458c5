// SSH keys as identities and recipients of the encrypted file.

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const { generateKeyPairSync } = require("node:crypto");
const { chmodSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { openStore } = require("..");
const { decryptFile, encryptFile, writeIdentity } = require("./support/age.js");
const { prepareFileStore } = require("./support/file-store.js");
const { linuxOnly } = require("./support/platform.js");
const { runProgram } = require("./support/programs.js");
const { writeSshKey } = require("./support/ssh.js");

const kinds = {
  ed25519: ["-t", "ed25519"],
  RSA: ["-t", "rsa", "-b", "2048"],
  "RSA in the format PEM": ["-t", "rsa", "-b", "2048", "-m", "PEM"],
};

/** Runs `secrets` on a file with an identity. Returns what it prints. */
async function run(session, path, identity, args, expected = 0) {
  const env = { OS_SECRETS_IDENTITY: identity };
  const { code, stdout, stderr } = await runProgram(
    session,
    "native",
    "secrets",
    [...args, "--store", path],
    { env },
  );
  assert.equal(code, expected, stderr);
  return expected === 0 ? stdout : stderr;
}

describe("an SSH key as the identity", linuxOnly("ssh-keygen"), () => {
  for (const [kind, args] of Object.entries(kinds)) {
    it(`of the kind ${kind} reads and writes files that age reads and makes`, async (t) => {
      const { session, folder, path } = await prepareFileStore(t);
      const key = writeSshKey(session.directory, "key", args);
      const store = openStore({ provider: "file", path, identity: key.path });
      await store.set("s", "n", "ours");
      assert.deepEqual(JSON.parse(decryptFile(path, key.path)), {
        version: 1,
        recipients: [key.recipient],
        credentials: { s: { n: "ours" } },
      });
      const [made, plain] = [join(folder, "made.age"), join(session.directory, "plain")];
      writeFileSync(plain, JSON.stringify({ version: 1, credentials: { s: { n: "theirs" } } }));
      encryptFile(plain, made, key.line);
      // The text of a key is taken as well, with the line ends of Windows.
      const ofAge = openStore({ provider: "file", path: made, identity: key.text.replaceAll("\n", "\r\n") });
      assert.equal(await ofAge.get("s", "n"), "theirs");
      await ofAge.set("s", "n", "changed");
      assert.match(decryptFile(made, key.path), /changed/);
    });
  }

  it("on a single line is not printed, whatever it is taken for", async (t) => {
    const { session, path } = await prepareFileStore(t);
    const key = writeSshKey(session.directory, "key", kinds.RSA);
    const body = key.text.split("\n").slice(1, -2).join(" ");
    const texts = [
      key.text.trim().replaceAll("\n", " "),
      ` ${key.text.trim().replaceAll("\n", "\t")}`,
      body.replaceAll("/", "x"),
      `${"long ".repeat(60)}/${body}`,
    ];
    for (const identity of texts) {
      const store = openStore({ provider: "file", path, identity });
      const error = await store.get("s", "n").then(assert.fail, (error) => error);
      assert.equal(error.code, "ERR_SECRETS_INVALID_SETTING");
      assert.ok(error.message.length < 600, `${error.message.length} characters`);
      assert.ok(!error.message.includes(body.slice(100, 140)));
      const stderr = await run(session, path, identity, ["get", "n"], 3);
      assert.ok(!stderr.includes(body.slice(100, 140)));
    }
  });

  it("stands beside other identities in one text", async (t) => {
    const { session, identity, path, store } = await prepareFileStore(t);
    await store.set("s", "n", "value");
    const key = writeSshKey(session.directory, "key", kinds.ed25519);
    const both = openStore({ provider: "file", path, identity: `${key.text}${identity.text}` });
    assert.equal(await both.get("s", "n"), "value");
    const other = openStore({ provider: "file", path, identity: key.path });
    await assert.rejects(other.get("s", "n"), { code: "ERR_SECRETS_AUTH_FAILED", reason: "wrong-key" });
  });

  it("is refused by its kind if age cannot use it, without a part of the key", async (t) => {
    const { session, path } = await prepareFileStore(t);
    const folder = session.directory;
    const whole = writeSshKey(folder, "whole", kinds.ed25519).text;
    const pkcs8 = { type: "pkcs8", format: "pem" };
    const spki = { type: "spki", format: "pem" };
    for (const [text, message] of [
      [
        writeSshKey(folder, "ecdsa", ["-t", "ecdsa"]).text,
        /an SSH key of another kind than ed25519 and RSA in line 1/,
      ],
      [writeSshKey(folder, "short", ["-t", "rsa", "-b", "1024"]).text, /an RSA key of fewer than 2048 bits/],
      [
        writeSshKey(folder, "pem", ["-t", "rsa", "-b", "2048", "-m", "PEM"], "passphrase").text,
        /in the format PEM, which `ssh-keygen -p -f FILE` converts/,
      ],
      [
        generateKeyPairSync("ed25519", { privateKeyEncoding: pkcs8, publicKeyEncoding: spki }).privateKey,
        /in the format PKCS #8/,
      ],
      [whole.slice(0, -60), /an SSH key that is incomplete or damaged/],
    ]) {
      const store = openStore({ provider: "file", path, identity: text });
      const error = await store.set("s", "n", "value").catch((error) => error);
      assert.equal(error.code, "ERR_SECRETS_INVALID_SETTING");
      assert.match(error.message, message);
      assert.match(error.message, /or an SSH key \(ed25519 or RSA\)/);
      for (const line of text.split("\n").filter((line) => line && !line.startsWith("-----")))
        assert.ok(!error.message.includes(line), message.source);
    }
  });
});

describe("an SSH key as a recipient", linuxOnly("ssh-keygen"), () => {
  for (const [kind, args] of Object.entries(kinds)) {
    it(`of the kind ${kind} is added and removed by its public key, whatever the comment`, async (t) => {
      const { session, identity, path, store } = await prepareFileStore(t);
      await store.set("s", "n", "first");
      const key = writeSshKey(session.directory, "key", args);
      const listed = [identity.recipient, key.recipient];
      const added = await run(session, path, identity.path, ["rekey", "--add", key.line]);
      assert.deepEqual(added.trim().split("\n"), listed);
      // A process that has the other identity keeps the recipient.
      await store.set("s", "n", "second");
      assert.match(decryptFile(path, key.path), /second/);
      const doctor = JSON.parse(await run(session, path, identity.path, ["doctor", "--json"]));
      assert.deepEqual(doctor.recipients, listed);
      // And the other way round.
      await openStore({ provider: "file", path, identity: key.path }).set("s", "n", "third");
      assert.equal(await store.get("s", "n"), "third");
      const other = `${key.recipient} another comment`;
      const kept = await run(session, path, identity.path, ["rekey", "--remove", other]);
      assert.equal(kept.trim(), identity.recipient);
      assert.throws(() => decryptFile(path, key.path), /no identity matched/);
    });
  }

  it("is added with all others of a list, one in each line", async (t) => {
    const { session, identity, path, store } = await prepareFileStore(t);
    await store.set("s", "n", "v");
    const keys = ["one", "two"].map((name) => writeSshKey(session.directory, name, kinds.ed25519));
    const list = `${keys.map(({ line }) => line).join("\n")}\n\n`;
    const printed = await run(session, path, identity.path, ["rekey", "--add", list]);
    assert.deepEqual(
      new Set(printed.trim().split("\n")),
      new Set([identity.recipient, ...keys.map(({ recipient }) => recipient)]),
    );
    for (const { path: own } of keys) {
      assert.equal(await openStore({ provider: "file", path, identity: own }).get("s", "n"), "v");
    }
    const refused = await run(session, path, identity.path, ["rekey", "--add", `${list}nonsense`], 2);
    assert.match(refused, /not a whole recipient/);
  });

  it("is not lost if the file does not list it", async (t) => {
    const { session, identity, path, store } = await prepareFileStore(t);
    const key = writeSshKey(session.directory, "key", kinds.ed25519);
    const plain = join(session.directory, "plain");
    // As many are listed as there are, but not the same ones.
    const another = writeIdentity(session.directory, "another");
    for (const recipients of [[], [identity.recipient, another.recipient]]) {
      writeFileSync(plain, JSON.stringify({ version: 1, recipients }));
      execFileSync("age", ["-r", identity.recipient, "-r", key.line, "-o", path, plain]);
      chmodSync(path, 0o600);
      await assert.rejects(store.set("s", "n", "value"), { message: /does not list 1 of them/ });
      const refused = await run(
        session,
        path,
        identity.path,
        ["rekey", "--add", writeIdentity(session.directory, "third").recipient],
        1,
      );
      assert.match(refused, /does not list 1 of them, who could not read it any more/);
      await run(session, path, identity.path, ["rekey", "--add", key.line]);
      await store.set("s", "n", "value");
      for (const each of [key.path, identity.path]) assert.match(decryptFile(path, each), /value/);
    }
  });
});
