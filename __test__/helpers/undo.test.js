// `secrets setup CLIENT --undo` for files that their users have edited since, and what setup must not do to them.

const assert = require("node:assert/strict");
const { existsSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { describe, it } = require("node:test");
const { startClient } = require("../support/clients.js");

/**
 * The clients:
 *
 *   args     the words after the client's name
 *   file     the file that is changed
 *   text     what is in the file before
 *   comment  the start of our line, and the line with which the user makes a comment of it
 *   line     what the user writes into the file afterwards
 */
const clients = {
  git: {
    file: ({ session }) => join(session.home, ".gitconfig"),
    text: "[user]\n\tname = x\n",
    comment: ["[credential]", "# [credential]"],
    line: "[alias]\n\ta = b\n",
  },
  cargo: {
    file: ({ session }) => join(session.home, ".cargo", "config.toml"),
    text: "[registry]\n",
    comment: ["global", "# global"],
    line: 'default = "a"\n',
  },
  pnpm: {
    file: ({ session }) => join(session.configuration, "pnpm", "auth.ini"),
    text: "",
    comment: ["//registry", ";//registry"],
    line: "//z/:always-auth=true\n",
  },
  aws: {
    args: ["default"],
    file: ({ session }) => join(session.home, ".aws", "config"),
    text: "[default]\nregion = x\n",
    comment: ["credential_process", "# credential_process"],
    line: "output = json\n",
  },
  terraform: {
    file: ({ session }) => join(session.home, ".terraformrc"),
    text: "x = 1\n",
    comment: ["credentials_helper", "# credentials_helper"],
    line: "y = 2\n",
  },
  bazel: {
    args: ["a.example"],
    file: ({ session }) => join(session.home, ".bazelrc"),
    text: "",
    comment: ["common", "# common"],
    line: "build --x\n",
  },
  "python-keyring": {
    file: ({ session }) => join(session.configuration, "python_keyring", "keyringrc.cfg"),
    text: "[backend]\n",
    comment: ["default-keyring", "# default-keyring"],
    line: "[other]\nx = y\n",
  },
};

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** A session in which the client is set up, for a file that holds a text. */
async function setUp(t, name, text) {
  const client = await startClient(t);
  client.session.env.CARGO_HOME = join(client.session.home, ".cargo");
  const { args = [], file } = clients[name];
  const path = file(client);
  write(path, text);
  await client.succeed("secrets", ["setup", name, ...args]);
  return { client, path };
}

describe("secrets setup CLIENT --undo", () => {
  for (const [name, { comment, line, text }] of Object.entries(clients)) {
    it(`leaves the lines of ${name}'s user as they are, beside our line that is a comment now`, async (t) => {
      const { client, path } = await setUp(t, name, text);
      const changed = readFileSync(path, "utf8");
      assert.ok(changed.includes(comment[0]), changed);
      writeFileSync(path, changed.replace(comment[0], comment[1]) + line);
      const { code, stderr } = await client.run("secrets", ["setup", name, "--undo"]);
      assert.equal(code, 0, stderr);
      const left = readFileSync(path, "utf8").split("\n");
      for (const own of `${text}${line}`.trimEnd().split("\n")) {
        assert.ok(!own || left.includes(own), `${own}: ${left.join("\n")}`);
      }
    });
  }

  it("restores the former values of files that were written anew", async (t) => {
    for (const [name, text] of [
      ["pnpm", "//registry.npmjs.org/:tokenHelper=/opt/old\n"],
      ["python-keyring", "[backend]\ndefault-keyring = a.B\nkeyring-path = /mine\n"],
    ]) {
      const { client, path } = await setUp(t, name, text);
      // As a program does that spells its settings in its own way.
      const changed = readFileSync(path, "utf8");
      const spelled = changed.replaceAll(/^([^=\n]*\S) ?= ?/gm, name === "pnpm" ? "$1 = " : "$1=");
      assert.notEqual(spelled, changed);
      writeFileSync(path, spelled);
      await client.succeed("secrets", ["setup", name, "--undo"]);
      assert.equal(readFileSync(path, "utf8"), text);
    }
  });

  it("removes a file that it has made, and no other", async (t) => {
    const client = await startClient(t);
    const path = clients.bazel.file(client);
    await client.succeed("secrets", ["setup", "bazel", "a.example"]);
    await client.succeed("secrets", ["setup", "bazel", "--undo"]);
    assert.equal(existsSync(path), false);
    write(path, "");
    await client.succeed("secrets", ["setup", "bazel", "a.example"]);
    await client.succeed("secrets", ["setup", "bazel", "--undo"]);
    assert.equal(readFileSync(path, "utf8"), "");
  });
});
