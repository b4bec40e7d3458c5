// `diagnose` returns what `secrets doctor --json` prints, for every store.

const assert = require("node:assert/strict");
const { chmodSync, readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { diagnose, openStore } = require("..");
const { writeIdentity } = require("./support/age.js");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { runProgram } = require("./support/programs.js");
const { node, root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

/** Starts a session that ends with the test. */
async function prepareSession(t, options) {
  const session = await startSession(options);
  t.after(() => session.stop());
  return session;
}

/** Returns what `diagnose` returns in a session, or the code of its error. */
async function diagnoseIn(session, { runtime: [command, ...args] = node(22), options, env } = {}) {
  const file = join(session.directory, "program.cjs");
  const call = `require(${JSON.stringify(root)}).diagnose(${options ? JSON.stringify(options) : ""})`;
  writeFileSync(file, `${call}.catch(({ code }) => code).then((it) => console.log(JSON.stringify(it)));`);
  const { code, stdout, stderr } = await session.run(command, [...args, file], { env });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** Returns what doctor says of the store. What it says of the settings and of the workspace is the program's own. */
async function runDoctor(session, env) {
  const { stdout } = await runProgram(session, "native", "secrets", ["doctor", "--json"], { env });
  const { repository, settings, ...diagnosis } = JSON.parse(
    stdout.replaceAll(/(?<=["`])secrets (?=init|--store)/g, "npx os-secrets "),
  );
  assert.equal(repository, null);
  assert.equal(settings.refused, false);
  return diagnosis;
}

describe("diagnose", () => {
  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`returns what doctor prints under ${name}`, async (t) => {
      const session = await prepareSession(t);
      const diagnosis = await diagnoseIn(session, { runtime });
      assert.deepEqual([diagnosis.works, diagnosis.writable], [true, true]);
      assert.deepEqual(diagnosis, await runDoctor(session));
    });
  }

  it("returns what is wrong, and rejects nothing", linuxOnly("a bus"), async (t) => {
    const session = await prepareSession(t, { bus: false });
    const expect = async (what, env) => {
      const diagnosis = await diagnoseIn(session, { env });
      assert.deepEqual(
        [diagnosis.works, diagnosis.writable, diagnosis.problems[0].fatal],
        [false, false, true],
      );
      assert.match(diagnosis.problems[0].what, what);
      assert.deepEqual(diagnosis, await runDoctor(session, env));
    };
    await expect(/there is no usable D-Bus session bus/);
    await session.startBus();
    await expect(/nothing on the D-Bus session bus provides/);
    await session.startKeyring();
    await session.lock();
    await expect(/The default collection is locked/);
    await expect(/There is nothing to unlock the file store with/, { OS_SECRETS_PROVIDER: "file" });
  });

  it("asks nobody and changes nothing", linuxOnly("a bus"), async (t) => {
    const session = await prepareSession(t, { keyring: false });
    const prompter = await session.startPrompter();
    await session.startKeyring({ prompter });
    await session.lock();
    // Nobody answers a prompt, so a call that asks would not end.
    const locked = await diagnoseIn(session, { env: { DISPLAY: ":99" } });
    assert.deepEqual(
      [locked.works, locked.unlocked, locked.writable, locked.problems[0].fatal],
      [true, false, false, false],
    );
  });

  it("examines the store that its options name", async (t) => {
    const session = await prepareSession(t, { bus: false });
    const { path: identity, recipient } = writeIdentity(session.directory);
    const path = join(session.directory, "own", "secrets.age");
    const options = { provider: "file", path, identity };
    const store = "encrypted file";
    const empty = await diagnose(options);
    assert.deepEqual(
      { ...empty, problems: empty.problems.map(({ fatal }) => fatal) },
      {
        works: true,
        store,
        path,
        exists: false,
        writable: true,
        key: "option",
        os_identity: null,
        recipients: [recipient],
        credentials: 0,
        backup: null,
        problems: [false],
      },
    );
    await openStore(options).set("s", "n", "value");
    assert.deepEqual(await diagnose(options), {
      works: true,
      store,
      path,
      exists: true,
      writable: true,
      key: "option",
      os_identity: null,
      recipients: [recipient],
      credentials: 1,
      backup: null,
      problems: [],
    });
    const os = await diagnoseIn(session, {
      options: { provider: "os" },
      env: { OS_SECRETS_PROVIDER: "file" },
    });
    assert.notEqual(os.store, store);
    const memory = await diagnose({ provider: "memory" });
    assert.deepEqual(
      [memory.works, memory.store, memory.writable, memory.persistent],
      [true, "memory", true, false],
    );
    assert.match(memory.problems[0].what, /lost when it ends/);
    assert.equal(memory.problems[0].fix, "Name another provider, except in tests");
    const named = await diagnoseIn(session, { env: { OS_SECRETS_PROVIDER: "memory" } });
    assert.match(named.problems[0].fix, /^Unset OS_SECRETS_PROVIDER, or name another provider/);
  });

  it("looks for a helper program, and does not run it", async (t) => {
    const session = await prepareSession(t, { bus: false });
    const examine = async (command) => {
      const { works, reachable, writable, store, problems } = await diagnose({ provider: "exec", command });
      assert.equal(writable, reachable ? null : false);
      return [works, reachable, store, ...problems.map(({ what }) => what)];
    };
    const ran = join(session.directory, "ran");
    const helper = join(session.directory, "helper");
    const [works, reachable, store, what] = await examine(helper);
    assert.deepEqual([works, reachable, store], [false, false, "helper program"]);
    assert.ok(what.startsWith(`Cannot run ${helper}: `), what);
    writeFileSync(helper, `#!/bin/sh\ntouch ${ran}\n`);
    if (!isWindows) assert.match((await examine(helper))[3], /Permission denied/);
    chmodSync(helper, 0o700);
    assert.deepEqual(await examine(helper), [true, true, "helper program"]);
    assert.throws(() => readFileSync(ran), { code: "ENOENT" });
    assert.match((await examine(session.directory))[3], /is not a file/);
  });

  it("fails if an option or a setting is wrong", async (t) => {
    const code = "ERR_SECRETS_INVALID_SETTING";
    assert.throws(() => diagnose({ provider: "cloud" }), { code });
    assert.throws(() => diagnose({ provider: "memory", path: "/x" }), { code });
    assert.throws(() => diagnose(null), { code: "ERR_INVALID_ARG_TYPE" });
    const session = await prepareSession(t, { bus: false });
    assert.equal(await diagnoseIn(session, { env: { OS_SECRETS_PROVIDER: "exec" } }), code);
  });
});

describe("the types of diagnoses have the properties", () => {
  const types = readFileSync(join(root, "index.d.ts"), "utf8");
  const folder = join(root, "crates", "os-secrets-cli", "src", "commands", "doctor");
  for (const [name, file, part = ""] of [
    ["SecretService", "linux.rs"],
    ["CredentialManager", "windows.rs"],
    ["Keychain", "macos.rs"],
    ["File", "file.rs"],
    ["Memory", "others.rs", "pub fn examine_memory"],
    ["Helper", "others.rs", "pub async fn examine_helper"],
  ]) {
    it(`that ${file} makes: ${name}Diagnosis`, () => {
      const [, body] = new RegExp(`interface ${name}Diagnosis extends BaseDiagnosis {(.*?)\n  }`, "s").exec(
        types,
      );
      const typed = [...body.matchAll(/^ {4}(\w+): /gm)].map(([, property]) => property);
      const source = readFileSync(join(folder, file), "utf8");
      const [made] = source.slice(source.indexOf(part)).split(/^}/m);
      const whole = part ? made : source;
      const properties = [...whole.matchAll(/\("(\w+)", /g)].map(([, property]) => property);
      assert.deepEqual(new Set(properties), new Set(typed));
    });
  }
});
