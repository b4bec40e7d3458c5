// Makes SSH keys with ssh-keygen.

const { execFileSync } = require("node:child_process");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");

/**
 * Makes an SSH key in a folder: { path, text, line, recipient }. `line` is the whole public key, with its comment.
 * `args` are those of ssh-keygen.
 */
function writeSshKey(folder, name, args, passphrase = "") {
  const path = join(folder, name);
  execFileSync("ssh-keygen", ["-q", ...args, "-N", passphrase, "-C", "me@host", "-f", path], {
    stdio: "pipe",
  });
  const line = readFileSync(`${path}.pub`, "utf8").trim();
  return { path, text: readFileSync(path, "utf8"), line, recipient: line.split(" ").slice(0, 2).join(" ") };
}

module.exports = { writeSshKey };
