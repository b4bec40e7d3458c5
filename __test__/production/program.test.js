// The program with a server as its store, and one example on five stores.

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const { readFileSync, rmSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { pathToFileURL } = require("node:url");
const { writeIdentity } = require("../support/age.js");
const { ways } = require("../support/programs.js");
const { startSession } = require("../support/session.js");
const { collect, startVault } = require("./server.js");

const root = join(__dirname, "..", "..");
const [program] = ways.native("secrets");

/** Starts a server, and a session with a keyring. */
async function startBoth(t) {
  const server = await startVault(t);
  const session = await startSession();
  t.after(() => session.stop());
  return { server, session };
}

describe("the program with a server as its store", () => {
  const started = collect();
  let server, session;
  before(async () => ({ server, session } = await startBoth(started)));
  after(started.end);

  const withServer = () => ({
    ...session.env,
    OS_SECRETS_PROVIDER: "vault",
    VAULT_ADDR: server.address,
    VAULT_TOKEN: server.token,
  });

  const secrets = (args, { env = withServer(), input } = {}) => {
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: session.directory,
      env,
      input: input ?? "",
      encoding: "utf8",
    });
    return { status, stdout, stderr };
  };

  /** Runs a command that must succeed without a word on standard error. Returns what it prints. */
  const succeeds = (args, options) => {
    const { status, stdout, stderr } = secrets(args, options);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" }, args.join(" "));
    return stdout;
  };

  it("stores, reads, lists and deletes named secrets", async () => {
    succeeds(["set", "token"], { input: "value" });
    assert.equal(succeeds(["get", "token"]), "value\n");
    assert.equal(succeeds(["list"]), "token\n");
    assert.equal(succeeds(["resolve", "secret:token"]), "value\n");
    assert.deepEqual((await server.api("GET", "secret/data/os-secrets")).data.data, { token: "value" });
    succeeds(["delete", "token"]);
    assert.equal(secrets(["get", "token"]).status, 1);
  });

  it("reads and stores the credentials of applications", () => {
    succeeds(["set", "api_key", "--service", "team/app"], { input: "value" });
    assert.equal(succeeds(["get", "api_key", "--service", "team/app"]), "value\n");
    assert.equal(succeeds(["list", "--service", "team/app"]), "api_key\n");
  });

  it("takes all settings from the environment", async () => {
    await server.api("PUT", "sys/policies/acl/all", {
      policy: 'path "kv1/*" { capabilities = ["create", "read", "update", "delete", "list"] }',
    });
    await server.api("POST", "sys/auth/own", { type: "approle" });
    await server.api("POST", "auth/own/role/app", { token_policies: ["all"] });
    const roleId = (await server.api("GET", "auth/own/role/app/role-id")).data.role_id;
    const secretId = (await server.api("POST", "auth/own/role/app/secret-id", {})).data.secret_id;
    const env = {
      ...session.env,
      OS_SECRETS_PROVIDER: "vault",
      BAO_ADDR: server.address,
      VAULT_ADDR: "https://127.0.0.1:1",
      OS_SECRETS_VAULT_MOUNT: "kv1",
      OS_SECRETS_VAULT_PREFIX: "apps/prod",
      OS_SECRETS_VAULT_AUTH_MOUNT: "own",
      OS_SECRETS_VAULT_ROLE_ID: roleId,
      OS_SECRETS_VAULT_SECRET_ID: secretId,
    };
    succeeds(["set", "key", "--service", "app"], { env, input: "value" });
    assert.deepEqual((await server.api("GET", "kv1/apps/prod/app")).data, { key: "value" });
    assert.equal(succeeds(["get", "key", "--service", "app"], { env }), "value\n");
    const show =
      "console.log(Object.keys(process.env).filter((name) => /ROLE_ID|SECRET_ID|_JWT$|TOKEN/.test(name)))";
    const more = { BAO_TOKEN: "t", VAULT_TOKEN: "t", OS_SECRETS_VAULT_JWT: "t" };
    const run = ["run", "--", process.execPath, "-e", show];
    assert.equal(succeeds(run, { env: { ...env, ...more } }), "[ 'OS_SECRETS_VAULT_ROLE_ID' ]\n");
  });

  it("reads the token of a log-in by hand each time", () => {
    const { VAULT_TOKEN: token, ...env } = withServer();
    const file = join(session.home, ".vault-token");
    writeFileSync(file, "wrong\n", { mode: 0o600 });
    const { status, stderr } = secrets(["get", "key"], { env });
    assert.equal(status, 3);
    assert.match(stderr, /The token in ~\/\.vault-token is wrong or has expired/);
    writeFileSync(file, `${token}\n`);
    succeeds(["set", "key"], { env, input: "value" });
    assert.equal(succeeds(["get", "key"], { env }), "value\n");
    rmSync(file);
  });

  it("resolves references in templates, and for programs", () => {
    succeeds(["set", "token"], { input: "value" });
    const template = join(session.directory, "template");
    writeFileSync(template, "key = {{ secret:token }}\n");
    assert.equal(succeeds(["inject", "-i", template]), "key = value\n");
    const source = `const { resolve, resolveEnv } = require(${JSON.stringify(root)});
      (async () => console.log(await resolve("secret:token"), (await resolveEnv({ A: "secret:token" })).A))();`;
    const run = spawnSync(process.execPath, ["-e", source], { env: withServer(), encoding: "utf8" });
    assert.equal(run.stdout, "value value\n", run.stderr);
  });

  it("runs a command with its references resolved, and without the token", () => {
    succeeds(["set", "token"], { input: "value" });
    const show =
      "const { KEY, VAULT_TOKEN, VAULT_ADDR } = process.env; console.log(KEY, VAULT_TOKEN, VAULT_ADDR)";
    const env = { ...withServer(), KEY: "secret:token" };
    const printed = succeeds(["run", "--", process.execPath, "-e", show], { env });
    assert.equal(printed, `value undefined ${server.address}\n`);
    // With another store, the token is the command's own business.
    const { OS_SECRETS_PROVIDER: _, ...other } = withServer();
    const own = succeeds(["run", "--", process.execPath, "-e", show], { env: other });
    assert.equal(own, `undefined ${server.token} ${server.address}\n`);
  });

  it("copies from the store of the operating system", async () => {
    const env = { ...session.env, VAULT_ADDR: server.address, VAULT_TOKEN: server.token };
    for (const name of ["first", "second"])
      succeeds(["set", name, "--service", "copied"], { env, input: `${name} value` });
    const { status } = secrets(["copy", "--from", "os", "--to", "vault", "--service", "copied"], { env });
    assert.equal(status, 0);
    assert.deepEqual((await server.api("GET", "secret/data/copied")).data.data, {
      first: "first value",
      second: "second value",
    });
    assert.equal(
      succeeds(["--store", "vault", "get", "first", "--service", "copied"], { env }),
      "first value\n",
    );
  });

  it("says what is wrong with the server in doctor", () => {
    const report = JSON.parse(succeeds(["doctor", "--json"]));
    assert.deepEqual(
      [report.works, report.store, report.address, report.kvVersion],
      [true, "Vault or OpenBao", server.address, 2],
    );
    const noToken = secrets(["doctor", "--json"], { env: { ...withServer(), VAULT_TOKEN: "" } });
    assert.deepEqual([noToken.status, JSON.parse(noToken.stdout).reachable], [1, null]);
    const wrong = secrets(["doctor"], { env: { ...withServer(), VAULT_TOKEN: "wrong" } });
    assert.equal(wrong.status, 1);
    assert.match(wrong.stdout + wrong.stderr, /token is wrong or has expired/);
    const missing = secrets(["doctor"], { env: { ...withServer(), VAULT_ADDR: "" } });
    assert.equal(missing.status, 1);
    assert.match(missing.stdout + missing.stderr, /VAULT_ADDR/);
  });

  it("tries the server with doctor --write", () => {
    const { status, stdout } = secrets(["doctor", "--write"]);
    assert.equal(status, 0, stdout);
  });

  it("answers git", () => {
    const run = (action, input) =>
      spawnSync(program, ["helper", "git", action], { env: withServer(), input, encoding: "utf8" });
    const login = "protocol=https\nhost=git.example.com\nusername=me\n";
    const stored = run("store", `${login}password=hunter2\n\n`);
    assert.equal(stored.status, 0, stored.stderr);
    assert.match(run("get", `${login}\n`).stdout, /^password=hunter2$/m);
  });

  it("says that the token is missing", () => {
    const { status, stderr } = secrets(["get", "token"], { env: { ...withServer(), VAULT_TOKEN: "" } });
    assert.equal(status, 3);
    assert.match(stderr, /no token for the server.*\.vault-token/s);
  });
});

