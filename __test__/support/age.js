// Runs the program age, which decrypts the files of the encrypted file store and makes identities for it.

const { execFileSync } = require("node:child_process");
const { chmodSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");

/** Makes an identity: { text, recipient }. */
function makeIdentity() {
  const text = execFileSync("age-keygen", { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return { text, recipient: /age1\w+/.exec(text)[0] };
}

/** Makes an identity and writes it to a file in a folder: { text, recipient, path }. */
function writeIdentity(folder, name = "identity") {
  const identity = makeIdentity();
  const path = join(folder, name);
  writeFileSync(path, identity.text, { mode: 0o600 });
  return { ...identity, path };
}

/** Decrypts an age file with the identity in another file. Returns the text. */
function decryptFile(path, identity) {
  return execFileSync("age", ["--decrypt", "--identity", identity, path], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Encrypts a file for a recipient into another file, for its owner alone. */
function encryptFile(from, to, recipient) {
  execFileSync("age", ["--encrypt", "--recipient", recipient, "--output", to, from]);
  chmodSync(to, 0o600);
}

module.exports = { decryptFile, encryptFile, writeIdentity, makeIdentity };
