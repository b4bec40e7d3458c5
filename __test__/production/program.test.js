// The program with a server as its store, and one example on five stores.

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const { readFileSync, writeFileSync } = require("node:fs");
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

  it("runs unchanged on the operating system's store, a file, memory and a server", () => {
    const { path } = writeIdentity(session.directory);
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
  });

  it("runs on a provider of the program, if it takes the store from there", () => {
    const store = `
      const values = new Map();
      const id = ({ service, name }) => service + "/" + name;
      const secrets = openStore({
        provider: {
          get: (key) => values.get(id(key)) ?? null,
          set: ({ value, ...key }) => void values.set(id(key), value),
          delete: (key) => values.delete(id(key)),
        },
      });`;
    const source = readExample().replace(
      'import { secrets } from "os-secrets";',
      `import { openStore } from "os-secrets";${store}`,
    );
    assert.equal(run(withPackage(source), session.env), printed);
  });
});
