// gnome-keyring keeps a keyring without a password as a text file, which does not hold every value. Some are changed,
// and some make the file unreadable, with the secrets of every program in it. os-secrets refuses both.

const assert = require("node:assert/strict");
const { readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { runIsolated } = require("./support/apart.js");
const { secretsIn } = require("./support/client.js");
const { listItems, storeItem } = require("./support/items.js");
const { linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { bun, node, root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const service = "text";
const schema = "com.oven-sh.bun.Secret";
const defaultCollection = "/org/freedesktop/secrets/aliases/default";

/** Values that a text keyring gives back as they are. */
const kept = [
  ..."!#%;=[]\"'`",
  "[1]",
  "a b\tc",
  "a\rb",
  "a\fb",
  "C:\\path",
  "a\\é",
  "\u00a0a\u00a0",
  "\ufeffa\u2028",
  ...[..."\x01\x02\x07\x08\x0b\x0e\x1b\x1f\x7f\x85"].map((control) => `${control}a${control}`),
];

/** Values that it gives back changed. */
const changed = ["\n", "a\n", " a", "\ta", "\fa", "\ra", "a\r", " ", "a\\sb", "a\\tb", "\\r", "\\\\", "a\\"];

/** Values that make it unreadable. The last one is read with a line break, which the next change writes. */
const fatal = ["a\nb", "\na", "-----BEGIN KEY-----\nMIIE\n-----END KEY-----\n", "a\\nb"];

/** Values that version 42 keeps. We refuse them all the same, because they are lost if anything trims the lines. */
const doubtful = ["a ", "a\t", "a\f"];

const refusal = {
  code: "ERR_SECRETS_INVALID_DATA",
  message:
    /has no password and so is plain text, and its value .* Nothing was changed\. Give the keyring a password/,
};

async function startTextSession(t, name) {
  const session = await startSession({ keyring: false });
  t.after(() => session.stop());
  let { keyring, path } = await session.startTextKeyring(name);
  const ours = secretsIn(session, runtimes["Node 22"], "os-secrets");
  return {
    session,
    keyring,
    path,
    ours,
    async restart() {
      await session.end(keyring);
      ({ keyring } = await session.startTextKeyring(name));
    },
  };
}

/** Stores a value with a client that refuses none. */
const storeUnchecked = (session, name, secret) =>
  storeItem(session, {
    collection: defaultCollection,
    attributes: { "xdg:schema": schema, service, account: name },
    label: `${service}/${name}`,
    secret,
  });

/** Runs a script with `store`, in a session. Returns what it prints. */
async function runScript(session, script) {
  const program = `const store = require(${JSON.stringify(root)}).openStore();
    (async () => { ${script} })().catch((error) => console.log(error.code, error.message));`;
  const [command, ...args] = node(22);
  const { stdout, stderr } = await session.run(command, [...args, "-e", program]);
  assert.equal(stderr, "");
  return stdout;
}

describe("a keyring without a password", linuxOnly("a bus"), () => {
  it("is a text file", async (t) => {
    const { ours, path } = await startTextSession(t);
    await ours.set({ service, name: "a", value: "in plain sight" });
    assert.match(readFileSync(path, "utf8"), /^\[keyring\]\n.*\nsecret=in plain sight\n/s);
  });

  it("keeps the values that are not refused, when the daemon starts again and writes again", async (t) => {
    const { ours, restart, session } = await startTextSession(t);
    for (const [at, value] of kept.entries()) await ours.set({ service, name: `${at}`, value });
    // Bytes that are no text, and texts with a NUL, are written in hexadecimal digits.
    const bytes =
      "[[255, 10, 32], [32, 0, 10], [10, 254], [255, 92, 110], [0]].map((one) => Buffer.from(one))";
    const names = (method) => `for (const [at, value] of ${bytes}.entries()) ${method};`;
    const set = names('await store.set({ service: "bytes", name: String(at), value })');
    assert.equal(await runScript(session, set), "");
    for (const round of ["first", "second"]) {
      await restart();
      for (const [at, value] of kept.entries()) assert.equal(await ours.get(service, `${at}`), value);
      const get = names(
        'console.log(value.equals(await store.get({ service: "bytes", name: String(at), encoding: "buffer" })))',
      );
      assert.equal(await runScript(session, get), "true\n".repeat(5));
      await ours.set({ service, name: round, value: round });
    }
  });

  it("changes other values, which are refused", async (t) => {
    const { ours, restart, session } = await startTextSession(t);
    // The first call unlocks the keyring, for which nobody is asked.
    await ours.set({ service, name: "first", value: "first" });
    for (const [at, value] of [...changed, ...doubtful].entries())
      await storeUnchecked(session, `${at}`, value);
    await restart();
    assert.equal(await ours.get(service, "first"), "first");
    for (const [at, value] of changed.entries())
      assert.notEqual(await ours.get(service, `${at}`), value, JSON.stringify(value));
    for (const [at, value] of doubtful.entries())
      assert.equal(await ours.get(service, `${changed.length + at}`), value, JSON.stringify(value));
  });

  for (const value of fatal) {
    it(`becomes unreadable by ${JSON.stringify(value)}, which is refused`, async (t) => {
      const { ours, restart, session } = await startTextSession(t);
      await ours.set({ service, name: "innocent", value: "innocent" });
      await storeUnchecked(session, "fatal", value);
      await restart();
      // If the keyring is lost already, there is none to store this in.
      await ours.set({ service, name: "next", value: "next" }).catch(() => {});
      await restart();
      assert.deepEqual(await listItems(session), []);
    });
  }

  it("is found by doctor if it is unreadable, and can be repaired as doctor says", async (t) => {
    const { ours, path, restart, session } = await startTextSession(t);
    await ours.set({ service, name: "innocent", value: "innocent" });
    await storeUnchecked(session, "fatal", fatal[0]);
    await restart();
    const { code, stdout } = await runProgram(session, "native", "secrets", ["doctor", "--json"]);
    const { problems } = JSON.parse(stdout);
    assert.deepEqual([code, problems.length, problems[0].fatal], [1, 1, true]);
    assert.ok(problems[0].what.includes(path), problems[0].what);
    assert.match(problems[0].fix, /remove the lines that are neither NAME=VALUE nor \[GROUP\]/);
    const lines = readFileSync(path, "utf8").split("\n");
    writeFileSync(path, lines.filter((line) => /^(\[.*\]|.+=.*|)$/.test(line)).join("\n"));
    await restart();
    assert.equal(await ours.get(service, "innocent"), "innocent");
  });

  it("is the documented difference: with Bun, every secret in it is lost", async (t) => {
    const { ours, restart, session } = await startTextSession(t);
    await ours.set({ service, name: "innocent", value: "innocent" });
    await secretsIn(session, [bun], "bun").set({ service, name: "fatal", value: "a\nb" });
    await restart();
    assert.deepEqual(await listItems(session), []);
  });

  for (const [runtime, command] of Object.entries(runtimes)) {
    it(`gets none of the values that it would not keep, under ${runtime}`, async (t) => {
      const { path, session } = await startTextSession(t);
      const ours = secretsIn(session, command, "os-secrets");
      await ours.set({ service, name: "a", value: "before" });
      const before = readFileSync(path);
      for (const name of ["a", "b"])
        for (const value of [...changed, ...fatal, ...doubtful])
          await assert.rejects(ours.set({ service, name, value }), refusal, JSON.stringify(value));
      for (const name of ["\fa", "\f"]) {
        const message = /its service or name begins with a form feed/;
        await assert.rejects(ours.set({ service, name, value: "a" }), { ...refusal, message });
        await assert.rejects(ours.set({ service: name, name: "a", value: "a" }), { ...refusal, message });
      }
      // The daemon would have written the file anew.
      assert.deepEqual(readFileSync(path), before);
      assert.equal(await ours.get(service, "a"), "before");
    });
  }

  it("gets none of them as bytes, or from the program", async (t) => {
    const { path, session } = await startTextSession(t);
    const before = readFileSync(path);
    const set = 'await store.set({ service: "s", name: "n", value: Buffer.from("line\\nline") });';
    assert.match(await runScript(session, set), /^ERR_SECRETS_INVALID_DATA .*has a line break/);
    for (const way of ["native", "Node"]) {
      const { code, stderr } = await runProgram(session, way, "secrets", ["set", "pem"], { input: fatal[2] });
      assert.notEqual(code, 0);
      assert.match(stderr, refusal.message);
      assert.ok(stderr.includes(path) && !stderr.includes("MIIE"), stderr);
    }
    assert.deepEqual(readFileSync(path), before);
  });

  it("keeps every service and name that is not refused", async (t) => {
    const { ours, restart } = await startTextSession(t);
    const parts = [...kept, ...changed.filter((value) => value[0] !== "\f"), ...fatal, ...doubtful];
    for (const part of parts) await ours.set({ service: part, name: part, value: "value" });
    await restart();
    for (const part of parts) assert.equal(await ours.get(part, part), "value", JSON.stringify(part));
  });

  it("is found under any name", async (t) => {
    const { ours } = await startTextSession(t, "Standard_schlüssel bund");
    await ours.set({ service, name: "a", value: "kept" });
    await assert.rejects(ours.set({ service, name: "a", value: "a\nb" }), refusal);
  });

  it("is found where the daemon keeps it, not where our environment has one", async (t) => {
    const { session } = await startTextSession(t);
    const env = { XDG_DATA_HOME: join(session.directory, "elsewhere"), HOME: session.directory };
    const ours = secretsIn(session, runtimes["Node 22"], "os-secrets", { env });
    await assert.rejects(ours.set({ service, name: "a", value: "a\nb" }), refusal);
  });

  it("is recognized if the user gives none to the keyring that the call itself has made", async (t) => {
    const session = await startSession({ keyring: false });
    t.after(() => session.stop());
    const prompter = await session.startPrompter();
    await session.startKeyring({ password: null, prompter });
    const ours = secretsIn(session, runtimes["Node 22"], "os-secrets");
    // The confirmation is that the secrets may be stored unencrypted.
    await prompter.expect("password ", "confirm");
    await assert.rejects(ours.set({ service, name: "a", value: "a\nb" }), refusal);
    await ours.set({ service, name: "a", value: "kept" });
    assert.equal((await listItems(session)).length, 1);
  });

  // The daemon's environment cannot be read if the daemon has capabilities, or lives in another container.
  it("is found by our own environment if the daemon's cannot be read, and not refused if it is not found", async (t) => {
    const { keyring, path, session } = await startTextSession(t);
    const set = `mount --bind /dev/null /proc/${keyring.pid}/environ\nprintf 'a\\nb' | "$@"`;
    const command = [...ways.native("secrets"), "set", "a"];
    const refused = await runIsolated(session, set, command);
    assert.match(refused.stderr, refusal.message);
    const hidden = `mount -t tmpfs tmpfs ${join(path, "..")}\n${set}`;
    assert.deepEqual(await runIsolated(session, hidden, command), {
      code: 0,
      signal: null,
      stdout: "",
      stderr: "",
    });
  });

  it("is told from one with a password, which keeps everything", async (t) => {
    const session = await startSession({ keyring: false });
    t.after(() => session.stop());
    const keyring = await session.startKeyring({ password: "password" });
    const ours = secretsIn(session, runtimes["Node 22"], "os-secrets");
    const values = [...kept, ...changed, ...fatal, ...doubtful];
    for (const [at, value] of values.entries()) await ours.set({ service, name: `${at}`, value });
    await session.end(keyring);
    await session.startKeyring({ password: "password" });
    for (const [at, value] of values.entries()) assert.equal(await ours.get(service, `${at}`), value);
  });

  it("is told from the collection in memory, which keeps everything as long as it lives", async (t) => {
    const { ours, session } = await startTextSession(t);
    const alias = ["string:default", "objpath:/org/freedesktop/secrets/collection/session"];
    const method = "org.freedesktop.Secret.Service.SetAlias";
    await session.call("org.freedesktop.secrets", "/org/freedesktop/secrets", method, ...alias);
    await ours.set({ service, name: "a", value: "a\nb" });
    assert.equal(await ours.get(service, "a"), "a\nb");
  });

  it("is what doctor says: unencrypted on the disk, encrypted on the bus", async (t) => {
    const { path, session } = await startTextSession(t);
    const doctor = (...args) => runProgram(session, "native", "secrets", ["doctor", ...args]);
    const read = async () => JSON.parse((await doctor("--json")).stdout);
    const facts = await read();
    assert.deepEqual([facts.encrypted_on_bus, facts.encrypted_at_rest], [true, false]);
    const note = facts.problems.find((problem) => problem.what.includes(path));
    assert.match(note.what, /no password, so its secrets lie unencrypted on the disk/);
    assert.match(note.fix, /Give it a password/);
    assert.equal(note.fatal, false);
    assert.match((await doctor()).stdout, /^encrypted_on_bus +yes\nencrypted_at_rest +no$/m);
    // In memory, nothing is at rest.
    const alias = ["string:default", "objpath:/org/freedesktop/secrets/collection/session"];
    const method = "org.freedesktop.Secret.Service.SetAlias";
    await session.call("org.freedesktop.secrets", "/org/freedesktop/secrets", method, ...alias);
    assert.equal((await read()).encrypted_at_rest, null);
  });
});
