// The recipes of docs/helpers.md for other programs, with the real programs. The scripts and commands are those of the page.

const assert = require("node:assert/strict");
const { chownSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } = require("node:fs");
const { once } = require("node:events");
const { createServer } = require("node:http");
const { createServer: createSocket } = require("node:net");
const { delimiter, join } = require("node:path");
const { describe, it } = require("node:test");
const { place } = require("../../tools/install.js");
const { runIsolated } = require("../support/apart.js");
const { describeClient } = require("../support/clients.js");
const { blocks, read } = require("../support/documents.js");
const { ways } = require("../support/programs.js");
const { startSession } = require("../support/session.js");

/** The blocks of the section, each found by what is in it. */
const examples = blocks(read("docs/helpers.md").split("\n## Anything else\n")[1].split("\n## ")[0]).map(
  ({ text }) => text,
);

/** The text of the only block that contains a text. */
function example(part) {
  const found = examples.filter((text) => text.includes(part));
  assert.equal(found.length, 1, part);
  return found[0];
}

/** Makes a script of the page in the home directory of a session. */
function makeScript(client, name, part, replace = (text) => text) {
  writeFileSync(join(client.session.home, name), replace(example(part)), { mode: 0o755 });
}

/** Runs commands with bash in the home directory of a session. */
function runBash(client, script, env = {}) {
  return client.run("bash", ["--norc", "-euo", "pipefail", "-c", script], { env });
}

async function succeed(client, script, env) {
  const { code, stdout, stderr } = await runBash(client, script, env);
  assert.equal(code, 0, `${script}\n${stdout}${stderr}`);
  return stdout;
}

/** Stores a secret of the user. */
function set(client, name, input) {
  return client.succeed("secrets", ["set", name], { input });
}

/** Waits until a program prints a text on standard error. */
async function waitFor(child, text) {
  let said = "";
  await new Promise((resolve, reject) => {
    child.stderr.on("data", (chunk) => {
      said += chunk;
      if (said.includes(text)) resolve();
    });
    child.once("exit", (code) => reject(new Error(`ended with ${code}: ${said}`)));
  });
}

