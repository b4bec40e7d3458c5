// Servers that fail: what is tried again, what is an error, and which one. The server here answers what a test says.

const assert = require("node:assert/strict");
const { once } = require("node:events");
const { copyFileSync } = require("node:fs");
const { createServer } = require("node:http");
const https = require("node:https");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { setTimeout: sleep } = require("node:timers/promises");
const { promisify } = require("node:util");
const { openStore } = require("../..");
const { makeAuthority } = require("../support/certificates.js");
const { collect, freePorts, makeFolder, startVault } = require("./server.js");

const MOUNT = { data: { type: "kv", path: "secret/", options: { version: "2" } } };
const secret = (data) => ({ data: { data, metadata: { version: 1 } } });
const missing = { status: 404, body: { errors: [] } };

describe("a server that fails", () => {
  const started = collect();
  after(started.end);

  /**
   * Starts a server. `answer(request)` returns { status, body, headers }, or nothing for no answer at all. The server knows
   * its mount and every token, of which it says what `token` has.
   */
  async function startScripted(answer, tls, token = { ttl: 0 }) {
    const requests = [];
    const handle = (request, response) => {
      let body = "";
      request.on("data", (part) => (body += part));
      request.on("end", async () => {
        const { method, url, headers } = request;
        const asked = { method, url, headers, body: body === "" ? undefined : JSON.parse(body) };
        requests.push(asked);
        const known = url.startsWith("/v1/sys/internal/ui/mounts/")
          ? { body: MOUNT }
          : url.startsWith("/v1/auth/token/lookup-self")
            ? { body: { data: token } }
            : undefined;
        const given = known ?? (await answer(asked, request, response));
        if (given === undefined) return;
        response.writeHead(given.status ?? 200, { "content-type": "application/json", ...given.headers });
        response.end(typeof given.body === "string" ? given.body : JSON.stringify(given.body ?? {}));
      });
    };
    const server = tls === undefined ? createServer(handle) : https.createServer(tls, handle);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    started.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const address = `${tls === undefined ? "http" : "https"}://127.0.0.1:${server.address().port}`;
    const data = () => requests.filter(({ url }) => url.includes("/data/"));
    return { address, requests, data, server };
  }

  const open = ({ address }, options = {}) =>
    openStore({ provider: "vault", address, token: "t", ...options });
  const key = { service: "my-app", name: "key" };
  /** The number of connections to a server. */
  const connections = ({ server }) => promisify(server.getConnections.bind(server))();

  it("is asked again while it says that it cannot answer yet", async () => {
    for (const status of [412, 429, 500, 502, 503, 504]) {
      let left = 3;
      const server = await startScripted(() =>
        left-- > 0 ? { status, body: { errors: ["later"] } } : { body: secret({ key: "value" }) },
      );
      assert.equal(await open(server).get(key), "value", String(status));
      assert.equal(server.data().length, 4);
    }
  });

  it("is given the time that it asks for", async () => {
    const times = [];
    const server = await startScripted(() => {
      times.push(performance.now());
      return times.length === 1
        ? { status: 429, headers: { "retry-after": "1" }, body: { errors: [] } }
        : { body: secret({ key: "value" }) };
    });
    assert.equal(await open(server).get(key), "value");
    assert.ok(times[1] - times[0] >= 990, `${times[1] - times[0]} ms`);
  });

  it("is an error with its last reason if the deadline passes", async () => {
    const sealed = await startScripted(() => ({ status: 503, body: { errors: ["Vault is sealed"] } }));
    await assert.rejects(open(sealed).get({ ...key, timeout: 300 }), {
      code: "ERR_SECRETS_PLATFORM_ERROR",
      reason: "sealed",
      message: /failed at reading my-app: Vault is sealed \(status 503\)\. Unseal the server/,
    });
    const broken = await startScripted(() => ({ status: 500, body: { errors: ["disk full"] } }));
    await assert.rejects(open(broken).set({ ...key, value: "hunter2", timeout: 300 }), (error) => {
      assert.deepEqual([error.code, error.reason], ["ERR_SECRETS_PLATFORM_ERROR", "failed"]);
      assert.match(error.message, /disk full.*The change may still have been made/);
      assert.ok(!error.message.includes("hunter2"));
      return true;
    });
  });

  it("is a timeout if it never answers, and says whether a change was sent", async () => {
    const server = await startScripted(() => undefined);
    const timeout = { code: "ERR_SECRETS_TIMEOUT", reason: "timeout", name: "TimeoutError" };
    await assert.rejects(open(server).get({ ...key, timeout: 200 }), timeout);
    await assert.rejects(open(server).set({ ...key, value: "v", timeout: 200 }), {
      ...timeout,
      message: /may still have been made/,
    });
  });

  it("does not tell a call why an earlier one has failed", async () => {
    let isSilent = false;
    const server = await startScripted(() =>
      isSilent ? undefined : { status: 503, body: { errors: ["Vault is sealed"] } },
    );
    const store = open(server);
    await assert.rejects(store.get({ ...key, timeout: 300 }), { reason: "sealed" });
    isSilent = true;
    await assert.rejects(store.get({ ...key, timeout: 300 }), { reason: "timeout" });
  });

  it("has changed nothing if it has refused to begin", async () => {
    // The first change is put off, and meanwhile another writer is faster.
    let [version, value, refusals] = [1, "old", 1];
    const server = await startScripted(({ method, body }) => {
      if (method === "GET") return { body: { data: { data: { key: value }, metadata: { version } } } };
      if (refusals-- > 0) {
        [version, value] = [2, "theirs"];
        return { status: 429, body: { errors: ["rate limit"] } };
      }
      if (body.options.cas !== version)
        return {
          status: 400,
          body: { errors: ["check-and-set parameter did not match the current version"] },
        };
      value = body.data.key;
      return { body: { data: { version: ++version } } };
    });
    assert.equal(await open(server).update(key, (old) => `${old}+`), "theirs+");
    assert.equal(value, "theirs+");
    const sealed = await startScripted(() => ({ status: 503, body: { errors: ["Vault is sealed"] } }));
    const error = await open(sealed)
      .set({ ...key, value: "v", timeout: 300 })
      .then(assert.fail, (error) => error);
    assert.equal(error.reason, "sealed");
    assert.doesNotMatch(error.message, /may still have been made/);
  });

  it("is asked to renew a token again if it has refused once", async () => {
    let renewals = 0;
    const server = await startScripted(
      ({ url }) => {
        if (!url.endsWith("/renew-self")) return { body: secret({ key: "value" }) };
        renewals++;
        return renewals === 1
          ? { status: 400, body: { errors: ["not now"] } }
          : { body: { auth: { lease_duration: 3600 } } };
      },
      undefined,
      { ttl: 3, renewable: true },
    );
    const store = open(server);
    await store.get(key);
    while (renewals < 2) await sleep(50);
    assert.equal(await store.get(key), "value");
  });

  it("does not delay a call whose signal fires", async () => {
    const server = await startScripted(() => undefined);
    const controller = new AbortController();
    const call = open(server).get({ ...key, signal: controller.signal });
    await sleep(50);
    controller.abort(new Error("enough"));
    await assert.rejects(call, { code: "ABORT_ERR", reason: "aborted" });
  });

  it("is never taken for a missing secret", async () => {
    for (const [given, reason] of [
      [{ status: 404, body: "<html>not found</html>" }, "failed"],
      [{ status: 404, body: "" }, "failed"],
      [{ status: 404, body: { errors: ["Not Found"] } }, "failed"],
      [{ status: 404, body: { errors: [{ code: "ROUTE" }] } }, "failed"],
      [{ status: 404, body: { errors: ['no handler for route "secret/data/my-app"'] } }, "no-mount"],
      [{ status: 403, body: { errors: ["permission denied"] } }, "denied"],
      [{ status: 400, body: { errors: ["bad"] } }, "failed"],
      [
        { status: 404, body: { data: null, warnings: ["Invalid path for a versioned K/V secrets engine"] } },
        "no-mount",
      ],
      [{ status: 200, body: { status: "ok" } }, "failed"],
      [{ status: 200, body: { data: { data: null, metadata: {} } } }, "failed"],
      [{ status: 405, body: { errors: ["unsupported operation"] } }, "failed"],
      [{ status: 200, body: "<html>log in to the network</html>" }, "failed"],
      [{ status: 200, body: { data: { data: "text" } } }, "failed"],
    ]) {
      const server = await startScripted(() => given);
      await assert.rejects(open(server).get(key), { reason }, JSON.stringify(given));
    }
    assert.equal(await open(await startScripted(() => missing)).get(key), null);
  });

  it("may close connections that were used before", async () => {
    const server = await startScripted((_, request) => {
      setImmediate(() => request.socket.destroy());
      return { body: secret({ key: "value" }) };
    });
    const store = open(server);
    for (let round = 0; round < 20; round++) assert.equal(await store.get(key), "value");
  });

  it("may drop the answer to a change, which is made once more", async () => {
    const state = {};
    let drops = 2;
    const server = await startScripted(({ method, body }, request) => {
      if (method === "PATCH") Object.assign(state, body.data);
      if (method === "PATCH" && drops-- > 0) {
        request.socket.destroy();
        return undefined;
      }
      return { body: secret(state) };
    });
    await open(server).set({ ...key, value: "value" });
    assert.deepEqual(state, { key: "value" });
  });

  it("has deleted a field whose deletion it did not confirm", async () => {
    const state = { key: "value" };
    const server = await startScripted(({ method, url }, request) => {
      if (url.includes("/subkeys/"))
        return { body: { data: { subkeys: { ...state }, metadata: { version: 1 } } } };
      if (method === "PATCH" && "key" in state) {
        delete state.key;
        request.socket.destroy();
        return undefined;
      }
      return { status: 400, body: { errors: ["check-and-set parameter did not match the current version"] } };
    });
    assert.equal(await open(server).delete(key), true);
  });

  it("gets a namespace with every request", async () => {
    const server = await startScripted(() => ({ body: secret({ key: "value" }) }));
    const store = open(server, { namespace: "team/prod" });
    assert.equal(await store.get(key), "value");
    await store.set({ ...key, value: "new" });
    assert.ok(server.requests.length >= 3);
    for (const { headers } of server.requests) {
      assert.equal(headers["x-vault-namespace"], "team/prod");
      assert.equal(headers["x-vault-token"], "t");
      assert.equal(headers["x-vault-request"], "true");
    }
  });

  it("gets at most ten requests at once, and one for all calls that wait for a path", async () => {
    let [now, most] = [0, 0];
    const server = await startScripted(async ({ url }) => {
      most = Math.max(most, ++now);
      await sleep(20);
      now--;
      return { body: secret({ key: url }) };
    });
    const store = open(server);
    await store.get(key);
    server.requests.length = 0;
    const calls = Array.from({ length: 1000 }, (_, index) => store.get(`app${index % 10}`, "key"));
    const values = await Promise.all(calls);
    assert.deepEqual(new Set(values).size, 10);
    assert.ok(
      most <= 10 && server.requests.length <= 20,
      `${most} at once, ${server.requests.length} requests`,
    );
    // The stores of a process share the connections to a server.
    const another = open(server, { token: "another", prefix: "team" });
    const paths = Array.from({ length: 200 }, (_, index) =>
      (index % 2 === 0 ? store : another).get(`other${index}`, "key"),
    );
    await Promise.all(paths);
    assert.equal(most, 10);
    assert.ok((await connections(server)) <= 10);
  });

  it("is asked for several secrets of a list at once", async () => {
    const services = Array.from({ length: 40 }, (_, index) => `app${index}`);
    let [now, most] = [0, 0];
    const server = await startScripted(async ({ url }) => {
      if (url.includes("list=true")) return { body: { data: { keys: services } } };
      most = Math.max(most, ++now);
      await sleep(20);
      now--;
      return { body: { data: { subkeys: { key: null }, metadata: { version: 1 } } } };
    });
    const keys = await open(server).list();
    assert.deepEqual(
      keys,
      services.sort().map((service) => ({ service, name: "key" })),
    );
    assert.ok(most > 1 && most <= 10, `${most} at once`);
  });

  it("gives no answer that is older than the call", async () => {
    let value = 0;
    const server = await startScripted(async () => {
      const found = String(value);
      await sleep(30);
      return { body: secret({ key: found }) };
    });
    const store = open(server);
    await store.get(key);
    const early = store.get(key);
    await sleep(15);
    value = 1;
    assert.equal(await store.get(key), "1");
    assert.equal(await early, "0");
  });

  it("does not hold up other stores", async () => {
    const server = await startScripted(() => undefined);
    const store = open(server);
    const waiting = Array.from({ length: 500 }, (_, index) =>
      store.get({ service: `s${index}`, name: "n", timeout: 2000 }),
    );
    const memory = openStore({ provider: "memory" });
    await memory.set("a", "b", "c");
    assert.equal(await memory.get({ service: "a", name: "b", timeout: 1000 }), "c");
    const outcomes = await Promise.allSettled(waiting);
    assert.ok(outcomes.every(({ reason }) => reason.code === "ERR_SECRETS_TIMEOUT"));
  });

  it("is followed to the same host, and nowhere else", async () => {
    const other = await startScripted(() => ({ body: secret({ key: "stolen" }) }));
    let location = "/v1/secret/data/my-app";
    let redirects = 1;
    const server = await startScripted(() =>
      redirects-- > 0 ? { status: 307, headers: { location } } : { body: secret({ key: "value" }) },
    );
    assert.equal(await open(server).get(key), "value");
    for (const to of [
      `${other.address}/v1/secret/data/my-app`,
      "/v1/secret/data/another",
      "https://127.0.0.1:1/v1/secret/data/my-app",
      "not a url at all",
    ]) {
      [location, redirects] = [to, 1];
      await assert.rejects(
        open(server).get(key),
        { code: "ERR_SECRETS_PLATFORM_ERROR", reason: "failed" },
        to,
      );
    }
    assert.equal(other.requests.length, 0);
  });

  it("is followed with the query, and however it spells the path", async () => {
    let redirects = 1;
    const server = await startScripted(({ url }) => {
      if (redirects-- > 0) return { status: 307, headers: { location: decodeURIComponent(url) } };
      return { body: { data: { subkeys: { key: null }, metadata: { version: 1 } } } };
    });
    assert.equal(await open(server).has("me@host", "key"), true);
    assert.deepEqual(
      server.requests.map(({ url }) => url).filter((url) => url.includes("subkeys")),
      ["/v1/secret/subkeys/me%40host?depth=1", "/v1/secret/subkeys/me@host?depth=1"],
    );
  });

  it("is followed by TLS to the leader that it names, and to no other server", async () => {
    const authority = makeAuthority(makeFolder(started));
    const { certificate, key: privateKey } = authority.issue("node", "subjectAltName=IP:127.0.0.1\n");
    const tls = { cert: certificate, key: privateKey };
    const node = () => startScripted(() => ({ body: secret({ key: "of the leader" }) }), tls);
    const [leader, other] = [await node(), await node()];
    let named;
    const standby = await startScripted(({ url }) => {
      if (url === "/v1/sys/leader") return { body: { leader_address: named } };
      return { status: 307, headers: { location: `${leader.address}${url}` } };
    }, tls);
    const store = open(standby, { caCert: authority.path });
    named = leader.address;
    assert.equal(await store.get(key), "of the leader");
    assert.equal(leader.data()[0].headers["x-vault-token"], "t");
    leader.requests.length = 0;
    for (named of [other.address, "", leader.address.replace("127.0.0.1", "localhost")]) {
      await assert.rejects(store.get({ ...key, timeout: 300 }), {
        code: "ERR_SECRETS_PLATFORM_ERROR",
        message: /its cluster has no leader/,
      });
    }
    assert.deepEqual([...leader.requests, ...other.requests], []);
    // Until another one is elected, the standby sends us to the one that has gone.
    named = leader.address;
    leader.server.closeAllConnections();
    leader.server.close();
    await assert.rejects(store.get({ ...key, timeout: 300 }), /the leader of its cluster cannot be reached/);
  });

  it("is asked over a new connection if an old one is silent", async () => {
    const silent = new Set();
    const server = await startScripted((_, request) =>
      silent.has(request.socket) ? undefined : { body: secret({ key: "value" }) },
    );
    server.server.on("connection", (socket) => (server.last = socket));
    const store = open(server);
    assert.equal(await store.get(key), "value");
    silent.add(server.last);
    assert.equal(await store.get({ ...key, timeout: 4000 }), "value");
  });

  it("keeps each of many calls within its own deadline, and says the reason to all", async () => {
    const sealedMount = await new Promise((resolve) => {
      const server = createServer((_, response) => {
        response.writeHead(503, { "content-type": "application/json" });
        response.end(JSON.stringify({ errors: ["Vault is sealed"] }));
      }).listen(0, "127.0.0.1", () => resolve(server));
    });
    started.after(() => sealedMount.close());
    sealedMount.unref();
    const store = open({ address: `http://127.0.0.1:${sealedMount.address().port}` });
    const calls = Array.from({ length: 10 }, () => store.get({ ...key, timeout: 500 }));
    const outcomes = await Promise.allSettled(calls);
    assert.deepEqual(new Set(outcomes.map(({ reason }) => reason.reason)), new Set(["sealed"]));
  });

  it("has nothing sent to it if its address is not that of this machine and has no TLS", async () => {
    for (const address of [
      "http://192.0.2.1:8200",
      "http://vault.example.com",
      "ftp://127.0.0.1",
      "127.0.0.1:8200",
    ]) {
      await assert.rejects(open({ address }).get(key), {
        code: "ERR_SECRETS_INVALID_SETTING",
        reason: "invalid-setting",
      });
    }
  });

  it("cannot be reached, which takes five seconds to say, or less with a deadline", async () => {
    const [port] = await freePorts(1);
    const unreachable = { code: "ERR_SECRETS_PLATFORM_ERROR", reason: "unreachable" };
    const address = `http://127.0.0.1:${port}`;
    await assert.rejects(open({ address }).get({ ...key, timeout: 200 }), unreachable);
    await assert.rejects(open({ address }).get(key), unreachable);
  });

  it("is trusted only with a certificate of the named authority", async () => {
    const folder = makeFolder(started);
    const authority = makeAuthority(folder);
    const tls = ({ certificate, key }) => ({ cert: certificate, key });
    const answer = () => ({ body: secret({ key: "value" }) });
    const good = await startScripted(answer, tls(authority.issue("good", "subjectAltName=IP:127.0.0.1\n")));
    assert.equal(await open(good, { caCert: authority.path }).get(key), "value");
    assert.equal(await open(good, { caCert: authority.certificate }).get(key), "value");
    const untrusted = { code: "ERR_SECRETS_ACCESS_DENIED", reason: "untrusted" };
    const other = makeAuthority(makeFolder(started));
    await assert.rejects(open(good, { caCert: other.path }).get(key), untrusted);
    await assert.rejects(open(good).get(key), { reason: /untrusted|invalid-setting/ });
    const name = await startScripted(
      answer,
      tls(authority.issue("name", "subjectAltName=DNS:example.com\n")),
    );
    await assert.rejects(open(name, { caCert: authority.path }).get(key), untrusted);
    assert.equal(name.requests.length, 0);
    await assert.rejects(open(good, { caCert: "/does/not/exist.pem" }).get(key), {
      reason: "invalid-setting",
    });
  });

  it("is trusted once the file of the authorities has the one that signs its certificate", async () => {
    const authority = makeAuthority(makeFolder(started));
    const { certificate, key: ownKey } = authority.issue("server", "subjectAltName=IP:127.0.0.1\n");
    const answer = () => ({ body: secret({ key: "value" }) });
    const server = await startScripted(answer, { cert: certificate, key: ownKey });
    const file = join(makeFolder(started), "ca.pem");
    copyFileSync(makeAuthority(makeFolder(started)).path, file);
    const store = open(server, { caCert: file });
    await assert.rejects(store.get(key), { reason: "untrusted" });
    copyFileSync(authority.path, file);
    assert.equal(await open(server, { caCert: file }).get(key), "value");
    assert.equal(await store.get(key), "value");
    // Another server with the authorities that were read before.
    const other = makeAuthority(makeFolder(started));
    const renewed = other.issue("server", "subjectAltName=IP:127.0.0.1\n");
    server.server.setSecureContext({ cert: renewed.certificate, key: renewed.key });
    server.server.closeAllConnections();
    copyFileSync(other.path, file);
    assert.equal(await open(server, { caCert: file }).get(key), "value");
  });
});

describe("a sealed server", () => {
  const started = collect();
  let server;
  before(async () => (server = await startVault(started)));
  after(started.end);

  it("is an error of its own after the deadline", async () => {
    const { address, token } = server;
    const store = openStore({ provider: "vault", address, token });
    await store.set("my-app", "key", "value");
    await server.api("PUT", "sys/seal");
    const sealed = { code: "ERR_SECRETS_PLATFORM_ERROR", reason: "sealed" };
    await assert.rejects(store.get({ service: "my-app", name: "key", timeout: 500 }), sealed);
    await assert.rejects(store.set({ service: "my-app", name: "key", value: "new", timeout: 500 }), sealed);
  });
});
