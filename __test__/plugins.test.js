// Plugins of age, which open the encrypted file and encrypt it with keys that age itself does not know.

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { place } = require("../tools/install.js");
const { prepareFileStore } = require("./support/file-store.js");
const { linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { node, root } = require("./support/runtimes.js");
const { runOnTerminal } = require("./support/terminal.js");

/** The newest age, and its plugins. */
const newest = place("age-plugins");
/** A recipient of the plugin `test` of these tests, and its identity. */
const RECIPIENT = "age1test1ddjhjjw2aeq";
const IDENTITY = "AGE-PLUGIN-TEST-1DDJHJ3RWHP0";

/** Reads the question. Its key is that of the file, which this plugin does not encrypt. */
const READ = `#!/bin/sh
touch "$0.started"
while read -r line; do
  case $line in
    "-> wrap-file-key" | "-> recipient-stanza 0 test") read -r key;;
    "-> done") break;;
  esac
done
read -r line
`;
/** Gives the key back. */
const ANSWER = `
case $1 in
  *recipient-v1) printf -- '-> recipient-stanza 0 test\\n%s\\n' "$key";;
  *) printf -- '-> file-key 0\\n%s\\n' "$key";;
esac
read -r answer; read -r body
printf -- '-> done\\n\\n'
`;

/** A message of a plugin with a text. */
const message = (command, text) =>
  `-> ${command}\\n${Buffer.from(text).toString("base64").replaceAll("=", "")}\\n`;

/**
 * Prepares a store, and a directory on the path of the session with the program age-plugin-test. Returns functions too:
 * one that runs `secrets` with an identity, and one that tells whether the plugin was started since it was last asked.
 */
async function preparePlugin(t, script = READ + ANSWER) {
  const prepared = await prepareFileStore(t);
  const { session, path } = prepared;
  const programs = join(session.directory, "programs");
  const plugin = join(programs, "age-plugin-test");
  mkdirSync(programs);
  writeFileSync(plugin, script, { mode: 0o755 });
  session.env.PATH = `${programs}:${session.env.PATH}`;
  const own = join(session.directory, "own");
  writeFileSync(own, `# Recipient: ${RECIPIENT}\n${IDENTITY}\n`, { mode: 0o600 });
  const run = async (identity, args, { env, expected = 0, ...options } = {}) => {
    const { code, stdout, stderr } = await runProgram(
      session,
      "native",
      "secrets",
      [...args, "--store", path],
      {
        env: { OS_SECRETS_IDENTITY: identity, ...env },
        ...options,
      },
    );
    assert.equal(code, expected, stderr);
    return expected === 0 ? stdout.trim() : stderr;
  };
  const wasStarted = () => {
    const found = existsSync(`${plugin}.started`);
    rmSync(`${plugin}.started`, { force: true });
    return found;
  };
  return { ...prepared, programs, plugin, own, run, wasStarted };
}

/** Encrypts a store with a secret for recipients, with the real age, which finds the plugin as well. */
function encryptStore({ session, path }, recipients, listed = recipients) {
  const plain = join(session.directory, "plain");
  writeFileSync(
    plain,
    JSON.stringify({ version: 1, recipients: listed, credentials: { "os-secrets": { token: "theirs" } } }),
  );
  const args = recipients.flatMap((recipient) => ["-r", recipient]);
  execFileSync("age", [...args, "-o", path, plain], { env: session.env });
  chmodSync(path, 0o600);
}

describe("the post-quantum plugin of age", linuxOnly("a shell"), () => {
  /** Makes a post-quantum key of the newest age, and an identity for the plugin. */
  function makeKey(folder, name) {
    const key = join(folder, `${name}.key`);
    execFileSync(join(newest, "age-keygen"), ["-pq", "-o", key], { stdio: "ignore" });
    const [recipient] = /age1pq1\w+/.exec(readFileSync(key, "utf8"));
    const identity = execFileSync(join(newest, "age-plugin-pq"), ["-identity", key], { encoding: "utf8" });
    const path = join(folder, name);
    writeFileSync(path, `# recipient: ${recipient}\n${identity}`, { mode: 0o600 });
    return { key, recipient, path };
  }

  it("opens and writes files that the newest age makes and opens without it", async (t) => {
    const prepared = await preparePlugin(t);
    const { session, path, run } = prepared;
    session.env.PATH = `${newest}:${session.env.PATH}`;
    const [one, other] = ["one", "other"].map((name) => makeKey(session.directory, name));
    const decrypt = (key) => execFileSync(join(newest, "age"), ["-d", "-i", key, path], { encoding: "utf8" });
    await run(one.path, ["set", "token", "ours"]);
    assert.deepEqual(JSON.parse(decrypt(one.key)), {
      version: 1,
      recipients: [one.recipient],
      credentials: { "os-secrets": { token: "ours" } },
    });
    const both = [one.recipient, other.recipient].join("\n");
    assert.equal(await run(one.path, ["rekey", "--add", other.recipient]), both);
    assert.equal(await run(other.path, ["get", "token"]), "ours");
    await run(other.path, ["set", "token", "second"]);
    assert.match(decrypt(one.key), /second/);
    const doctor = JSON.parse(await run(one.path, ["doctor", "--json"]));
    assert.deepEqual([doctor.recipients.join("\n"), doctor.writable], [both, true]);
    encryptStore(prepared, [one.recipient]);
    assert.equal(await run(one.path, ["get", "token"]), "theirs");
    assert.match(
      await run(other.path, ["get", "token"], { expected: 3 }),
      /it is encrypted for other recipients/,
    );
  });

  it("is not mixed with recipients that are less secure", async (t) => {
    const { session, identity, path, run } = await preparePlugin(t);
    session.env.PATH = `${newest}:${session.env.PATH}`;
    const { recipient } = makeKey(session.directory, "key");
    await run(identity.path, ["set", "token", "value"]);
    const before = readFileSync(path);
    const refused = await run(identity.path, ["rekey", "--add", recipient], { expected: 3 });
    assert.match(refused, /because they are not equally secure: .*\. Use recipients of one kind$/m);
    assert.deepEqual(readFileSync(path), before);
  });

  it("is named for an identity that it converts, and for one that lacks its recipient", async (t) => {
    const { session, run } = await preparePlugin(t);
    const { key, path } = makeKey(session.directory, "key");
    chmodSync(key, 0o600);
    const native = await run(key, ["set", "token", "value"], { expected: 3 });
    assert.match(native, /which `age-plugin-pq -identity FILE` converts/);
    writeFileSync(path, readFileSync(path, "utf8").replace(/^#.*\n/, ""));
    const lacking = await run(path, ["set", "token", "value"], { expected: 3 });
    assert.match(lacking, /write it into a line before: # recipient: age1pq1…/);
    for (const text of [native, lacking])
      assert.doesNotMatch(text, /AGE-PLUGIN-PQ-1\w|AGE-SECRET-KEY-PQ-1\w/);
  });
});

describe("a plugin", linuxOnly("a shell"), () => {
  it("opens and writes the file of a program that uses the library", async (t) => {
    const { session, path, own, wasStarted } = await preparePlugin(t);
    const script = `(async () => {
      const { openStore } = require(${JSON.stringify(root)});
      const store = openStore({ provider: "file", path: ${JSON.stringify(path)}, identity: ${JSON.stringify(own)} });
      await store.set({ service: "s", name: "n", value: "value", interactive: false });
      console.log(await store.get("s", "n"));
    })()`;
    const [command, ...args] = [...node(22), "-e", script];
    const { code, stdout, stderr } = await session.run(command, args);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "value\n");
    assert.ok(wasStarted());
  });

  it("is not found in a PATH that the program or a .env file has set", async (t) => {
    const { session, programs, path, own, wasStarted } = await preparePlugin(t);
    const script = `process.env.PATH = ${JSON.stringify(`${programs}:${process.env.PATH}`)};
      process.env.OS_SECRETS_PLUGINS = "test";
      const { openStore } = require(${JSON.stringify(root)});
      openStore({ provider: "file", path: ${JSON.stringify(path)}, identity: ${JSON.stringify(own)} })
        .set("s", "n", "value")
        .catch((error) => console.log(error.code, error.reason));`;
    const [command, ...args] = [...node(22), "-e", script];
    const { stdout, stderr } = await session.run(command, args, { env: { PATH: process.env.PATH } });
    assert.equal(stdout, "ERR_SECRETS_PLATFORM_ERROR no-helper\n", stderr);
    assert.ok(!wasStarted());
  });

  it("is started only for an identity, a command or a variable of the user", async (t) => {
    const prepared = await preparePlugin(t);
    const { identity, own, path, run, wasStarted } = prepared;
    encryptStore(prepared, [identity.recipient, RECIPIENT]);
    assert.ok(wasStarted());
    const before = readFileSync(path);
    assert.equal(await run(identity.path, ["get", "token"]), "theirs");
    for (const args of [
      ["set", "token", "ours"],
      ["rekey", "--add", "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"],
    ]) {
      const refused = await run(identity.path, args, { expected: 3 });
      assert.match(refused, /the plugin age-plugin-test, which was not started/);
      assert.match(refused, /add test to OS_SECRETS_PLUGINS$/m);
    }
    const doctor = JSON.parse(await run(identity.path, ["doctor", "--json"]));
    assert.deepEqual([doctor.writable, doctor.recipients], [false, [identity.recipient, RECIPIENT]]);
    assert.deepEqual([readFileSync(path), wasStarted()], [before, false]);
    // The variable.
    await run(identity.path, ["set", "token", "first"], { env: { OS_SECRETS_PLUGINS: "pq, TEST" } });
    assert.ok(wasStarted());
    // The identity.
    assert.equal(await run(own, ["get", "token"]), "first");
    await run(own, ["set", "token", "second"]);
    assert.ok(wasStarted());
    // The command.
    const rekeyed = await run(identity.path, ["rekey", "--remove", RECIPIENT]);
    assert.deepEqual([rekeyed, wasStarted()], [identity.recipient, false]);
    await run(identity.path, ["rekey", "--add", RECIPIENT]);
    assert.ok(wasStarted());
    assert.equal(await run(own, ["get", "token"]), "second");
  });

  it("is not asked if another identity opens the file", async (t) => {
    const prepared = await preparePlugin(t);
    const { session, identity, run, wasStarted } = prepared;
    const both = join(session.directory, "both");
    writeFileSync(both, `# recipient: ${RECIPIENT}\n${IDENTITY}\n${identity.text}`, { mode: 0o600 });
    encryptStore(prepared, [identity.recipient]);
    assert.equal(await run(both, ["get", "token"]), "theirs");
    assert.ok(!wasStarted());
  });

  it("is not found in the working directory or a relative entry of PATH", async (t) => {
    const { session, own, programs, run, wasStarted } = await preparePlugin(t);
    for (const entries of ["", ":", ".:", "programs:../programs:"]) {
      const env = { PATH: `${entries}${process.env.PATH}` };
      for (const cwd of [programs, session.directory]) {
        const failed = await run(own, ["set", "token", "value"], { env, cwd, expected: 3 });
        assert.match(
          failed,
          /the program age-plugin-test, which was not found in the absolute directories of PATH/,
        );
      }
    }
    assert.ok(!wasStarted());
  });

  it("does not get what unlocks a file, nor our working directory", async (t) => {
    const { session, own, plugin, run } = await preparePlugin(
      t,
      `${READ}pwd >"$0.seen"; env >>"$0.seen"${ANSWER}`,
    );
    await run(own, ["set", "token", "value"], { cwd: session.directory, env: { OTHER: "kept" } });
    const seen = readFileSync(`${plugin}.seen`, "utf8").split("\n");
    assert.equal(seen[0], "/");
    assert.ok(seen.includes("OTHER=kept"));
    assert.ok(!seen.some((line) => line.startsWith("OS_SECRETS_")), seen.join());
  });

  it("whose key is that of another file is named", async (t) => {
    const prepared = await preparePlugin(t);
    const { identity, own, plugin, run } = prepared;
    encryptStore(prepared, [identity.recipient, RECIPIENT]);
    writeFileSync(plugin, `${READ}key=QUFBQUFBQUFBQUFBQUFBQQ${ANSWER}`);
    const failed = await run(own, ["get", "token"], { expected: 3 });
    assert.match(
      failed,
      /The plugin age-plugin-test failed: it answered with a key that does not open the file/,
    );
    assert.doesNotMatch(failed, /QUFB|AAAA/);
  });

  it("that the list of a file does not have is added by its recipient", async (t) => {
    const prepared = await preparePlugin(t);
    const { identity, own, run } = prepared;
    encryptStore(prepared, [identity.recipient, RECIPIENT], [identity.recipient]);
    const refused = await run(identity.path, ["set", "token", "ours"], { expected: 3 });
    assert.match(
      refused,
      /of a kind that os-secrets does not know, .* If they are of age plugins, add them with/,
    );
    await run(identity.path, ["rekey", "--add", RECIPIENT]);
    assert.equal(await run(own, ["get", "token"]), "theirs");
  });

  it("shows messages and asks for a PIN on the terminal", async (t) => {
    const script = `${READ}
      printf -- '${message("msg", "touch the \u001b[31mkey")}'; read -r answer; read -r body
      case $1 in *identity-v1)
        printf -- '${message("request-secret", "PIN")}'; read -r answer; read -r body
        [ "$body" = MTIzNDU2 ] || { printf -- '${message("error internal", "wrong PIN")}'; exit; };;
      esac
      ${ANSWER}`;
    const { session, path, own } = await preparePlugin(t, script);
    const type = (args, steps) =>
      runOnTerminal(session, [...ways.native("secrets"), ...args, "--store", path], steps, {
        OS_SECRETS_IDENTITY: own,
      });
    const set = await type(["set", "token", "value"], []);
    assert.equal(set.code, 0, set.shown);
    assert.ok(set.shown.includes("age-plugin-test: touch the \\u{1b}[31mkey\n"), set.shown);
    const get = await type(["get", "token"], [["age-plugin-test: PIN: ", "123456\r"]]);
    assert.ok(get.code === 0 && get.shown.endsWith("value\n") && !get.shown.includes("123456"), get.shown);
    const wrong = await type(["get", "token"], [["age-plugin-test: PIN: ", "4321\r"]]);
    assert.ok(
      wrong.code !== 0 && wrong.shown.includes('failed: it answered "wrong PIN". Check'),
      wrong.shown,
    );
    // Nobody is asked by doctor, and without a terminal.
    const doctor = await type(["doctor"], []);
    assert.match(
      doctor.shown,
      /wrong PIN", after it had asked for something that only `secrets` on a terminal/,
    );
  });
});
