// Tests what openStore has beyond `secrets`, in the session of a test.

const assert = require("node:assert/strict");
const { openStore, secrets } = require("../..");

async function main() {
  const store = openStore();
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const key = { service: "openStore", name: "bytes" };
  await store.set({ ...key, value: all });
  assert.deepEqual(await store.get({ ...key, encoding: "buffer" }), Buffer.from(all));
  await assert.rejects(secrets.get(key), { code: "ERR_SECRETS_INVALID_DATA" });
  assert.deepEqual([await store.has(key), await store.has("openStore", "missing")], [true, false]);
  await secrets.set("openStore", "a text", "täxt");
  await secrets.set("openStore, another", "name", "value");
  const names = ["a text", "bytes"].map((name) => ({ service: "openStore", name }));
  assert.deepEqual(await store.list({ service: "openStore" }), names);
  const listed = await store.list();
  for (const one of [...names, { service: "openStore, another", name: "name" }]) {
    assert.ok(listed.some(({ service, name }) => service === one.service && name === one.name));
  }
  assert.equal(await store.delete(key), true);
  assert.equal(await store.delete("openStore", "a text"), true);
  assert.equal(await store.delete("openStore, another", "name"), true);
  assert.deepEqual(await store.list({ service: "openStore" }), []);
}

main();
