// Which item is used if there are several collections, or several items with one name.

const assert = require("node:assert/strict");
const { after, afterEach, before, describe, it } = require("node:test");
const { secretsIn } = require("./support/client.js");
const { listItems, storeItem } = require("./support/items.js");
const { linuxOnly } = require("./support/platform.js");
const { bun, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const key = { service: "collections", name: "name" };
const attributes = { "xdg:schema": "com.oven-sh.bun.Secret", service: key.service, account: key.name };
const login = "/org/freedesktop/secrets/collection/login";
const volatile = "/org/freedesktop/secrets/collection/session";

describe("several collections", linuxOnly("a bus"), () => {
  let session;
  let ours;
  let theirs;
  before(async () => {
    session = await startSession();
    ours = secretsIn(session, runtimes["Node 24"], "os-secrets");
    theirs = secretsIn(session, [bun], "bun");
  });
  after(() => session.stop());
  afterEach(() => ours.delete(key));

  const putItem = (collection, secret) =>
    storeItem(session, { collection, attributes, label: "put there", secret });
  const listStored = async () =>
    (await listItems(session))
      .map(({ collection, secret }) => `${collection.split("/").at(-1)}: ${secret}`)
      .sort();

  it("an item outside the default collection is found", async () => {
    await putItem(volatile, "elsewhere");
    assert.equal(await ours.get(key), "elsewhere");
    assert.equal(await theirs.get(key), "elsewhere");
  });

  it("the default collection's wins, whichever was stored first", async () => {
    await putItem(volatile, "elsewhere");
    await ours.set({ ...key, value: "default" });
    assert.equal(await ours.get(key), "default");
    await ours.delete(key);
    await ours.set({ ...key, value: "default" });
    await putItem(volatile, "elsewhere");
    assert.equal(await ours.get(key), "default");
  });

  it("set writes to the default collection and leaves others alone, as Bun's", async () => {
    for (const { set } of [theirs, ours]) {
      await putItem(volatile, "elsewhere");
      await set({ ...key, value: "written" });
      assert.deepEqual(await listStored(), ["login: written", "session: elsewhere"]);
      await ours.delete(key);
    }
  });

  it("delete removes every match, as Bun's", async () => {
    for (const client of [theirs, ours]) {
      await putItem(volatile, "elsewhere");
      await putItem(login, "one");
      await putItem(login, "two");
      assert.equal((await listStored()).length, 3);
      assert.equal(await client.delete(key), true);
      assert.deepEqual(await listStored(), []);
      assert.equal(await client.delete(key), false);
    }
  });

  it("after set, get gives what was set, also among items of the same attributes", async () => {
    await putItem(login, "one");
    await putItem(login, "two");
    await putItem(login, "three");
    for (const value of ["first", "second", "third"]) {
      await ours.set({ ...key, value });
      assert.equal(await ours.get(key), value);
      assert.equal(await theirs.get(key), value);
    }
  });
});
