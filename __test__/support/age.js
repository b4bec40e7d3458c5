// The program age, which opens what the encrypted file store writes, and makes what it reads.

const { execFileSync } = require("node:child_process");
const { writeFileSync } = require("node:fs");
const { join } = require("node:path");

/** A new identity: { text, recipient }. */
function newIdentity() {
  const text = execFileSync("age-keygen", { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return { text, recipient: /age1\w+/.exec(text)[0] };
}

/** An identity in a file of a folder: { text, recipient, path }. */
function identityIn(folder, name = "identity") {
  const identity = newIdentity();
  const path = join(folder, name);
  writeFileSync(path, identity.text, { mode: 0o600 });
  return { ...identity, path };
}

/** What an age file holds, opened by age with the identity in a file. */
function decrypt(path, identity) {
  return execFileSync("age", ["--decrypt", "--identity", identity, path], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}

module.exports = { decrypt, identityIn, newIdentity };
