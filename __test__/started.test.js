// The environment that chooses the store: that with which the process was started, whatever the program does to it
// before it loads the package.

const assert = require("node:assert/strict");
const { existsSync, mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { writeIdentity } = require("./support/age.js");
const { runIsolated } = require("./support/apart.js");
const { linuxOnly } = require("./support/platform.js");
const { findDeno, node: nodeOf, root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const node = nodeOf(22);

/** What the programs begin with. They load the package when they call `load`. */
const HEAD = `const load = () => require(${JSON.stringify(root)});
  const told = async (call) => {
    try {
      console.log(JSON.stringify((await call()) ?? null));
    } catch (error) {
      console.log(error.code + ": " + error.message);
    }
  };`;

/** Starts a session, with a function that runs a program in it and returns the lines that it prints. */
async function prepareSession(t) {
  const session = await startSession({ bus: false });
  t.after(() => session.stop());
  const write = (name, text) => {
    const path = join(session.directory, name);
    writeFileSync(path, text);
    return path;
  };
  const run = async (source, env = {}, [command, ...args] = node) => {
    const file = write("program.cjs", `${HEAD}\n(async () => { ${source} })();`);
    const { stdout, stderr } = await session.run(command, [...args, file], { env, cwd: session.directory });
    assert.equal(stderr, "");
    return stdout.trim().split("\n");
  };
  return { session, run, write, identity: writeIdentity(session.directory) };
}

/** The error that a variable has no effect. */
const refused = (variable) => new RegExp(`^ERR_SECRETS_INVALID_SETTING: ${variable} in process\\.env has no`);

const set = `await told(() => load().secrets.set("s", "n", "Hunter2"));`;

describe("a store that the program names before it loads the package", linuxOnly("/proc"), () => {
  const chosen = "OS_SECRETS_PROVIDER=file\nOS_SECRETS_PASSPHRASE=known\n";

  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`is refused, under ${name}`, async (t) => {
      const { session, run } = await prepareSession(t);
      const source = `Object.assign(process.env, { OS_SECRETS_PROVIDER: "file", OS_SECRETS_PASSPHRASE: "known" });
        ${set} await told(() => load().openStore().list()); await told(() => load().resolve("secret:a"));`;
      const lines = await run(source, {}, runtime);
      assert.equal(lines.length, 3);
      for (const line of lines) assert.match(line, refused("OS_SECRETS_PROVIDER"));
      assert.ok(!existsSync(join(session.data, "os-secrets")));
    });
  }

  it("is refused if it comes from node --env-file or process.loadEnvFile", async (t) => {
    const { session, run, write } = await prepareSession(t);
    write(".env", chosen);
    for (const [source, args] of [
      [set, ["--env-file=.env"]],
      [`process.loadEnvFile(); ${set}`, []],
    ]) {
      const [line] = await run(source, {}, [...node, ...args]);
      assert.match(line, refused("OS_SECRETS_PROVIDER"));
    }
    assert.ok(!existsSync(join(session.data, "os-secrets")));
  });

  it("is refused if it comes from deno run --env-file", async (t) => {
    const { session, run, write } = await prepareSession(t);
    const file = write("settings", chosen);
    const deno = [findDeno(), "run", "--quiet", "--no-lock", "--allow-all", `--env-file=${file}`];
    const [line] = await run(set, {}, deno);
    assert.match(line, refused("OS_SECRETS_PROVIDER"));
    assert.ok(!existsSync(join(session.data, "os-secrets")));
  });

  it("is refused if it is memory, which would hide the user's credentials", async (t) => {
    const { run } = await prepareSession(t);
    const [line] = await run(`process.env.OS_SECRETS_PROVIDER = "memory"; ${set}`);
    assert.match(line, refused("OS_SECRETS_PROVIDER"));
  });

  it("does not matter to one that is chosen in code", async (t) => {
    const { session, run, identity } = await prepareSession(t);
    const options = { provider: "file", path: join(session.directory, "own.age"), identity: identity.path };
    const source = `Object.assign(process.env, { OS_SECRETS_PROVIDER: "memory", OS_SECRETS_PASSPHRASE: "known", HOME: "/no" });
      const store = load().openStore(${JSON.stringify(options)});
      await told(() => store.set("s", "n", "value")); await told(() => store.get("s", "n"));`;
    assert.deepEqual(await run(source), ["null", '"value"']);
  });

  it("counts if the system does not show the environment of the start", async (t) => {
    const { session, write, identity } = await prepareSession(t);
    const source = `Object.assign(process.env, { OS_SECRETS_PROVIDER: "file", OS_SECRETS_IDENTITY: ${JSON.stringify(identity.path)} });
      ${set}`;
    const file = write("program.cjs", `${HEAD}\n(async () => { ${source} })();`);
    const script = `mount -t tmpfs tmpfs /proc; exec "$@"`;
    const { stdout, stderr } = await runIsolated(session, script, [...node, file]);
    assert.equal(stdout, "null\n", stderr);
    assert.ok(existsSync(join(session.data, "os-secrets", "secrets.age")));
  });
});

