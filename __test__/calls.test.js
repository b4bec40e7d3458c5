// How many messages a call takes, as a monitor on the bus sees them: each is a round trip to another
// process, and most of what a call costs.

const assert = require("node:assert/strict");
const { after, before, describe, it } = require("node:test");
const { secretsIn } = require("./support/client.js");
const { startMonitor } = require("./support/monitor.js");
const { runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const key = { service: "calls", name: "token" };
const missing = { service: "calls", name: "missing" };

for (const [name, runtime] of Object.entries(runtimes)) {
  describe(`messages on the bus, under ${name}`, () => {
    let session;
    let ours;
    let monitor;
    before(async () => {
      session = await startSession();
      const other = secretsIn(session, runtime, "os-secrets");
      await other.set({ ...key, value: "value" });
      await other.close();
      monitor = await startMonitor(session);
      ours = secretsIn(session, runtime, "os-secrets");
    });
    after(() => session.stop());

    const calls = (work) => monitor.callsDuring(work);

    it("the first get takes five, connecting included", async () => {
      const first = await calls(async () => assert.equal(await ours.get(key), "value"));
      assert.deepEqual(first, ["Hello", "AddMatch", "OpenSession", "SearchItems", "GetSecret"]);
    });

    it("a get takes two", async () => {
      const get = await calls(async () => assert.equal(await ours.get(key), "value"));
      assert.deepEqual(get, ["SearchItems", "GetSecret"]);
    });

    it("a get of what is missing takes one, once it is known that nothing is hidden", async () => {
      assert.equal(await ours.get(missing), null);
      // Also those that the first one took have been seen then.
      await calls(() => {});
      const get = await calls(async () => assert.equal(await ours.get(missing), null));
      assert.deepEqual(get, ["SearchItems"]);
    });

    it("a set that replaces takes two, once it is known what the item is like", async () => {
      await ours.set({ ...key, value: "second" });
      await calls(() => {});
      const set = await calls(() => ours.set({ ...key, value: "third" }));
      assert.deepEqual(set, ["SearchItems", "SetSecret"]);
      assert.equal(await ours.get(key), "third");
    });

    it("a hundred gets at once take no more than 115", async () => {
      const names = Array.from({ length: 100 }, (_, index) => `name ${index}`);
      await Promise.all(names.map((name) => ours.set({ ...key, name, value: `value of ${name}` })));
      await calls(() => {});
      const gets = await calls(async () => {
        const values = await Promise.all(names.map((name) => ours.get({ ...key, name })));
        assert.deepEqual(
          values,
          names.map((name) => `value of ${name}`),
        );
      });
      assert.equal(gets.filter((method) => method === "SearchItems").length, 100);
      assert.ok(gets.length <= 115, `${gets.length}`);
    });

    it("a delete takes two", async () => {
      await calls(() => {});
      const deleted = await calls(async () => assert.equal(await ours.delete(key), true));
      assert.deepEqual(deleted, ["SearchItems", "Delete"]);
    });
  });
}