async function freePort() {
  const server = createSocket().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

const needsRoot = process.getuid() === 0 ? false : "only root can give a user a password";

/**
 * A script that gives the system, for what it starts, a user alice with a password, who may use sudo. `unshare --mount`
 * must run it.
 */
function withAlice(client, home) {
  const at = (name) => join(client.session.directory, name);
  return `
    hash=$(/usr/bin/python3 -W ignore -c 'import crypt; print(crypt.crypt("alice pass"))')
    for file in passwd shadow; do cp /etc/$file ${at("$file")}; done
    echo "alice:x:54321:54321::${home}:/bin/sh" >>${at("passwd")}
    echo "alice:$hash:19000:0:99999:7:::" >>${at("shadow")}
    printf 'Defaults timestamp_timeout=0\\nalice ALL=(ALL) ALL\\n' >${at("sudoers")}; chmod 440 ${at("sudoers")}
    for file in passwd shadow sudoers; do chown root:root ${at("$file")}; mount --bind ${at("$file")} /etc/$file; done`;
}

describeClient("other programs", (start) => {
  it("restic, borg and Ansible run a command for their password", async (t) => {
    const client = await start(t);
    const repository = join(client.session.home, "datapackage.json");
    await succeed(client, example("restic init"));
    // A repository cannot answer in place of the user.
    writeFileSync(repository, '{"busdk.secrets.restic_password": "other"}');
    await succeed(client, `${example("restic init").split("\n")[1]}\nrestic --repo backup snapshots`);
    const other = await runBash(client, "restic --repo backup snapshots", { RESTIC_PASSWORD: "other" });
    assert.notEqual(other.code, 0);

    await succeed(client, example("borg init"));
    await succeed(client, `${example("borg init").split("\n")[1]}\nborg list backup.borg`);
    assert.notEqual((await runBash(client, "borg list backup.borg", { BORG_PASSPHRASE: "other" })).code, 0);

    makeScript(client, "vault-password", "--scope user vault_password");
    const file = join(client.session.home, "group_vars.yml");
    writeFileSync(file, "user: alice\n");
    const PATH = [client.session.env.PATH, place("ansible", "bin")].join(delimiter);
    await succeed(client, example("ansible-vault encrypt"), { PATH });
    assert.match(readFileSync(file, "utf8"), /^\$ANSIBLE_VAULT;/);
    const view = "ANSIBLE_VAULT_PASSWORD_FILE=$PWD/vault-password ansible-vault view group_vars.yml";
    assert.equal(await succeed(client, view, { PATH }), "user: alice\n");
    await client.lock();
    assert.notEqual((await runBash(client, view, { PATH })).code, 0);
  });

  it("gpg reads a passphrase from secrets get", async (t) => {
    const client = await start(t);
    // gpg's agent makes a socket here, and the path of a socket must be short.
    const GNUPGHOME = join(client.session.env.XDG_RUNTIME_DIR, "gnupg");
    mkdirSync(GNUPGHOME, { mode: 0o700 });
    await set(client, "gpg_passphrase", "a pass");
    const key =
      "gpg --batch --passphrase 'a pass' --pinentry-mode loopback --quick-generate-key a@example.com";
    const script = `trap 'gpgconf --kill all' EXIT
      ${key}; gpgconf --kill all; echo dear >letter
      ${example("gpg_passphrase")}
      gpg --batch -d letter.gpg 2>/dev/null`;
    assert.equal(await succeed(client, script, { GNUPGHOME }), "dear\n");
  });

  it("ssh-add gets the passphrase of a key, and a wrong one only once", async (t) => {
    const client = await start(t);
    makeScript(client, "key-askpass", "key_passphrase");
    await set(client, "key_passphrase", "a pass");
    await succeed(client, "ssh-keygen -q -t ed25519 -N 'a pass' -f id_ed25519");
    const add = example("ssh-add");
    const inAgent = (script) => `eval "$(ssh-agent -s)" >&2; trap 'ssh-agent -k >&2' EXIT\n${script}`;
    assert.match(await succeed(client, inAgent(`${add}\nssh-add -l`)), /ED25519/);
    await set(client, "key_passphrase", "wrong");
    const { code, stderr } = await runBash(client, inAgent(add));
    assert.notEqual(code, 0);
    assert.match(stderr, /did not answer "Bad passphrase, try again/);
    await client.lock();
    assert.notEqual((await runBash(client, inAgent(add))).code, 0);
  });

  it("ssh gets the password of the host that is named, and no answer to other questions", {
    skip: needsRoot,
  }, async (t) => {
    const client = await start(t);
    const at = (name) => join(client.session.directory, name);
    const port = await freePort();
    const own = (text) => text.replaceAll("alice@server.example.com", "alice@127.0.0.1");
    await set(client, "server_password", "alice pass");
    makeScript(client, "server-askpass", "server_password", own);
    await succeed(client, `ssh-keygen -q -t ed25519 -N '' -f ${at("host")}`);
    writeFileSync(
      at("sshd_config"),
      `ListenAddress 127.0.0.1\nPort ${port}\nHostKey ${at("host")}\nUsePAM no\nPidFile none\n` +
        "PasswordAuthentication yes\nPubkeyAuthentication no\nForceCommand echo entered\n",
    );
    const script = `${withAlice(client, "/")}
      [ -d /run/sshd ] || mkdir -m 755 /run/sshd
      exec $(command -v sshd || echo /usr/sbin/sshd) -D -e -f ${at("sshd_config")}`;
    const server = client.session.start("unshare", ["--mount", "bash", "--norc", "-euc", script]);
    await waitFor(server, "Server listening");
    const ssh = (...options) => {
      const words = ["ssh", "-F", "none", "-p", port, "-o", `UserKnownHostsFile=${at("known")}`, ...options];
      return runBash(
        client,
        own(example("SSH_ASKPASS=$PWD/server")).replace(/ ssh /, ` ${words.join(" ")} `),
      );
    };
    // Whether to trust the host is for the user to say.
    const asked = await ssh();
    assert.equal(asked.code, 255);
    assert.match(asked.stderr, /did not answer "The authenticity of host .*: it does not ask for a password/);
    const trust = ["-o", "StrictHostKeyChecking=no"];
    const entered = await ssh(...trust);
    assert.deepEqual([entered.code, entered.stdout], [0, "entered\n"], entered.stderr);
    // The password is not for other users or hosts.
    const other = await ssh(...trust, "-o", "User=bob", "-o", "NumberOfPasswordPrompts=1");
    assert.equal(other.code, 255);
    assert.match(other.stderr, /the command needs --for 'bob@127\.0\.0\.1'/);
    await client.lock();
    assert.equal((await ssh(...trust)).code, 255);
  });

  it("git gets the password of the URL that is named, and no answer to other questions", async (t) => {
    const client = await start(t);
    const seen = [];
    const server = createServer((request, response) => {
      const user = Buffer.from(
        (request.headers.authorization ?? "").replace("Basic ", ""),
        "base64",
      ).toString();
      seen.push(user);
      if (user !== "alice:git pass") {
        response.writeHead(401, { "WWW-Authenticate": "Basic" }).end();
      } else if (request.url.startsWith("/project.git/info/refs")) {
        response.end(`${"1".repeat(40)}\trefs/heads/main\n`);
      } else {
        response.end("ref: refs/heads/main\n");
      }
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.closeAllConnections() ?? server.close());
    const host = `127.0.0.1:${server.address().port}`;
    const own = (text) => text.replaceAll("https://alice@git.example.com", `http://alice@${host}`);
    await set(client, "git_password", "git pass");
    makeScript(client, "git-askpass", "git_password", own);
    const command = own(example("ls-remote"));
    const env = { GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0" };
    assert.match(await succeed(client, command, env), /refs\/heads\/main/);
    for (const url of [`http://${host}`, `http://bob@${host}`, `http://alice%40127.0.0.1@${host}`]) {
      seen.length = 0;
      const { code, stderr } = await runBash(client, command.replace(`http://alice@${host}`, url), env);
      assert.notEqual(code, 0);
      assert.match(stderr, /did not answer "(Username|Password) for/);
      assert.ok(
        seen.every((user) => !user.includes("git pass")),
        url,
      );
    }
    await client.end();
    assert.notEqual((await runBash(client, command, env)).code, 0);
  });

  it("askpass has a usage, and answers with one line of a secret of the user", async (t) => {
    const client = await start(t);
    const ask = (...words) => client.run("secrets", ["helper", "askpass", ...words]);
    const question = "[sudo] password for alice: ";
    for (const words of [
      [],
      ["name"],
      ["name", "--for"],
      ["name", "--for", question],
      ["a", "b", "c", "d", "e"],
    ]) {
      const { code, stdout, stderr } = await ask(...words);
      assert.deepEqual([code, stdout], [2, ""], stderr);
    }
    const missing = await ask("name", question);
    assert.deepEqual([missing.code, missing.stdout], [1, ""]);
    writeFileSync(join(client.session.home, "datapackage.json"), '{"busdk.secrets.name": "repository"}');
    assert.equal((await ask("name", question)).code, 1);
    await set(client, "name", "own");
    assert.equal((await ask("name", question)).stdout, "own\n");
    // What is for one host, user or key is for nothing else.
    assert.equal((await ask("name", "--for", "/a/id", "Enter passphrase for key '/a/id': ")).stdout, "own\n");
    for (const [other, asked] of [
      ["alice@example.com", question],
      ["/a/id", question],
      ["/a/id", "Enter passphrase for key '/b/id': "],
      ["/a/id", "(/a/id@evil.example) Enter passphrase for key '/a/id': "],
    ]) {
      const { code, stdout, stderr } = await ask("name", "--for", other, asked);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, /did not answer/);
    }
    await set(client, "name", "two\nlines");
    const several = await ask("name", question);
    assert.deepEqual([several.code, several.stdout], [1, ""]);
    assert.doesNotMatch(several.stderr, /two|\nlines/);
    const confirm = await client.run("secrets", ["helper", "askpass", "name", question], {
      env: { SSH_ASKPASS_PROMPT: "confirm" },
    });
    assert.deepEqual([confirm.code, confirm.stdout], [1, ""]);
    for (const state of ["lock", "end"]) {
      await client[state]();
      const { code, stdout } = await ask("name", question);
      assert.deepEqual([code, stdout], [3, ""]);
    }
  });
});

/** All files and folders below a folder, which is the first. */
function walk(folder) {
  const inside = readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return walk(path);
    return entry.isSymbolicLink() ? [] : [path];
  });
  return [folder, ...inside];
}

/** The configuration of a bus that starts no services. */
const BUS_OF_ALICE = `<busconfig>
  <type>session</type>
  <listen>unix:dir=DIRECTORY</listen>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
`;

/** For each kind of store: what starts a command so that it has the store, and what it does first. */
const storesOfAlice = {
  "the encrypted file": {
    provider: "file",
    wrapper: "",
    open: "[ -e $XDG_CONFIG_HOME/os-secrets ] || secrets init >/dev/null",
  },
  "gnome-keyring": {
    provider: "os",
    wrapper: "dbus-run-session --config-file=$BUS_OF_ALICE --",
    open: `echo | gnome-keyring-daemon --unlock --components=secrets >/dev/null
      until dbus-send --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetNameOwner \
        string:org.freedesktop.secrets >/dev/null 2>&1; do :; done`,
  },
};

describe("sudo", () => {
  for (const [store, { provider, wrapper, open }] of Object.entries(storesOfAlice)) {
    it(`gets the password of its user from ${store}, and no answer if it is wrong`, {
      skip: needsRoot,
    }, async (t) => {
      const session = await startSession({ bus: false });
      t.after(() => session.stop());
      const { directory, home } = session;
      const bin = join(directory, "bin");
      mkdirSync(bin);
      // alice cannot reach the folder of the programs.
      copyFileSync(ways.native("secrets")[0], join(bin, "secrets"));
      session.env.PATH = `${bin}${delimiter}${session.env.PATH}`;
      session.env.OS_SECRETS_PROVIDER = provider;
      session.env.BUS_OF_ALICE = join(directory, "alice.conf");
      writeFileSync(session.env.BUS_OF_ALICE, BUS_OF_ALICE.replace("DIRECTORY", directory));
      makeScript({ session }, "sudo-askpass", "sudo_password");
      for (const path of walk(directory)) chownSync(path, 54321, 54321);
      const script = `${withAlice({ session }, home)}
        exec setpriv --reuid=54321 --regid=54321 --clear-groups ${wrapper} bash --norc -euc "$1"`;
      const sudo = example("sudo -A").replace("true", "id -u");
      const asAlice = (password) =>
        runIsolated(session, script, [`${open}\nprintf '${password}' | secrets set sudo_password\n${sudo}`], {
          cwd: home,
        });
      const allowed = await asAlice("alice pass");
      assert.deepEqual([allowed.code, allowed.stdout], [0, "0\n"], allowed.stderr);
      const wrong = await asAlice("wrong");
      assert.equal(wrong.code, 1, wrong.stderr);
      assert.match(wrong.stderr, /incorrect password attempt/);
      assert.doesNotMatch(wrong.stderr, /alice pass/);
    });
  }
});