describe("a place of the encrypted file that the program names before it loads the package", () => {
  const change = (variable, value) => `process.env.${variable} = ${JSON.stringify(value)};`;
  /** Each variable, and a value that leads to the current directory. */
  const variables = [
    ["OS_SECRETS_FILE", "secrets.age"],
    ["OS_SECRETS_IDENTITY", "identity"],
    ["CREDENTIALS_DIRECTORY", "/proc/self/cwd"],
    ["XDG_CONFIG_HOME", "/proc/self/cwd"],
    ["XDG_DATA_HOME", "/proc/self/cwd"],
    ["HOME", "/proc/self/cwd"],
  ];

  for (const [variable, value] of variables) {
    it(`is refused: ${variable}`, linuxOnly("/proc"), async (t) => {
      const { session, run, identity } = await prepareSession(t);
      const own = join(session.home, ".config", "os-secrets");
      mkdirSync(own, { recursive: true });
      writeFileSync(join(own, "identity"), identity.text, { mode: 0o600 });
      const env = { OS_SECRETS_PROVIDER: "file", XDG_CONFIG_HOME: "", XDG_DATA_HOME: "" };
      const source = `${change(variable, value)} ${set} await told(() => load().openStore({ provider: "file" }).list());`;
      for (const line of await run(source, env)) assert.match(line, refused(variable));
      assert.ok(!existsSync(join(session.home, ".local")));
      assert.ok(!existsSync(join(session.directory, "os-secrets")));
      // It is used if it is not changed.
      assert.deepEqual(await run(set, env), ["null"]);
      assert.ok(existsSync(join(session.home, ".local", "share", "os-secrets", "secrets.age")));
    });
  }

  it("does not matter if the environment names the file and its key", async (t) => {
    const { session, run, identity } = await prepareSession(t);
    const env = {
      OS_SECRETS_PROVIDER: "file",
      OS_SECRETS_FILE: join(session.directory, "named.age"),
      OS_SECRETS_IDENTITY: identity.path,
    };
    const names = ["CREDENTIALS_DIRECTORY", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME", "APPDATA"];
    const source = `${names.map((name) => change(name, session.directory)).join(" ")} ${set}`;
    assert.deepEqual(await run(source, env), ["null"]);
    assert.ok(existsSync(env.OS_SECRETS_FILE));
  });

  it("does not matter if it is named later, or if the variables of the package are deleted", async (t) => {
    const { session, run, identity } = await prepareSession(t);
    const env = { OS_SECRETS_PROVIDER: "file", OS_SECRETS_IDENTITY: identity.path };
    const later = `load(); for (const name of ["XDG_DATA_HOME", "HOME", "APPDATA"]) process.env[name] = "/no"; ${set}`;
    assert.deepEqual(await run(later, env), ["null"]);
    assert.ok(existsSync(join(session.data, "os-secrets", "secrets.age")));
    const file = { ...env, OS_SECRETS_FILE: join(session.data, "os-secrets", "secrets.age") };
    const deleted = `for (const name of ["XDG_DATA_HOME", "XDG_CONFIG_HOME"]) process.env[name] = "/no";
      load(); delete process.env.OS_SECRETS_FILE; delete process.env.OS_SECRETS_IDENTITY; ${set}`;
    assert.deepEqual(await run(deleted, file), ["null"]);
  });

  it("is refused by createIdentity, unless it is given a path", linuxOnly("/proc"), async (t) => {
    const { session, run } = await prepareSession(t);
    const path = join(session.directory, "named");
    const source = `process.env.XDG_CONFIG_HOME = "/proc/self/cwd"; await told(() => load().createIdentity());
      await told(async () => (await load().createIdentity({ path: ${JSON.stringify(path)} })).path);`;
    const [usual, named] = await run(source);
    assert.match(usual, refused("XDG_CONFIG_HOME"));
    assert.equal(named, JSON.stringify(path));
  });
});

describe("a store that the environment of the start names", () => {
  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`is used, also by workers, under ${name}`, async (t) => {
      const { run, identity } = await prepareSession(t);
      const env = { OS_SECRETS_PROVIDER: "file", OS_SECRETS_IDENTITY: identity.path };
      const call = `require(${JSON.stringify(root)}).secrets.get("s", "n").then((value) => console.log(value))`;
      const source = `const { Worker } = require("node:worker_threads");
        ${set} await told(() => load().secrets.get("s", "n"));
        await new Promise((done) => new Worker(${JSON.stringify(call)}, { eval: true }).on("exit", done));`;
      assert.deepEqual(await run(source, env, runtime), ["null", '"Hunter2"', "Hunter2"]);
    });
  }

  it("may be named for a child process by the program that starts it", async (t) => {
    const { run, write, identity } = await prepareSession(t);
    const child = write("child.cjs", `${HEAD}\n(async () => { ${set} })();`);
    const source = `const { execFileSync } = require("node:child_process");
      process.env.OS_SECRETS_PROVIDER = "file";
      const env = { ...process.env, OS_SECRETS_IDENTITY: ${JSON.stringify(identity.path)} };
      execFileSync(process.execPath, [${JSON.stringify(child)}], { env, stdio: "inherit" });`;
    assert.deepEqual(await run(source), ["null"]);
  });
});