describe("the first example of the README", () => {
  const started = collect();
  let server, session;
  before(async () => ({ server, session } = await startBoth(started)));
  after(started.end);

  /** The example, with another name for the package. */
  const readExample = () => {
    const [, example] = readFileSync(join(root, "README.md"), "utf8").match(
      /## First example\n\n```js\n([\s\S]*?)```/,
    );
    return example;
  };

  const run = (source, env) => {
    const file = join(session.directory, "example.mjs");
    writeFileSync(file, source);
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { env, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return stdout;
  };

  const withPackage = (source) =>
    source.replace('from "os-secrets"', `from ${JSON.stringify(pathToFileURL(join(root, "index.js")).href)}`);

  const printed = "ghp_example\ntrue\nnull\n";

  it("runs unchanged on the operating system's store, a file, memory, a server and a provider of its own", () => {
    const { path } = writeIdentity(session.directory);
    // A module of the program, which stands for the package and chooses the store.
    const own = `import { openStore } from "os-secrets";
      const values = new Map();
      const id = ({ service, name }) => JSON.stringify([service, name]);
      export const secrets = openStore({
        provider: {
          get: (key) => values.get(id(key)) ?? null,
          set: ({ value, ...key }) => void values.set(id(key), value),
          delete: (key) => values.delete(id(key)),
        },
      });`;
    writeFileSync(join(session.directory, "own.mjs"), withPackage(own));
    for (const [provider, env] of [
      ["os", {}],
      ["file", { OS_SECRETS_FILE: join(session.directory, "own", "secrets.age"), OS_SECRETS_IDENTITY: path }],
      ["memory", {}],
      ["vault", { VAULT_ADDR: server.address, VAULT_TOKEN: server.token }],
    ]) {
      const output = run(withPackage(readExample()), {
        ...session.env,
        OS_SECRETS_PROVIDER: provider,
        ...env,
      });
      assert.equal(output, printed, provider);
    }
    const onProvider = readExample().replace('from "os-secrets"', 'from "./own.mjs"');
    assert.equal(run(onProvider, session.env), printed);
  });
});
