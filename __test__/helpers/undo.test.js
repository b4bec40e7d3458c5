// `secrets setup CLIENT --undo` for files that their users have edited since, and what setup must not do to them.

const assert = require("node:assert/strict");
const {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} = require("node:fs");
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
    const undo = (...flags) => client.succeed("secrets", ["setup", "bazel", "--undo", ...flags]);
    assert.equal(await undo("--dry-run"), `would remove ${path}\n`);
    assert.equal(await undo(), `removed ${path}\n`);
    assert.equal(existsSync(path), false);
    write(path, "");
    await client.succeed("secrets", ["setup", "bazel", "a.example"]);
    assert.equal(await undo("--dry-run"), `would restore ${path}\n`);
    assert.equal(await undo(), `restored ${path}\n`);
    assert.equal(readFileSync(path, "utf8"), "");
  });

  it("removes the directories that it has made and that are empty, and no other", async (t) => {
    const client = await startClient(t);
    const folder = join(client.session.configuration, "python_keyring");
    const undo = () => client.succeed("secrets", ["setup", "python-keyring", "--undo"]);
    await client.succeed("secrets", ["setup", "python-keyring"]);
    await undo();
    assert.equal(existsSync(folder), false);
    assert.equal(existsSync(join(client.session.data, "os-secrets", "python")), false);
    // What others have put there keeps the directory.
    await client.succeed("secrets", ["setup", "python-keyring"]);
    write(join(folder, "other"), "");
    await undo();
    assert.deepEqual(readdirSync(folder), ["other"]);
    // A directory that was there before stays, although it is empty.
    rmSync(join(folder, "other"));
    await client.succeed("secrets", ["setup", "python-keyring"]);
    await undo();
    assert.deepEqual(readdirSync(folder), []);
  });
});

describe("secrets setup", () => {
  it("names another program that is called secrets for no client", async (t) => {
    const client = await startClient(t);
    const other = join(client.session.directory, "other");
    write(join(other, "secrets"), "#!/bin/sh\necho other\n");
    chmodSync(join(other, "secrets"), 0o755);
    const env = { PATH: `${other}:/usr/bin:/bin`, XDG_CONFIG_HOME: client.session.configuration };
    const own = join(client.bin, "secrets");
    const aws = await client.run(own, ["setup", "aws", "default"], { env });
    assert.equal(aws.code, 0, aws.stderr);
    const command = /^credential_process = (.*) helper aws --profile default$/m.exec(
      readFileSync(clients.aws.file(client), "utf8"),
    );
    assert.match(await client.succeed("sh", ["-c", `${command[1]} --version`]), /^secrets \d/);
    const pnpm = await client.run(own, ["setup", "pnpm"], { env });
    assert.equal(pnpm.code, 0, pnpm.stderr);
    const helper = /=(.*)$/m.exec(readFileSync(clients.pnpm.file(client), "utf8"))[1];
    assert.doesNotMatch((await client.run(helper, [], { env })).stdout, /other/);
    assert.match(readFileSync(helper, "utf8"), /^exec \/.*secrets'? helper npm/m);
  });

  it("makes a program again of a script that is none, for those who may read it", async (t) => {
    const client = await startClient(t);
    const scripts = { keyring: join(client.bin, "keyring") };
    scripts.terraform = join(client.session.home, ".terraform.d/plugins/terraform-credentials-os-secrets");
    for (const [name, script] of Object.entries(scripts)) {
      const words = ["setup", name, ...(name === "keyring" ? [client.bin] : [])];
      await client.succeed("secrets", words);
      const text = readFileSync(script, "utf8");
      for (const [mode, expected] of [
        [0o600, 0o700],
        [0o640, 0o750],
      ]) {
        chmodSync(script, mode);
        assert.match(await client.succeed("secrets", words), new RegExp(`^changed .*${name}`));
        assert.equal(statSync(script).mode & 0o777, expected);
        assert.match(await client.succeed("secrets", words), /asks os-secrets already/);
      }
      assert.equal(readFileSync(script, "utf8"), text);
      await client.succeed("secrets", ["setup", name, "--undo"]);
      assert.equal(existsSync(script), false);
    }
  });

  it("prints of a command that it replaces only the name of the program", async (t) => {
    const client = await startClient(t);
    for (const [name, text, shown] of [
      [
        "pnpm",
        "//registry.npmjs.org/:tokenHelper=/opt/old hunter2\n",
        "- //registry.npmjs.org/:tokenHelper= old",
      ],
      ["python-keyring", "[backend]\ndefault-keyring = a.B\n  hunter2\n", "- default-keyring = a.B"],
    ]) {
      const path = clients[name].file(client);
      write(path, text);
      for (const flags of [["--dry-run"], []]) {
        const { code, stdout, stderr } = await client.run("secrets", ["setup", name, ...flags]);
        assert.equal(code, 0, stderr);
        assert.ok(stdout.split("\n").includes(shown), stdout);
        assert.doesNotMatch(stdout + stderr, /hunter2/);
      }
      await client.succeed("secrets", ["setup", name, "--undo"]);
      assert.equal(readFileSync(path, "utf8"), text);
    }
  });

  it("refuses a directory that would be further lines of the settings of Python's keyring", async (t) => {
    const client = await startClient(t);
    const env = { XDG_DATA_HOME: join(client.session.directory, "a\nevil = 1") };
    const { code, stderr } = await client.run("secrets", ["setup", "python-keyring"], { env });
    assert.equal(code, 1);
    assert.match(stderr, /is not UTF-8 text of one line/);
    assert.equal(existsSync(clients["python-keyring"].file(client)), false);
  });

  it("gives a profile a section of its own if AWS does not read the one that has its name", async (t) => {
    const client = await startClient(t);
    const path = clients.aws.file(client);
    write(path, "[work]\nregion = x\n");
    await client.succeed("secrets", ["setup", "aws", "work"]);
    assert.match(
      readFileSync(path, "utf8"),
      /^\[work\]\nregion = x\n\n\[profile work\]\ncredential_process = /,
    );
  });
});
