// The API of keytar: its documented behaviours on our store, the same errors for wrong arguments, and what keytar itself
// has stored.

const assert = require("node:assert/strict");
const { mkdirSync, symlinkSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { writeIdentity } = require("./support/age.js");
const { secretsIn } = require("./support/client.js");
const { listItems, storeItem } = require("./support/items.js");
const { exceptOnModel, linuxOnly } = require("./support/platform.js");
const { bun, node: nodeOf, root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const node = nodeOf(22);
const ours = join(root, "keytar.js");
const theirs = join(root, "bench", "node_modules", "keytar");
const service = "my-editor";

async function startTestSession(t, options) {
  const session = await startSession(options);
  t.after(() => session.stop());
  return session;
}

/** Runs a program with the functions of a module of keytar's API. Returns what it prints, read as JSON. */
async function runWith(session, module, body, { runtime = node, env } = {}) {
  const [command, ...args] = runtime;
  const file = join(session.directory, "program.cjs");
  const source = `
    const keytar = require(${JSON.stringify(module)});
    const { deletePassword, findCredentials, findPassword, getPassword, setPassword } = keytar;
    const service = ${JSON.stringify(service)};
    const codeOf = (call) => call.then((value) => JSON.stringify({ value }), ({ code }) => code);
    (async () => {${body}})().then((value) => console.log(JSON.stringify(value)));`;
  writeFileSync(file, source);
  const { code, stdout, stderr } = await session.run(command, [...args, file], { env });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** The collection and the secret of each item, with whose it is. */
async function listStored(session) {
  const items = await listItems(session);
  const schemas = { "com.oven-sh.bun.Secret": "ours", "org.freedesktop.Secret.Generic": "theirs" };
  return items
    .map(({ attributes, secret }) => `${schemas[attributes["xdg:schema"]]} ${attributes.account}: ${secret}`)
    .sort();
}

for (const [name, runtime] of Object.entries(runtimes)) {
  describe(`os-secrets/keytar under ${name}`, () => {
    const run = async (t, body, options) =>
      runWith(await startTestSession(t), ours, body, { runtime, ...options });

    it("reads what it has stored, and null for an account without a password", async (t) => {
      const body = `
        return [
          await getPassword(service, "alice"),
          (await setPassword(service, "alice", "Zürich 👋")) === undefined,
          await getPassword(service, "alice"),
          await getPassword(service, "bob"),
          await getPassword("other", "alice"),
        ];`;
      assert.deepEqual(await run(t, body), [null, true, "Zürich 👋", null, null]);
    });

    it("replaces a password", async (t) => {
      const body = `
        await setPassword(service, "alice", "old");
        await setPassword(service, "alice", "new");
        return [await getPassword(service, "alice"), await findCredentials(service)];`;
      assert.deepEqual(await run(t, body), ["new", [{ account: "alice", password: "new" }]]);
    });

    it("deletes a password and says whether there was one", async (t) => {
      const body = `
        await setPassword(service, "alice", "one");
        await setPassword(service, "bob", "two");
        return [
          await deletePassword(service, "alice"),
          await deletePassword(service, "alice"),
          await getPassword(service, "alice"),
          await getPassword(service, "bob"),
        ];`;
      assert.deepEqual(await run(t, body), [true, false, null, "two"]);
    });

    it("finds the passwords of a service, and of no other whose name begins alike", async (t) => {
      const body = `
        const none = [await findPassword(service), await findCredentials(service)];
        await setPassword(service, "alice", "one");
        await setPassword(service, "bob@example.com", "two");
        await setPassword(service + "-2", "carol", "three");
        const found = await findCredentials(service);
        return [none, ["one", "two"].includes(await findPassword(service)), found, Object.keys(found)];`;
      const [none, isFound, found, keys] = await run(t, body);
      assert.deepEqual([none, isFound, keys], [[null, []], true, ["0", "1"]]);
      found.sort((a, b) => a.account.localeCompare(b.account));
      assert.deepEqual(found, [
        { account: "alice", password: "one" },
        { account: "bob@example.com", password: "two" },
      ]);
    });

    it("gives a rejection the stack of the functions that await the call", linuxOnly("a bus"), async (t) => {
      const session = await startTestSession(t, { bus: false });
      const body = `
        const calls = [
          async function get() { await getPassword(service, "a"); },
          async function set() { await setPassword(service, "a", "v"); },
          async function remove() { await deletePassword(service, "a"); },
          async function find() { await findPassword(service); },
          async function findAll() { await findCredentials(service); },
        ];
        return Promise.all(calls.map((call) => call().then(
          () => "succeeds",
          ({ code, stack }) => /^    at async (.*) \\(.*program\\.cjs:/m.exec(stack)?.[1] + " " + code,
        )));`;
      const names = ["get", "set", "remove", "find", "findAll"];
      assert.deepEqual(
        await runWith(session, ours, body, { runtime }),
        names.map((name) => `${name} ERR_SECRETS_PLATFORM_ERROR`),
      );
    });
  });
}

describe("arguments", () => {
  /** Calls with wrong arguments. Each source is evaluated in the program. */
  const values = [
    ...["undefined", "null", '""', "0", "NaN", "false", "[]", "{ length: 0 }", "{ length: -1 }", "() => 1"],
    ...[
      "1",
      "5n",
      "true",
      "{}",
      "[1]",
      'Symbol("x")',
      'new String("s")',
      "{ length: 1 }",
      "Buffer.from('x')",
    ],
  ];
  const calls = [
    ...values.flatMap((value) => [
      ...["getPassword", "deletePassword"].flatMap((name) => [
        `${name}(${value}, "a")`,
        `${name}("s", ${value})`,
      ]),
      ...["findPassword", "findCredentials"].map((name) => `${name}(${value})`),
      ...[`${value}, "a", "p"`, `"s", ${value}, "p"`, `"s", "a", ${value}`].map(
        (args) => `setPassword(${args})`,
      ),
    ]),
    ...['setPassword(5, "", "p")', 'setPassword(5, 6, "")', "setPassword(5, 6, 7)", "setPassword()"],
  ];
  const body = `
    return [${calls.map((call) => `() => ${call}`)}].map((call) => {
      try {
        call().catch(() => {});
        return "accepted";
      } catch (error) {
        return error.constructor.name + " " + error.message;
      }
    });`;

  it("that are wrong throw at once, with the errors of keytar", linuxOnly("a bus"), async (t) => {
    const session = await startTestSession(t);
    const expected = await runWith(session, theirs, body);
    assert.equal(expected.filter((outcome) => outcome === "accepted").length, 0);
    assert.deepEqual(await runWith(session, ours, body), expected);
    assert.deepEqual(await listItems(session), []);
  });

  it("have errors with a code", async (t) => {
    const session = await startTestSession(t, { bus: false });
    const codes = `
      return [() => getPassword("", "a"), () => getPassword(5, "a")].map((call) => {
        try { call(); } catch ({ code }) { return code; }
      });`;
    assert.deepEqual(await runWith(session, ours, codes), ["ERR_INVALID_ARG_VALUE", "ERR_INVALID_ARG_TYPE"]);
  });

  it("with a NUL are refused, as keytar would use another account", async (t) => {
    const session = await startTestSession(t);
    const body = `
      await setPassword("s", "a", "kept");
      const outcomes = [
        () => getPassword("s\\0", "a"), () => setPassword("s", "a\\0b", "v"), () => setPassword("s", "a", "v\\0"),
        () => findCredentials("s\\0"),
      ].map((call) => {
        try { call(); } catch ({ name, message, code }) { return [name, message, code].join(" "); }
      });
      return [outcomes, await getPassword("s", "a")];`;
    const message = (name) =>
      `TypeError Parameter '${name}' must be a string without null bytes ERR_INVALID_ARG_VALUE`;
    const names = ["service", "username", "password", "service"];
    assert.deepEqual(await runWith(session, ours, body), [names.map(message), "kept"]);
  });

  it("beyond those of a function are ignored", async (t) => {
    const session = await startTestSession(t);
    const body = `await setPassword("s", "a", "v", 1, 2); return getPassword("s", "a", {}, () => {});`;
    assert.equal(await runWith(session, ours, body), "v");
  });
});

describe("the module", () => {
  it("has the functions of keytar with their lengths, and a test can replace them", async (t) => {
    const session = await startTestSession(t, { bus: false });
    const body = `
      const lengths = Object.entries(keytar).map(([name, { length }]) => name + " " + length).sort();
      keytar.getPassword = () => "replaced";
      return [lengths, keytar.getPassword(), require(${JSON.stringify(ours)}).getPassword()];`;
    const lengths = [
      "deletePassword 2",
      "findCredentials 1",
      "findPassword 1",
      "getPassword 2",
      "setPassword 3",
    ];
    assert.deepEqual(await runWith(session, ours, body), [lengths, "replaced", "replaced"]);
  });

  it("has the types of keytar itself, in both directions", linuxOnly("a bus"), async (t) => {
    const session = await startTestSession(t, { bus: false });
    const modules = join(session.directory, "node_modules");
    mkdirSync(modules);
    symlinkSync(theirs, join(modules, "keytar"));
    symlinkSync(root, join(modules, "os-secrets"));
    const compile = (file, source) => {
      writeFileSync(join(session.directory, file), source);
      const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
      const flags = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--types", ""];
      return session.run(process.execPath, [tsc, ...flags, file], { cwd: session.directory });
    };
    const imports = `import * as theirs from "keytar"; import * as ours from "os-secrets/keytar";`;
    const same = `
      export const drop: typeof theirs = ours;
      export const back: typeof ours = theirs;
      export const names: keyof typeof theirs extends keyof typeof ours ? true : false = true;
      export const noOthers: keyof typeof ours extends keyof typeof theirs ? true : false = true;`;
    const { code, stdout } = await compile("same.cts", imports + same);
    assert.equal(code, 0, stdout);
    const wrong = await compile("wrong.cts", `${imports} export const x: string = theirs.getPassword;`);
    assert.match(wrong.stdout, /^wrong\.cts.*Type '\(service: string, account: string\) => Promise</);
  });

  it("shows no password to a polluted prototype", async (t) => {
    const session = await startTestSession(t);
    const body = `
      await setPassword(service, "hunter", "hunter2");
      const seen = new Set();
      const spy = (prototype, name) => Object.defineProperty(prototype, name, {
        configurable: true,
        get() { seen.add(JSON.stringify(this)); },
        set(value) { seen.add(JSON.stringify(value)); },
      });
      for (const name of ["account", "password", "then"]) spy(Object.prototype, name);
      spy(Array.prototype, "0");
      // Its promise resolves with a text, because those of objects look for "then".
      const found = await findCredentials(service).then((found) => JSON.stringify(found));
      const one = await findPassword(service);
      for (const name of ["account", "password", "then"]) delete Object.prototype[name];
      delete Array.prototype[0];
      return [found, one, [...seen].filter((text) => text?.includes("hunter"))];`;
    const found = JSON.stringify([{ account: "hunter", password: "hunter2" }]);
    assert.deepEqual(await runWith(session, ours, body), [found, "hunter2", []]);
  });

  it("stores what Bun.secrets reads, and reads what it stores", exceptOnModel("Bun.secrets"), async (t) => {
    const session = await startTestSession(t);
    const secrets = secretsIn(session, [bun], "bun");
    await secrets.set({ service, name: "of-bun", value: "one" });
    const body = `
      await setPassword(service, "of-keytar", "two");
      return (await findCredentials(service)).sort((a, b) => a.account.localeCompare(b.account));`;
    assert.deepEqual(await runWith(session, ours, body), [
      { account: "of-bun", password: "one" },
      { account: "of-keytar", password: "two" },
    ]);
    assert.equal(await secrets.get({ service, name: "of-keytar" }), "two");
  });

  it("finds the text of one account if another has bytes, and names the account with bytes", async (t) => {
    const session = await startTestSession(t);
    const body = `
      const outcomeOf = (call) => call.catch(({ code, message }) => [code, message.split(":")[0]]);
      await require(${JSON.stringify(root)}).openStore().set(service, "alice", Buffer.from([0xff]));
      const alone = await outcomeOf(findPassword(service));
      await setPassword(service, "bob", "text");
      return [alone, await findPassword(service), await outcomeOf(findCredentials(service))];`;
    const refused = ["ERR_SECRETS_INVALID_DATA", `${service}/alice`];
    assert.deepEqual(await runWith(session, ours, body), [refused, "text", refused]);
  });

  it("uses the encrypted file if the environment names it, and nothing else", async (t) => {
    const session = await startTestSession(t);
    const env = {
      OS_SECRETS_PROVIDER: "file",
      OS_SECRETS_FILE: join(session.directory, "secrets.age"),
      OS_SECRETS_IDENTITY: writeIdentity(session.directory).path,
    };
    await runWith(session, ours, `await setPassword(service, "elsewhere", "v"); return 0;`);
    const body = `
      await setPassword(service, "here", "v");
      return [
        await getPassword(service, "here"),
        await getPassword(service, "elsewhere"),
        await findPassword(service),
        await findCredentials(service),
        await deletePassword(service, "here"),
        await deletePassword(service, "elsewhere"),
      ];`;
    const found = [{ account: "here", password: "v" }];
    assert.deepEqual(await runWith(session, ours, body, { env }), ["v", null, "v", found, true, false]);
  });

  it("rejects if the store of process.env is not the one that the process was started with", async (t) => {
    const session = await startTestSession(t, { bus: false });
    const body = `
      process.env.OS_SECRETS_PROVIDER = "memory";
      return codeOf(getPassword(service, "a"));`;
    assert.equal(await runWith(session, ours, body), "ERR_SECRETS_INVALID_SETTING");
  });
});

describe("what keytar itself has stored", linuxOnly("a bus"), () => {
  const store = (session, passwords) =>
    runWith(
      session,
      theirs,
      `for (const [account, password] of ${JSON.stringify(Object.entries(passwords))})
         await setPassword(service, account, password);
       return 0;`,
    );

  it("is found if we have stored nothing", async (t) => {
    const session = await startTestSession(t);
    await store(session, { alice: "Zürich 👋", bob: " two\n" });
    const body = `
      return [await getPassword(service, "alice"), await findPassword(service), await findCredentials(service)];`;
    const [alice, any, all] = await runWith(session, ours, body);
    assert.equal(alice, "Zürich 👋");
    assert.ok(["Zürich 👋", " two\n"].includes(any));
    assert.deepEqual(all, [
      { account: "alice", password: "Zürich 👋" },
      { account: "bob", password: " two\n" },
    ]);
    assert.deepEqual(await listStored(session), ["theirs alice: Zürich 👋", "theirs bob:  two\n"]);
  });

  it("is found by findPassword if ours are bytes", async (t) => {
    const session = await startTestSession(t);
    await store(session, { bob: "theirs" });
    const body = `
      await require(${JSON.stringify(root)}).openStore().set(service, "alice", Buffer.from([0xff]));
      return findPassword(service);`;
    assert.equal(await runWith(session, ours, body), "theirs");
  });

  it("comes after what we have stored", async (t) => {
    const session = await startTestSession(t);
    await secretsIn(session, [bun], "bun").set({ service, name: "bob", value: "ours" });
    await store(session, { alice: "theirs", bob: "theirs, too" });
    const body = `
      return [await getPassword(service, "bob"), await findPassword(service), await findCredentials(service)];`;
    assert.deepEqual(await runWith(session, ours, body), [
      "ours",
      "ours",
      [
        { account: "alice", password: "theirs" },
        { account: "bob", password: "ours" },
      ],
    ]);
  });

  it("is deleted when its account gets another password, and so does not come back", async (t) => {
    const session = await startTestSession(t);
    await store(session, { alice: "old", bob: "kept" });
    const set = `await setPassword(service, "alice", "new"); return getPassword(service, "alice");`;
    assert.equal(await runWith(session, ours, set), "new");
    assert.deepEqual(await listStored(session), ["ours alice: new", "theirs bob: kept"]);
    const remove = `return [await deletePassword(service, "alice"), await getPassword(service, "alice")];`;
    assert.deepEqual(await runWith(session, ours, remove), [true, null]);
  });

  it("is deleted with ours", async (t) => {
    const session = await startTestSession(t);
    const secrets = secretsIn(session, [bun], "bun");
    await secrets.set({ service, name: "alice", value: "ours" });
    await store(session, { alice: "theirs", bob: "theirs, too" });
    const body = `
      return [
        await deletePassword(service, "alice"),
        await deletePassword(service, "alice"),
        await deletePassword(service, "bob"),
        await findCredentials(service),
      ];`;
    assert.deepEqual(await runWith(session, ours, body), [true, false, true, []]);
    assert.deepEqual(await listItems(session), []);
  });

  it("is found and deleted outside the default collection, too", async (t) => {
    const session = await startTestSession(t);
    const item = {
      collection: "/org/freedesktop/secrets/collection/session",
      attributes: { "xdg:schema": "org.freedesktop.Secret.Generic", service, account: "alice" },
      label: `${service}/alice`,
      secret: "elsewhere",
    };
    await storeItem(session, item);
    const body = `return [await getPassword(service, "alice"), await setPassword(service, "alice", "new")];`;
    assert.deepEqual(await runWith(session, ours, body), ["elsewhere", null]);
    assert.deepEqual(await listStored(session), ["ours alice: new"]);
  });

  it("is not taken from other programs with the same attributes", async (t) => {
    const session = await startTestSession(t);
    const item = {
      collection: "/org/freedesktop/secrets/collection/login",
      attributes: { "xdg:schema": "org.example.Other", service, account: "alice" },
      label: "of another",
      secret: "of another",
    };
    await storeItem(session, item);
    const body = `
      return [
        await getPassword(service, "alice"),
        await deletePassword(service, "alice"),
        await findPassword(service),
        await findCredentials(service),
      ];`;
    assert.deepEqual(await runWith(session, ours, body), [null, false, null, []]);
    assert.equal((await listItems(session)).length, 1);
  });

  const everyCall = `
    const calls = [
      () => getPassword(service, "alice"),
      () => deletePassword(service, "alice"),
      () => findPassword(service),
      () => findCredentials(service),
      () => setPassword(service, "alice", "new"),
    ];
    const codes = [];
    for (const call of calls) codes.push(await codeOf(call()));
    return codes;`;

  it("is never reported as missing while it is locked", async (t) => {
    const session = await startTestSession(t, { keyring: false });
    const first = await session.startKeyring({ password: "right" });
    await store(session, { alice: "theirs" });
    await session.lock();
    const codes = Array(5).fill("ERR_SECRETS_INTERACTION_REQUIRED");
    assert.deepEqual(await runWith(session, ours, everyCall), codes);
    // A keyring that was not unlocked since the daemon started hides more.
    await session.end(first);
    const second = await session.startKeyring({ password: null });
    assert.deepEqual(await runWith(session, ours, everyCall), codes);
    await session.end(second);
    await session.startKeyring({ password: "right" });
    assert.deepEqual(await listStored(session), ["theirs alice: theirs"]);
  });

  it("is unlocked by the prompt of the store", async (t) => {
    for (const [call, expected] of [
      [`getPassword(service, "alice")`, "theirs"],
      [`findPassword(service)`, "theirs"],
      [`findCredentials(service)`, [{ account: "alice", password: "theirs" }]],
      [`deletePassword(service, "alice")`, true],
    ]) {
      const session = await startTestSession(t, { keyring: false });
      const prompter = await session.startPrompter();
      await session.startKeyring({ password: "right", prompter });
      await store(session, { alice: "theirs" });
      await session.lock();
      await prompter.expect("password right");
      assert.deepEqual(await runWith(session, ours, `return ${call};`), expected, call);
    }
  });

  it("stays as it is if the environment chooses another store", async (t) => {
    const session = await startTestSession(t);
    await store(session, { alice: "theirs" });
    const env = { OS_SECRETS_PROVIDER: "memory" };
    const body = `
      await setPassword(service, "alice", "ours");
      return [await getPassword(service, "alice"), await deletePassword(service, "alice"), await findPassword(service)];`;
    assert.deepEqual(await runWith(session, ours, body, { env }), ["ours", true, null]);
    assert.deepEqual(await listStored(session), ["theirs alice: theirs"]);
  });
});
