// Every cell of the comparison in README.md that this machine can show, measured on the packages themselves.

const assert = require("node:assert/strict");
const { join } = require("node:path");
const { createInterface } = require("node:readline");
const { describe, it } = require("node:test");
const { secretsIn } = require("./support/client.js");
const { read } = require("./support/documents.js");
const { startMonitor } = require("./support/monitor.js");
const { linuxOnly } = require("./support/platform.js");
const { bun, node, root } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const bench = join(root, "bench");
/** Each implementation, in the order of the table: its name for `secretsIn`, its runtime, and how it lists. */
const implementations = [
  { name: "os-secrets", runtime: node(22), list: `require("..").openStore().list({ service: "s" })` },
  { name: "bun", runtime: [bun], list: "Bun.secrets.list?.()" },
  { name: "keytar", runtime: node(22), list: `require("keytar").findCredentials("s")` },
  {
    name: "napi-rs-keyring",
    runtime: node(22),
    list: `require("@napi-rs/keyring").findCredentialsAsync("s")`,
  },
];

const table = /^## Compared with others\n\n(.*?)\n\n/ms.exec(read("README.md"))[1];
const rows = new Map(
  table.split("\n").map((line) => {
    const [label, ...cells] = line.slice(2, -2).split(" | ");
    return [label, cells];
  }),
);

/** Measures a row of the table. A cell must begin with what `measure` returns for its implementation. */
function checkRow(label, options, measure) {
  it(label, async (t) => {
    for (const [index, implementation] of implementations.entries()) {
      const session = await startSession(options);
      t.after(() => session.stop());
      const { name, runtime } = implementation;
      const measured = await measure(secretsIn(session, runtime, name), session, implementation);
      const cell = rows.get(label)[index];
      assert.ok(cell.startsWith(measured), `${name}: ${measured}, and the table has: ${cell}`);
    }
  });
}

/** Runs a script in the folder of the packages, and returns what it prints. */
async function runScript(session, [command, ...args], script) {
  const { code, stdout, stderr } = await session.run(command, [...args, "-e", script], { cwd: bench });
  assert.equal(code, 0, stderr);
  return stdout;
}

const outcome = (call) =>
  call.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );

