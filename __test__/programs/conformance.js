// Tests that a store keeps the contract of all stores: conformance.js <options of openStore as JSON> <kind of
// store>. Prints "conforms", or ends with an error.

const assert = require("node:assert/strict");
const { openStore } = require("../..");

/**
 * The limits of each kind of store, whether it lists all services, and whether slashes in names are distinct.
 */
const kinds = {
  whole: { longest: 1_000_000, bytes: true, many: 100, listsAll: true, slashes: true },
  // Docker's helpers take one line of 64 KiB. For some, a slash in a user name makes a folder.
  helper: { longest: 60_000, bytes: false, many: 12, listsAll: true, slashes: false },
  // The same protocol to ourselves, over the operating system's store.
  ownHelper: { longest: 1_000_000, bytes: false, many: 12, listsAll: true, slashes: true },
  ownHelperOnWindows: { longest: 2560, bytes: false, many: 12, listsAll: true, slashes: true },
  // Credential Manager.
  windows: { longest: 2560, bytes: true, many: 100, listsAll: false, slashes: false },
  keychain: { longest: 1_000_000, bytes: true, many: 100, listsAll: false, slashes: true },
};

const key = { service: "my cli/tool", name: "alice@example.com" };

async function expectRejection(promise, code, name = "Error") {
  await assert.rejects(promise, (error) => error.code === code && error.name === name);
}

/** Stores, reads, replaces and deletes, in all forms of the arguments. */
async function testBasics(store) {
  assert.equal(await store.get(key), null);
  assert.equal(await store.delete(key), false);
  assert.equal(await store.has(key), false);
  assert.equal(await store.set({ ...key, value: "first" }), undefined);
  assert.equal(await store.get(key), "first");
  assert.equal(await store.get(key.service, key.name), "first");
  await store.set(key, "second");
  await store.set(key.service, key.name, "third");
  assert.equal(await store.get({ ...key, encoding: "utf8" }), "third");
  assert.equal(await store.has(key), true);
  assert.equal(await store.has(key.service, "another"), false);
  assert.equal(await store.delete(key.service, key.name), true);
  assert.equal(await store.delete(key), false);
  assert.equal(await store.get(key), null);
}

/** An empty value deletes. It is not an error if there was no credential. */
async function testEmptyValues(store) {
  await store.set({ ...key, value: "" });
  await store.set({ ...key, value: "value" });
  await store.set({ ...key, value: "" });
  assert.equal(await store.get(key), null);
  assert.equal(await store.has(key), false);
}

async function testTexts(store, longest) {
  for (const value of [
    " ",
    "a\nb",
    " x\t",
    'quote " \\ backslash',
    "Zürich 👋",
    "\u0001\u007f",
    "{}",
    "x".repeat(longest),
  ]) {
    await store.set({ ...key, value });
    assert.equal(await store.get(key), value);
  }
  await store.set({ ...key, value: "half \ud83d" });
  assert.equal(await store.get(key), "half \ufffd");
  await store.delete(key);
}

/** Different names are different credentials, whatever characters they have. */
async function testNames(store, names, listsAll) {
  for (const [service, name] of names) await store.set(service, name, `${service} ${name}`);
  for (const [service, name] of names) assert.equal(await store.get(service, name), `${service} ${name}`);
  if (listsAll) await testListing(store, names);
  for (const [service, name] of names) {
    const of = names.filter(([other]) => other === service).map(([, each]) => each);
    const listed = (await store.list({ service })).map((entry) => entry.name);
    assert.deepEqual(listed.sort(), of.sort());
    assert.equal(await store.has(service, name), true);
  }
  assert.deepEqual(await store.list({ service: "nobody's" }), []);
  for (const [service, name] of names) assert.equal(await store.delete(service, name), true);
  if (listsAll) assert.deepEqual(await store.list(), []);
}

async function testListing(store, names) {
  const entries = (await store.list()).map(({ service, name }) => [service, name]);
  const sorted = [...names].sort(([a, b], [c, d]) =>
    Buffer.compare(Buffer.from(`${a}\0${b}`), Buffer.from(`${c}\0${d}`)),
  );
  assert.deepEqual(entries, sorted);
}

