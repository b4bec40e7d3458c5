// Uses Bun's own secrets and ours in one process, which Keychain lets read the items of both. Prints "done".

const assert = require("node:assert/strict");
const { openStore, secrets: ours } = require("../..");

const { secrets: theirs } = globalThis.Bun;
const key = { service: "os-secrets test", name: "same process" };
const texts = ["value", "pä€😀", " \n", "x".repeat(100_000)];

async function main() {
  for (const [writer, reader] of [
    [ours, theirs],
    [theirs, ours],
  ]) {
    for (const value of texts) {
      await writer.set({ ...key, value });
      assert.equal(await reader.get(key), value);
      await reader.set({ ...key, value: `${value} again` });
      assert.equal(await writer.get(key), `${value} again`);
    }
    assert.equal(await openStore().has(key), true);
    assert.deepEqual(await openStore().list({ service: key.service }), [key]);
    assert.equal(await reader.delete(key), true);
    assert.equal(await writer.get(key), null);
    assert.equal(await writer.delete(key), false);
    await writer.set({ ...key, value: "to be deleted" });
    await reader.set({ ...key, value: "" });
    assert.equal(await writer.get(key), null);
  }
  console.log("done");
}

main();
