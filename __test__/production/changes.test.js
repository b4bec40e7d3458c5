// Many writers of one secret: no field of another writer is lost.

const assert = require("node:assert/strict");
const { execFile } = require("node:child_process");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { promisify } = require("node:util");
const { openStore } = require("../..");
const { collect, request, startVault, until } = require("./server.js");

const run = promisify(execFile);
const root = join(__dirname, "..", "..");

describe("changes of one secret on a server", () => {
  const started = collect();
  let server;

  before(async () => (server = await startVault(started)));
  after(started.end);

  const open = (options = {}) =>
    openStore({ provider: "vault", address: server.address, token: server.token, ...options });

  /** Runs a text of JavaScript, in which `store` is the store and `index` is a number, in as many processes at once. */
  const runProcesses = (count, text, options = {}) => {
    const program = `
      const { openStore } = require(${JSON.stringify(root)});
      const store = openStore(JSON.parse(process.argv[1]));
      const index = Number(process.argv[2]);
      (async () => { ${text} })().catch((error) => { console.error(error); process.exit(1); });`;
    const { address, token } = server;
    const settings = JSON.stringify({ provider: "vault", address, token, ...options });
    return Promise.all(
      Array.from({ length: count }, (_, index) =>
        run(process.execPath, ["-e", program, settings, String(index)]),
      ),
    );
  };

  it("keep every field that 50 processes set at once", async () => {
    await runProcesses(50, "await store.set('shared', 'field' + index, 'value' + index);");
    const { data } = (await server.api("GET", "secret/data/shared")).data;
    assert.deepEqual(
      data,
      Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`field${i}`, `value${i}`])),
    );
  });

  it("keep every field of the others while some are deleted", async () => {
    await runProcesses(
      20,
      `const own = "mixed" + index;
       for (let round = 0; round < 5; round++) {
         await store.set("mixed", own, "value");
         if (!(await store.delete("mixed", own))) throw new Error("it was not there");
       }
       await store.set("mixed", own, "last");`,
    );
    const { data } = (await server.api("GET", "secret/data/mixed")).data;
    assert.deepEqual(Object.values(data), Array(20).fill("last"));
  });

  it("delete a field once", async () => {
    const store = open();
    await store.set("once", "field", "value");
    const stores = Array.from({ length: 10 }, () => open());
    const deleted = await Promise.all(stores.map((each) => each.delete("once", "field")));
    assert.equal(deleted.filter(Boolean).length, 1);
  });

  it("count every update of 20 processes", async () => {
    await runProcesses(
      20,
      `for (let round = 0; round < 3; round++) {
         await store.update({ service: "counter", name: "n" }, (old) => String(Number(old ?? 0) + 1));
       }`,
    );
    assert.equal(await open().get("counter", "n"), "60");
  });

  it("call the function of an update again if the value was changed meanwhile, and only then", async () => {
    const store = open();
    await store.set("again", "field", "1");
    const seen = [];
    const stored = await store.update({ service: "again", name: "field" }, async (old) => {
      seen.push(old);
      await server.api(
        "PATCH",
        "secret/data/again",
        { data: { other: String(seen.length) } },
        {
          type: "application/merge-patch+json",
        },
      );
      if (seen.length === 1) await open().set("again", "field", "changed");
      return `${old}+`;
    });
    assert.deepEqual(seen, ["1", "changed"]);
    assert.equal(stored, "changed+");
    const { data } = (await server.api("GET", "secret/data/again")).data;
    assert.deepEqual(data, { field: "changed+", other: "2" });
  });

  it("update as every store does: nothing, a deletion, an exception and a nested update", async () => {
    const store = open();
    const key = { service: "kinds", name: "field" };
    assert.equal(await store.update(key, () => undefined), null);
    assert.equal(await store.update(key, () => "value"), "value");
    assert.equal(await store.update(key, () => undefined), "value");
    const broken = new Error("broken");
    await assert.rejects(
      store.update(key, () => {
        throw broken;
      }),
      broken,
    );
    await assert.rejects(
      store.update(key, () => store.update(key, () => "x")),
      { reason: "nested-update" },
    );
    assert.equal(await store.get(key), "value");
    assert.equal(await store.update(key, () => null), null);
    assert.equal(await store.has(key), false);
  });

  it("of one store are ordered on a mount of version 1", async () => {
    const store = open({ mount: "kv1" });
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => store.set("ordered", `field${index}`, "value")),
    );
    assert.equal((await store.list({ service: "ordered" })).length, 50);
    const key = { service: "ordered", name: "counter" };
    await Promise.all(
      Array.from({ length: 20 }, () => store.update(key, (old) => String(Number(old ?? 0) + 1))),
    );
    assert.equal(await store.get(key), "20");
  });

  it("work with a policy that does not allow patches, by a check of the version", async () => {
    const token = await tokenWith(`path "secret/data/*" { capabilities = ["create", "read", "update"] }`);
    await runProcesses(10, "await store.set('checked', 'field' + index, 'value');", { token });
    const store = open({ token });
    assert.equal(Object.keys((await server.api("GET", "secret/data/checked")).data.data).length, 10);
    assert.equal(await store.delete("checked", "field3"), true);
    assert.equal(await store.delete("checked", "field3"), false);
    assert.equal(await store.update({ service: "checked", name: "field4" }, () => "new"), "new");
  });

  it("work with a token that has no policy for itself", async () => {
    await server.api("PUT", "sys/policies/acl/bare", {
      policy: `path "secret/data/*" { capabilities = ["create", "read", "update"] }`,
    });
    const made = await server.api("POST", "auth/token/create", {
      policies: ["bare"],
      no_default_policy: true,
    });
    const store = open({ token: made.auth.client_token });
    await store.set("bare", "field", "value");
    assert.equal(await store.has("bare", "field"), true);
    await assert.rejects(store.list({ service: "bare" }), { code: "ERR_SECRETS_ACCESS_DENIED" });
    assert.equal(await store.delete("bare", "field"), true);
  });

  it("are refused on a mount that got another version, and then work", async () => {
    await server.api("POST", "sys/mounts/grown", { type: "kv", options: { version: "1" } });
    const store = open({ mount: "grown" });
    await store.set("app", "field", "value");
    await server.api("POST", "sys/mounts/grown/tune", { options: { version: "2" } });
    const outcome = await until("the new version", () =>
      store.get("app", "field").then(
        (value) => value,
        (error) => (error.reason === "no-mount" ? undefined : error.message),
      ),
    );
    assert.equal(outcome, "value");
  });

  it("work on a secret whose changes must all name a version", async () => {
    await server.api("POST", "secret/metadata/strict", { cas_required: true });
    const store = open();
    for (const name of ["a", "b"]) await store.set("strict", name, "value");
    assert.equal(await store.delete("strict", "a"), true);
    assert.deepEqual(await store.list({ service: "strict" }), [{ service: "strict", name: "b" }]);
  });

  it("are refused by a policy for reading, which is never taken for a missing secret", async () => {
    await open().set("readable", "field", "value");
    const token = await tokenWith(`path "secret/data/readable" { capabilities = ["read"] }`);
    const store = open({ token });
    assert.equal(await store.get("readable", "field"), "value");
    const denied = { code: "ERR_SECRETS_ACCESS_DENIED", reason: "denied" };
    await assert.rejects(store.set("readable", "field", "new"), denied);
    await assert.rejects(store.delete("readable", "field"), denied);
    await assert.rejects(store.get("hidden", "field"), denied);
    await assert.rejects(store.list({ service: "readable" }), denied);
    assert.equal(await store.has("readable", "field"), true);
    await assert.rejects(
      store.update({ service: "readable", name: "field" }, () => "new"),
      denied,
    );
    assert.equal(await open().get("readable", "field"), "value");
  });

  /** Makes a token with a policy. */
  async function tokenWith(policy) {
    const name = `policy-${Math.random().toString(36).slice(2)}`;
    await server.api("PUT", `sys/policies/acl/${name}`, { policy });
    const made = await request(server.address, "POST", "auth/token/create", {
      token: server.token,
      body: { policies: [name], ttl: "1h" },
    });
    return made.data.auth.client_token;
  }
});
