// The programs that ask for credentials, on every operating system: what each of them sends, and what it gets. The clients
// themselves run in __test__/helpers/, on Linux.

const assert = require("node:assert/strict");
const { describe, it } = require("node:test");
const { runProgram } = require("./support/programs.js");
const { startSession } = require("./support/session.js");

const lines = (...attributes) => attributes.map((attribute) => `${attribute}\n`).join("");
const json = (value) => `${JSON.stringify(value)}\n`;

/** What cargo sends to its provider, after which the provider ends. */
const cargoRequest = (kind, more) => {
  const registry = { "index-url": "sparse+https://example.com/index/", name: "example" };
  return {
    program: "cargo-credential-os-secrets",
    args: ["--cargo-plugin"],
    input: json({ v: 1, registry, kind, ...more }),
  };
};
const cargoGet = (more) => cargoRequest("get", { operation: "read", ...more });
/** The provider says first which versions it speaks. */
const cargoAnswer = (answer) => json({ v: [1] }) + json(answer);

/** What kubectl says to its helper about the server. */
const kubectl = (cluster) => {
  const info = { apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", spec: { cluster } };
  return { args: ["helper", "kubectl", "me"], env: { KUBERNETES_EXEC_INFO: JSON.stringify(info) } };
};
const server = "https://cluster.example:6443";

const git = (operation, ...attributes) => ({
  program: "git-credential-os-secrets",
  args: [operation],
  input: lines("protocol=https", "host=example.com", ...attributes),
});
const docker = (operation, input) => ({ program: "docker-credential-os-secrets", args: [operation], input });
const terraform = (operation, host, input) => ({
  program: "terraform-credentials-os-secrets",
  args: [operation, host],
  input,
});
const bazel = (uri) => ({ program: "bazel-credential-os-secrets", args: ["get"], input: json({ uri }) });
const keyring = (...args) => ({ args: ["helper", "keyring", ...args] });
/** How a user stores and deletes what the client itself only reads. */
const set = (service, name, input) => ({ args: ["set", "--raw", "--service", service, name], input });
const remove = (service, name) => ({ args: ["delete", "--service", service, name] });

const NOT_FOUND = { code: 1, stdout: "credentials not found in native keychain\n" };
const keys = { AccessKeyId: "AKIAEXAMPLE", SecretAccessKey: "hunter2" };

/**
 * The clients: what stores a credential and what deletes it, what asks for it, the answer, the answer if there is none,
 * where it is stored, and hostile requests, each with what is printed to the client.
 */
const clients = {
  git: {
    store: git("store", "username=me", "password=hunter2"),
    get: git("get"),
    answer: { stdout: "username=me\npassword=hunter2\n" },
    missing: { stdout: "" },
    erase: git("erase", "username=me", "password=hunter2"),
    stored: ["git:https://example.com", "me"],
    hostile: [
      [{ ...git("get"), input: "protocol=https\nhost=example.com\r\n" }, ""],
      [{ ...git("get"), input: "protocol=https\nhost=evil.example\rhost=example.com\n" }, ""],
      [{ ...git("get"), input: "url=https://evil.example%0ahost=example.com/\n" }, ""],
    ],
  },
  docker: {
    store: docker("store", json({ ServerURL: "example.com", Username: "me", Secret: "hunter2" })),
    get: docker("get", "example.com"),
    answer: { stdout: json({ ServerURL: "example.com", Username: "me", Secret: "hunter2" }) },
    missing: NOT_FOUND,
    erase: docker("erase", "example.com"),
    stored: ["docker:example.com", "me"],
    hostile: [
      [docker("get", "evil.example\nexample.com"), NOT_FOUND.stdout],
      [docker("get", ""), "no credentials server URL\n"],
    ],
  },
  cargo: {
    store: cargoRequest("login", { token: "hunter2", "login-url": "https://example.com/me" }),
    get: cargoGet(),
    answer: {
      stdout: cargoAnswer({
        Ok: { kind: "get", token: "hunter2", cache: "session", operation_independent: true },
      }),
    },
    missing: { stdout: cargoAnswer({ Err: { kind: "not-found" } }) },
    erase: cargoRequest("logout"),
    stored: ["cargo:sparse+https://example.com/index/", "token"],
    hostile: [
      [
        cargoGet({ registry: { "index-url": "sparse+https://example.com/\0" } }),
        /"kind":"url-not-supported"/,
      ],
      [cargoGet({ args: ["--store", "other.age"] }), /"kind":"other"/],
    ],
  },
  aws: {
    store: set("aws", "work", JSON.stringify(keys)),
    get: { args: ["helper", "aws", "--profile", "work"] },
    answer: { stdout: json({ Version: 1, ...keys }) },
    missing: { code: 1, stdout: "" },
    erase: remove("aws", "work"),
    stored: ["aws", "work"],
    hostile: [
      [{ args: ["helper", "aws", "--profile", "work\n"] }, ""],
      [{ args: ["helper", "aws", "--profile"] }, ""],
    ],
  },
  kubectl: {
    store: set(`kubernetes:${server}`, "me", "hunter2"),
    get: kubectl({ server }),
    answer: { stdout: /"status":\{"token":"hunter2"\}/ },
    missing: { code: 1, stdout: "" },
    erase: remove(`kubernetes:${server}`, "me"),
    stored: [`kubernetes:${server}`, "me"],
    hostile: [
      [kubectl({ server, "insecure-skip-tls-verify": true }), ""],
      [kubectl({ server: "https://evil.example" }), ""],
      [{ ...kubectl({}), env: { KUBERNETES_EXEC_INFO: "{" } }, ""],
    ],
  },
  keyring: {
    store: { ...keyring("set", "https://example.com/simple/", "me"), input: "hunter2\n" },
    get: keyring("get", "https://example.com/simple/", "me"),
    answer: { stdout: "hunter2\n" },
    missing: { code: 1, stdout: "" },
    erase: keyring("del", "https://example.com/simple/", "me"),
    stored: ["https://example.com/simple/", "me"],
    hostile: [
      [keyring("get", "git:https://example.com", "me"), ""],
      [keyring("get", "os-secrets", "me"), ""],
    ],
  },
  terraform: {
    store: terraform("store", "example.com", json({ token: "hunter2" })),
    get: terraform("get", "example.com"),
    answer: { stdout: json({ token: "hunter2" }) },
    missing: { stdout: "{}\n" },
    erase: terraform("forget", "example.com"),
    stored: ["terraform:example.com", "token"],
    hostile: [
      [terraform("get", "https://example.com/"), "{}\n"],
      [terraform("store", "example.com", json({ token: "other\nline" })), ""],
    ],
  },
  bazel: {
    store: set("bazel:example.com", "token", "hunter2"),
    get: bazel("https://example.com/archive"),
    answer: { stdout: json({ headers: { Authorization: ["Bearer hunter2"] } }) },
    missing: { stdout: json({ headers: {} }) },
    erase: remove("bazel:example.com", "token"),
    stored: ["bazel:example.com", "token"],
    hostile: [
      [bazel("http://example.com/"), json({ headers: {} })],
      [bazel("https://evil.example@example.com/"), ""],
      [bazel("https://example.com.evil.example/"), json({ headers: {} })],
    ],
  },
};

describe("the programs for clients", () => {
  for (const [name, { store, get, answer, missing, erase, stored, hostile }] of Object.entries(clients)) {
    /** Starts a session. Returns a function that makes a request, and one that reads the stored value. */
    const prepare = async (t) => {
      const session = await startSession();
      t.after(() => session.stop());
      const run = ({ program = "secrets", args, ...options }) =>
        runProgram(session, "native", program, args, options);
      const [service, user] = stored;
      const read = () => run({ args: ["has", "--service", service, user] });
      return { run, isStored: async () => (await read()).code === 0 };
    };

    /** Asserts what a client was told. */
    const assertTold = ({ code, stdout, stderr }, expected) => {
      assert.equal(code, expected.code ?? 0, stderr);
      if (expected.stdout instanceof RegExp) assert.match(stdout, expected.stdout);
      else assert.equal(stdout, expected.stdout);
    };

    it(`${name} stores a credential, gets it, and deletes it`, async (t) => {
      const { run, isStored } = await prepare(t);
      assertTold(await run(get), missing);
      assert.equal((await run(store)).code, 0);
      assert.equal(await isStored(), true);
      assertTold(await run(get), answer);
      assert.equal((await run(erase)).code, 0);
      assert.equal(await isStored(), false);
      assertTold(await run(get), missing);
    });

    it(`${name} gets nothing by a hostile request`, async (t) => {
      const { run } = await prepare(t);
      assert.equal((await run(store)).code, 0);
      for (const [request, printed] of hostile) {
        const { stdout, stderr } = await run(request);
        if (printed instanceof RegExp) assert.match(stdout, printed);
        else assert.equal(stdout, printed);
        assert.doesNotMatch(stdout + stderr, /hunter2/);
      }
      assertTold(await run(get), answer);
    });
  }
});