/** If a helper changes a value, the store must notice: it keeps the value unchanged or not at all. */
async function testChangedValue(store) {
  const value = "two\nlines\n";
  const outcome = await store.set({ ...key, value }).then(
    () => value,
    (error) => assert.equal(error.code, "ERR_SECRETS_PLATFORM_ERROR") ?? null,
  );
  assert.equal(await store.get(key), outcome);
  await store.delete(key);
}

async function testBytes(store) {
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  await store.set({ ...key, value: all });
  assert.equal(Buffer.compare(await store.get({ ...key, encoding: "buffer" }), all), 0);
  await expectRejection(store.get(key), "ERR_SECRETS_INVALID_DATA");
  await store.set({ ...key, value: Buffer.from("text") });
  assert.equal(await store.get(key), "text");
  await store.set({ ...key, value: all.subarray(128) });
  await store.set({ ...key, value: all.subarray(0) });
  assert.equal((await store.get({ ...key, encoding: "buffer" })).length, 256);
  await store.delete(key);
}

async function testRefusedBytes(store) {
  await expectRejection(store.set({ ...key, value: Uint8Array.of(255) }), "ERR_SECRETS_INVALID_DATA");
  assert.equal(await store.get(key), null);
  await store.set({ ...key, value: Buffer.from("text") });
  assert.equal((await store.get({ ...key, encoding: "buffer" })).toString(), "text");
  await store.delete(key);
}

async function testManyCalls(store, count) {
  const names = Array.from({ length: count }, (_, index) => `name ${index}`);
  await Promise.all(names.map((name) => store.set("many", name, `value of ${name}`)));
  const values = await Promise.all(names.map((name) => store.get("many", name)));
  assert.deepEqual(
    values,
    names.map((name) => `value of ${name}`),
  );
  const deleted = await Promise.all(names.map((name) => store.delete("many", name)));
  assert.ok(deleted.every((each) => each === true));
  assert.deepEqual(await store.list({ service: "many" }), []);
}

/** Wrong arguments throw at once, and change nothing. */
function testWrongArguments(store) {
  const throws = (call, code) =>
    assert.throws(call, (error) => error instanceof TypeError && error.code === code);
  throws(() => store.get(), "ERR_INVALID_ARG_TYPE");
  throws(() => store.get({ service: "s" }), "ERR_INVALID_ARG_TYPE");
  throws(() => store.get({ service: "", name: "n" }), "ERR_INVALID_ARG_TYPE");
  throws(() => store.delete("s", "n\0"), "ERR_INVALID_ARG_VALUE");
  throws(() => store.set({ ...key, value: 1 }), "ERR_INVALID_ARG_TYPE");
  throws(() => store.set({ ...key, value: "v", persist: "x" }), "ERR_INVALID_ARG_VALUE");
  throws(() => store.get({ ...key, timeout: 0 }), "ERR_INVALID_ARG_VALUE");
}

async function testBounds(store) {
  const aborted = AbortSignal.abort(new Error("enough"));
  await expectRejection(store.set({ ...key, value: "v", signal: aborted }), "ABORT_ERR", "AbortError");
  assert.equal(await store.get({ ...key, timeout: 20_000, interactive: false }), null);
  await expectRejection(store.set({ ...key, value: "x".repeat((16 << 20) + 1) }), "ERR_SECRETS_TOO_LARGE");
}

async function main(options, { longest, bytes, many, listsAll, slashes }) {
  const store = openStore(options);
  await testBasics(store);
  await testEmptyValues(store);
  await testTexts(store, longest);
  const names = [
    ["a", "b"],
    ["a", "c"],
    ["a b", "c"],
    ["a", "b c"],
    ["Dienst „ü“ 👋", "имя = \"x\" & 'y' \\ %s %41"],
  ];
  const slashed = [
    ["a/b", "c"],
    ["a", "b/c"],
  ];
  await testNames(store, [...names, ...slashed.slice(0, slashes ? 2 : 1)], listsAll);
  await testChangedValue(store);
  await (bytes ? testBytes : testRefusedBytes)(store);
  await testManyCalls(store, many);
  testWrongArguments(store);
  await testBounds(store);
  const pending = store.set(key, "last");
  await store.close();
  await pending;
  await expectRejection(store.get(key), "ERR_SECRETS_PLATFORM_ERROR");
  if (options.provider !== "memory") assert.equal(await openStore(options).delete(key), true);
  console.log("conforms");
}

main(JSON.parse(process.argv[2]), kinds[process.argv[3]]);