describe("the comparison in README.md", linuxOnly("a bus"), () => {
  it("is with the versions that are tested", () => {
    const { dependencies } = require("../bench/package.json");
    const { devDependencies } = require("../package.json");
    const versions = [
      `keytar ${dependencies.keytar}`,
      `@napi-rs/keyring ${dependencies["@napi-rs/keyring"]}`,
      `Bun ${devDependencies.bun}`,
    ];
    for (const version of versions) assert.ok(read("README.md").includes(version), version);
  });

  checkRow("shares credentials with `Bun.secrets`", {}, async (secrets, session, { name }) => {
    await secrets.set("s", "n", "v");
    const found = await secretsIn(session, [bun], "bun").get("s", "n");
    if (name === "bun") return "–";
    return found === "v" ? "yes" : { keytar: "not on Linux", "napi-rs-keyring": "on macOS only" }[name];
  });

  checkRow("needs on Linux, besides a Secret Service", {}, async (_, session, { name, runtime }) => {
    const call = name === "bun" ? "secrets.get({ service: 's', name: 'n' })" : "get('s', 'n')";
    const from =
      name === "bun"
        ? "globalThis.Bun"
        : `require("./implementations.js")["${name.replace("os-secrets", "ours")}"]()`;
    const printed = await runScript(
      session,
      runtime,
      `(async () => { await ${from}.${call};
        const maps = require("node:fs").readFileSync("/proc/self/maps", "utf8");
        console.log(maps.includes("libsecret-1.so")); })()`,
    );
    return printed === "true\n" ? "libsecret" : "nothing";
  });

  checkRow("if no store answers", { keyring: false }, async ({ get }) => {
    // Nothing is stored: the kernel's keyring is not the session's but that of the user who runs the test. It may
    // refuse to be searched, in words of its own.
    const { error } = await outcome(get("os-secrets-test", "n"));
    return error && !/AccessDenied/.test(error.message)
      ? "fails"
      : "falls back to the kernel's keyring, silently";
  });

  it("says how @napi-rs/keyring does without the kernel's keyring", async (t) => {
    const session = await startSession({ keyring: false });
    t.after(() => session.stop());
    const script = `const { Entry } = require("@napi-rs/keyring");
      try { new Entry("s", "n", { linux: { store: "secret-service" } }).setPassword("v"); console.log("stored"); }
      catch ({ code }) { console.log(code); }`;
    assert.equal(await runScript(session, node(22), script), "GenericFailure\n");
  });

  checkRow("`get` from a locked store, if nobody can be asked", {}, async ({ get, set }, session) => {
    await set("s", "n", "v");
    await session.lock();
    const { value, error } = await outcome(get("s", "n"));
    if (error) return "rejects";
    return value === null ? "returns `null`" : "returns the value";
  });

  checkRow("errors with a `code`", {}, async ({ set }, session) => {
    await session.lock();
    const { error } = await outcome(set("s", "n", "v"));
    if (!error.code) return "no";
    return error.code.startsWith("ERR_SECRETS_") ? "yes" : `\`${error.code}\``;
  });

  checkRow("connections and key exchanges on Linux", {}, async ({ get, set }, session) => {
    await set("s", "n", "v");
    const monitor = await startMonitor(session);
    const calls = await monitor.recordAll(async () => {
      for (let round = 0; round < 3; round++) await get("s", "n");
    });
    const count = (name) => calls.filter(({ method }) => method === name).length;
    // The program that tells the monitor when to stop makes one connection more.
    const counts = [count("Hello") - 1, count("OpenSession")];
    assert.ok(["0,0", "3,3"].includes(counts.join()), JSON.stringify(calls));
    return counts[0] === 0 ? "one per process" : "one per entry";
  });

  checkRow("after the service was restarted", { keyring: false }, async ({ get, set }, session, { name }) => {
    const keyring = await session.startKeyring();
    await set("s", "n", "v");
    await session.end(keyring);
    await session.startKeyring();
    const outcomes = [await outcome(get("s", "n")), await outcome(get("s", "n"))];
    if (outcomes.every(({ error }) => error)) return "fails until the process is restarted";
    assert.deepEqual(outcomes, [{ value: "v" }, { value: "v" }]);
    return name === "napi-rs-keyring" ? "new entries go on" : "goes on";
  });

  it("says what becomes of an entry of @napi-rs/keyring when the service was restarted", async (t) => {
    const session = await startSession({ keyring: false });
    t.after(() => session.stop());
    const keyring = await session.startKeyring();
    const [command, ...args] = node(22);
    const script = `const entry = new (require("@napi-rs/keyring").AsyncEntry)("s", "n");
      const tell = (call) => call.then(() => console.log("done"), ({ code }) => console.log(code));
      tell(entry.setPassword("v"));
      process.stdin.on("data", () => tell(entry.getPassword()));`;
    const child = session.start(command, [...args, "-e", script], { cwd: bench, env: session.env });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    assert.equal((await lines.next()).value, "done");
    await session.end(keyring);
    await session.startKeyring();
    child.stdin.write("again\n");
    assert.equal((await lines.next()).value, "GenericFailure");
  });

  checkRow("`set` of an empty value", {}, async ({ get, set }) => {
    await set("s", "n", "v");
    const { error } = await outcome(set("s", "n", ""));
    if (error) return "throws";
    return (await get("s", "n")) === null ? "deletes" : "stores it";
  });

  checkRow("lists credentials", {}, async ({ set }, session, { name, runtime, list }) => {
    if (name !== "bun") await set("s", "n", "the value");
    const printed = await runScript(
      session,
      runtime,
      `Promise.resolve(${list}).then((found) => console.log(JSON.stringify(found ?? null)))`,
    );
    if (printed === "null\n") return "no";
    return printed.includes("the value") ? "yes, with values" : "yes, without values";
  });
});
