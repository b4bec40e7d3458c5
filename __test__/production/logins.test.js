// Tokens: how they are got, renewed and replaced.

const assert = require("node:assert/strict");
const { generateKeyPairSync, sign } = require("node:crypto");
const { readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { setTimeout: sleep } = require("node:timers/promises");
const { openStore } = require("../..");
const { makeAuthority } = require("../support/certificates.js");
const { collect, startTokenReview, startVault, until } = require("./server.js");

const POLICY = `
path "secret/*" { capabilities = ["create", "read", "update", "patch", "list"] }
path "secret/data/*" { capabilities = ["create", "read", "update", "patch"] }`;

describe("a log-in to a server", () => {
  const started = collect();
  let server;

  before(async () => {
    server = await startVault(started);
    await server.api("PUT", "sys/policies/acl/app", { policy: POLICY });
    await server.api("POST", "sys/auth/approle", { type: "approle" });
    await server.api("PUT", "sys/audit/file", {
      type: "file",
      options: { file_path: auditPath(), log_raw: "true" },
    });
  });
  after(started.end);

  const auditPath = () => join(server.folder, "audit.log");

  const open = (options) => openStore({ provider: "vault", address: server.address, ...options });

  /** How many requests for a path the server has had. */
  const countRequests = (path) => {
    const lines = readFileSync(auditPath(), "utf8").trim().split("\n");
    const requests = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === "request");
    return requests.filter(({ request }) => request.path === path).length;
  };

  /** Makes a role of AppRole. Returns { roleId, secretId }. */
  const makeRole = async (name, settings = {}) => {
    await server.api("POST", `auth/approle/role/${name}`, { token_policies: ["app"], ...settings });
    const { role_id: roleId } = (await server.api("GET", `auth/approle/role/${name}/role-id`)).data;
    const made = await server.api("POST", `auth/approle/role/${name}/secret-id`, {});
    return { roleId, secretId: made.data.secret_id };
  };

  it("by AppRole happens once for many calls", async () => {
    const appRole = await makeRole("many");
    const before = countRequests("auth/approle/login");
    const store = open({ appRole });
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => store.set("approle", `field${index}`, "value")),
    );
    assert.equal(countRequests("auth/approle/login") - before, 1);
    assert.equal(await store.get("approle", "field7"), "value");
  });

  it("is renewed before it ends", async () => {
    const appRole = await makeRole("short", { token_ttl: "3s", token_max_ttl: "1h", secret_id_num_uses: 1 });
    const store = open({ appRole });
    await store.set("renewed", "field", "value");
    const before = countRequests("auth/token/renew-self");
    for (let round = 0; round < 8; round++) {
      await sleep(1000);
      assert.equal(await store.get("renewed", "field"), "value");
    }
    assert.ok(countRequests("auth/token/renew-self") > before);
  });

  it("is repeated if the token cannot be renewed any more", async () => {
    const appRole = await makeRole("ending", { token_ttl: "2s", token_max_ttl: "3s" });
    const store = open({ appRole });
    for (let round = 0; round < 7; round++) {
      assert.equal(await store.get("renewed", "field"), "value");
      await sleep(1000);
    }
  });

  it("is repeated once if the token was revoked", async () => {
    const appRole = await makeRole("revoked");
    const store = open({ appRole });
    await store.set("revoked", "field", "value");
    const { data } = await server.api("LIST", "auth/token/accessors");
    for (const accessor of data.keys) {
      const found = await server.api("POST", "auth/token/lookup-accessor", { accessor });
      if (found.data.meta?.role_name === "revoked")
        await server.api("POST", "auth/token/revoke-accessor", { accessor });
    }
    const before = countRequests("auth/approle/login");
    const values = await Promise.all(Array.from({ length: 20 }, () => store.get("revoked", "field")));
    assert.deepEqual(new Set(values), new Set(["value"]));
    assert.equal(countRequests("auth/approle/login") - before, 1);
  });

  it("that is refused is an error of its own", async () => {
    const wrong = { code: "ERR_SECRETS_AUTH_FAILED", reason: "token" };
    await assert.rejects(open({ token: "s.wrong" }).get("a", "b"), wrong);
    const { roleId } = await makeRole("wrong");
    const secretId = "9d5b8e4f-0000-0000-0000-000000000000";
    await assert.rejects(open({ appRole: { roleId, secretId } }).get("a", "b"), (error) => {
      assert.deepEqual({ code: error.code, reason: error.reason }, wrong);
      assert.ok(!error.message.includes(secretId));
      return true;
    });
    // The server does not say whether there is such a method.
    await assert.rejects(open({ appRole: { roleId, secretId, mount: "nowhere" } }).get("a", "b"), wrong);
  });

  it("whose token has expired is an error, and no missing secret", async () => {
    const made = await server.api("POST", "auth/token/create", {
      policies: ["app"],
      ttl: "1s",
      renewable: false,
    });
    const store = open({ token: made.auth.client_token });
    assert.equal(await store.get("a", "b"), null);
    await sleep(1500);
    await assert.rejects(store.get("a", "b"), { code: "ERR_SECRETS_AUTH_FAILED", reason: "token" });
  });

  it("by a token keeps the token valid", async () => {
    const made = await server.api("POST", "auth/token/create", { policies: ["app"], ttl: "3s" });
    const store = open({ token: made.auth.client_token });
    await store.get("a", "b");
    await sleep(6000);
    assert.equal(await store.get("a", "b"), null);
  });

  it("by JWT proves itself with a signature", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    await server.api("POST", "sys/auth/jwt", { type: "jwt" });
    const pem = publicKey.export({ type: "spki", format: "pem" });
    await server.api("POST", "auth/jwt/config", { jwt_validation_pubkeys: [pem] });
    const role = { role_type: "jwt", user_claim: "sub", bound_subject: "me", token_policies: ["app"] };
    await server.api("POST", "auth/jwt/role/app", { ...role, bound_audiences: ["os-secrets"] });
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const now = Math.floor(Date.now() / 1000);
    const claims = { sub: "me", aud: "os-secrets", nbf: now - 60, exp: now + 600 };
    const text = `${encode({ alg: "RS256" })}.${encode(claims)}`;
    const jwt = `${text}.${sign("sha256", Buffer.from(text), privateKey).toString("base64url")}`;
    const store = open({ jwt: { role: "app", token: jwt } });
    await store.set("jwt", "field", "value");
    assert.equal(await store.get("jwt", "field"), "value");
    await assert.rejects(open({ jwt: { role: "app", token: `${jwt}x` } }).get("jwt", "field"), {
      code: "ERR_SECRETS_AUTH_FAILED",
    });
  });

  it("by Kubernetes reads the file of the service account each time", async () => {
    const { url, reviewed, makeToken } = await startTokenReview(started);
    await server.api("POST", "sys/auth/kubernetes", { type: "kubernetes" });
    await server.api("POST", "auth/kubernetes/config", {
      kubernetes_host: url,
      disable_local_ca_jwt: true,
      // Needed, but unused: the API is not reached by TLS here.
      kubernetes_ca_cert: makeAuthority(server.folder).certificate,
      token_reviewer_jwt: makeToken("reviewer"),
    });
    await server.api("POST", "auth/kubernetes/role/app", {
      bound_service_account_names: ["my-app"],
      bound_service_account_namespaces: ["prod"],
      token_policies: ["app"],
      token_ttl: "2s",
      token_max_ttl: "2s",
    });
    const jwtFile = join(server.folder, "service-account");
    writeFileSync(jwtFile, `${makeToken("first")}\n`);
    const store = open({ kubernetes: { role: "app", jwtFile } });
    await store.set("kubernetes", "field", "value");
    const first = reviewed.length;
    writeFileSync(jwtFile, makeToken("second"));
    await until("another log-in", async () => {
      await store.get("kubernetes", "field");
      return reviewed.length > first;
    });
    assert.notEqual(reviewed.at(-1), reviewed[0]);
    assert.equal(await store.get("kubernetes", "field"), "value");
  });

  it("takes one kind, whose options are checked", () => {
    const invalid = (options, message) =>
      assert.throws(() => open(options), { code: "ERR_SECRETS_INVALID_SETTING", message });
    invalid({ token: "a", appRole: { roleId: "b" } }, /Only one of/);
    invalid({ appRole: {} }, /options\.appRole\.roleId' is required/);
    invalid({ jwt: { role: "a" } }, /options\.jwt\.token' is required/);
    invalid({ kubernetes: "a" }, /must be an object/);
    invalid({ kubernetes: { role: "a", file: "/x" } }, /'options\.kubernetes\.file' is not an option/);
    invalid({ token: 5 }, /options\.token' must be a non-empty string/);
    invalid({ skipVerify: true }, /is not an option of/);
  });
});
