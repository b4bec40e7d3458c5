// Where a credential lies on a server, and that every value comes back as it was.

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { diagnose, openStore } = require("../..");
const { place } = require("../../tools/install.js");
const { collect, startVault } = require("./server.js");

describe("a credential on a server of Vault", () => {
  let server, store, old;

  const started = collect();
  after(started.end);
  before(async () => {
    server = await startVault(started);
    const { address, token } = server;
    store = openStore({ provider: "vault", address, token });
    old = openStore({ provider: "vault", address, token, mount: "kv1" });
  });

  /** Runs Vault's own program. */
  const vault = (...args) =>
    execFileSync(join(place("vault"), "vault"), args, {
      env: { VAULT_ADDR: server.address, VAULT_TOKEN: server.token, HOME: server.folder },
      encoding: "utf8",
    });

  it("is the field of a secret, which Vault's program reads and writes", async () => {
    vault("kv", "put", "-mount=secret", "my-app", "api_key=from vault", "other=stays");
    assert.equal(await store.get("my-app", "api_key"), "from vault");
    await store.set("my-app", "api_key", "from us");
    assert.equal(vault("kv", "get", "-mount=secret", "-field=api_key", "my-app"), "from us");
    assert.equal(vault("kv", "get", "-mount=secret", "-field=other", "my-app"), "stays");
    assert.equal(vault("kv", "get", "-mount=secret", "-field=api_key", "-version=1", "my-app"), "from vault");
    assert.equal(await store.delete("my-app", "api_key"), true);
    assert.equal(await store.delete("my-app", "api_key"), false);
    assert.equal(await store.get("my-app", "api_key"), null);
    assert.equal(vault("kv", "get", "-mount=secret", "-field=other", "my-app"), "stays");
  });

  it("is a field on a mount of version 1, too, whose last field deletes the secret", async () => {
    vault("kv", "put", "-mount=kv1", "my-app", "api_key=from vault", "other=stays");
    assert.equal(await old.get("my-app", "api_key"), "from vault");
    await old.set("my-app", "api_key", "from us");
    assert.equal(vault("kv", "get", "-mount=kv1", "-field=api_key", "my-app"), "from us");
    assert.equal(vault("kv", "get", "-mount=kv1", "-field=other", "my-app"), "stays");
    assert.deepEqual(await old.list(), [
      { service: "my-app", name: "api_key" },
      { service: "my-app", name: "other" },
    ]);
    assert.equal(await old.delete("my-app", "api_key"), true);
    assert.equal(await old.delete("my-app", "api_key"), false);
    assert.equal(await old.delete("my-app", "other"), true);
    assert.equal((await server.api("GET", "kv1/my-app")).data, undefined);
    assert.deepEqual(await old.list(), []);
  });

  it("leaves an empty version when the last field is deleted from a mount of version 2", async () => {
    await store.set("last", "only", "value");
    assert.equal(await store.delete("last", "only"), true);
    assert.deepEqual((await server.api("GET", "secret/data/last")).data.data, {});
    assert.deepEqual(await store.list({ service: "last" }), []);
    await store.set("last", "only", "again");
    assert.equal(await store.get("last", "only"), "again");
  });

  it("can be stored in a secret whose newest version was deleted or destroyed", async () => {
    for (const path of ["secret/data/gone", "secret/destroy/gone"]) {
      await store.set("gone", "first", "value");
      const isDestroyed = path.includes("destroy");
      const { version } = (await server.api("GET", "secret/data/gone")).data.metadata;
      await server.api(
        isDestroyed ? "POST" : "DELETE",
        path,
        isDestroyed ? { versions: [version] } : undefined,
      );
      assert.equal(await store.get("gone", "first"), null);
      assert.equal(await store.delete("gone", "first"), false);
      await store.set("gone", "second", "new");
      assert.deepEqual(await store.list({ service: "gone" }), [{ service: "gone", name: "second" }]);
    }
  });

  it("keeps metadata and the spelling of other fields", async () => {
    const data = { number: 1.5, deep: { list: [1, null, true] }, text: "é" };
    await server.api("POST", "secret/metadata/kept", { custom_metadata: { owner: "team" }, max_versions: 7 });
    await server.api("POST", "secret/data/kept", { data });
    await store.set("kept", "api_key", "value");
    await store.update({ service: "kept", name: "counter" }, () => "1");
    const { data: after, metadata } = (await server.api("GET", "secret/data/kept")).data;
    assert.deepEqual(after, { ...data, api_key: "value", counter: "1" });
    assert.deepEqual(metadata.custom_metadata, { owner: "team" });
    assert.equal((await server.api("GET", "secret/metadata/kept")).data.max_versions, 7);
  });

  it("has any name, and a service of any segments", async () => {
    for (const service of [
      "a b",
      "team/app",
      "é/ü ö",
      "%2F",
      "a?b#c",
      "a+b&c=d",
      "metadata",
      "data/x",
      "a.",
      "~",
      "git:https://example.com/a%2Fb/",
    ]) {
      for (const name of [
        "api_key",
        "a/b",
        "..",
        "é\n",
        '"quoted"',
        "data",
        "options",
        "$ref",
        "__proto__",
      ]) {
        for (const each of [store, old]) {
          await each.set(service, name, `${service} ${name}`);
          assert.equal(await each.get(service, name), `${service} ${name}`, `${service} ${name}`);
          assert.equal(await each.has(service, name), true);
        }
      }
    }
    const services = new Set((await store.list()).map((key) => key.service));
    assert.ok(services.has("team/app") && services.has("%2F") && services.has("é/ü ö"));
    for (const service of services) {
      for (const { name } of await store.list({ service })) await store.delete(service, name);
    }
  });

  it("has no service whose path would leave the prefix", async () => {
    const { address, token } = server;
    const prefixed = openStore({ provider: "vault", address, token, prefix: "apps/prod" });
    await prefixed.set("my-app", "key", "value");
    assert.deepEqual((await server.api("GET", "secret/data/apps/prod/my-app")).data.data, { key: "value" });
    assert.deepEqual(await prefixed.list(), [{ service: "my-app", name: "key" }]);
    for (const service of ["..", ".", "../x", "a/../../x", "/a", "a/", "a//b", "..a", "a\nb"]) {
      for (const call of [
        () => prefixed.get(service, "key"),
        () => prefixed.set(service, "key", "value"),
        () => prefixed.delete(service, "key"),
        () => prefixed.has(service, "key"),
        () => prefixed.list({ service }),
      ]) {
        await assert.rejects(call, { code: "ERR_INVALID_ARG_VALUE", reason: "invalid-argument" });
      }
    }
  });

  it("comes back as it was, also bytes, and a text that looks like stored bytes", async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    for (const each of [store, old]) {
      await each.set("values", "bytes", bytes);
      assert.deepEqual(await each.get({ service: "values", name: "bytes", encoding: "buffer" }), bytes);
      await assert.rejects(each.get("values", "bytes"), { code: "ERR_SECRETS_INVALID_DATA" });
      for (const text of [
        "os-secrets:base64:aGk=",
        "os-secrets:base64:",
        "é \u2028 \u{1f511}",
        '{"a":1}',
        "null",
      ]) {
        await each.set("values", "text", text);
        assert.equal(await each.get("values", "text"), text);
      }
      await each.set("values", "text", "");
      assert.equal(await each.get("values", "text"), null);
    }
    const stored = (await server.api("GET", "secret/data/values")).data.data.bytes;
    assert.equal(stored, `os-secrets:base64:${bytes.toString("base64")}`);
  });

  it("is an error if it is not text", async () => {
    await server.api("POST", "secret/data/other", {
      data: { number: 1, flag: false, nothing: null, object: {} },
    });
    for (const name of ["number", "flag", "nothing", "object"]) {
      await assert.rejects(store.get("other", name), {
        code: "ERR_SECRETS_INVALID_DATA",
        reason: "not-text",
      });
      assert.equal(await store.has("other", name), true);
    }
    await store.set("other", "number", "now text");
    assert.equal(await store.get("other", "number"), "now text");
  });

  it("is refused if the server cannot hold it", async () => {
    const large = "x".repeat(40 << 20);
    await assert.rejects(store.set("large", "key", large), {
      code: "ERR_SECRETS_TOO_LARGE",
      reason: "too-large",
    });
    await store.set("large", "key", "x".repeat(1 << 20));
    assert.equal((await store.get("large", "key")).length, 1 << 20);
  });

  it("is examined without being read", async () => {
    const { address, token } = server;
    const report = await diagnose({ provider: "vault", address, token });
    assert.deepEqual(report, {
      works: true,
      store: "Vault or OpenBao",
      address,
      place: "secret",
      reachable: true,
      kvVersion: 2,
      writable: null,
      problems: [],
    });
    const wrong = await diagnose({ provider: "vault", address, token: "wrong" });
    assert.equal(wrong.works, false);
    assert.equal(wrong.problems.length, 1);
  });
});
