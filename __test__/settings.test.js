// The settings in the environment and the options of openStore, and their errors.

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { openStore } = require("..");
const { writeIdentity } = require("./support/age.js");
const { runIsolated } = require("./support/apart.js");
const { writeHelper } = require("./support/helpers.js");
const { listItems } = require("./support/items.js");
const { exceptOnWine, isWindows, isWine, linuxOnly } = require("./support/platform.js");
const { bun, findDeno, node: nodeOf, root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");
const { runOnTerminal } = require("./support/terminal.js");

const node = nodeOf(22);
const INVALID = "ERR_SECRETS_INVALID_SETTING";

/** Starts a session. Returns it with a function that runs a program in it and returns its output. */
async function prepareSession(t, options = { bus: false }) {
  const session = await startSession(options);
  t.after(() => session.stop());
  const run = async (source, env, [command, ...args] = node, cwd = session.directory) => {
    const file = join(session.directory, "program.cjs");
    const head = `const { openStore, secrets, resolve } = require(${JSON.stringify(root)});
      const told = (call) => call.then((value) => console.log(JSON.stringify(value ?? null)), (error) => console.log(error.code + ": " + error.message));`;
    writeFileSync(file, `${head}\n(async () => { ${source} })();`);
    const { stdout, stderr } = await session.run(command, [...args, file], { env, cwd });
    assert.equal(stderr, "");
    return stdout;
  };
  return { session, run, identity: writeIdentity(session.directory) };
}

describe("OS_SECRETS_PROVIDER", () => {
  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`chooses the encrypted file for the whole process, under ${name}`, async (t) => {
      const { session, run, identity } = await prepareSession(t);
      const env = { OS_SECRETS_PROVIDER: "file", OS_SECRETS_IDENTITY: identity.path };
      const source = `await secrets.set("s", "n", "value");
        await told(openStore().get("s", "n"));
        await secrets.set("os-secrets", "name", "referred");
        await told(resolve("secret:name"));
        await told(openStore({ provider: "os" }).get("s", "n"));`;
      const [own, referred, os] = (await run(source, env, runtime)).split("\n");
      assert.deepEqual([own, referred], ['"value"', '"referred"']);
      assert.match(os, isWindows ? /^null\s*$/ : /^ERR_SECRETS_PLATFORM_ERROR: .*D-Bus/);
      assert.ok(existsSync(join(session.data, "os-secrets", "secrets.age")));
    });
  }

  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`chooses memory for the whole process, under ${name}`, async (t) => {
      const { run } = await prepareSession(t);
      const source = `await secrets.set("os-secrets", "name", "value");
        await told(openStore().get("os-secrets", "name"));
        await told(resolve("secret:name"));
        await told(openStore().list());
        await told(openStore({ provider: "memory" }).list());`;
      const lines = ['"value"', '"value"', '[{"service":"os-secrets","name":"name"}]', "[]", ""];
      const env = { OS_SECRETS_PROVIDER: "memory" };
      assert.equal(await run(source, env, runtime), lines.join("\n"));
      // Nothing was kept.
      assert.equal(await run("await told(openStore().list());", env, runtime), "[]\n");
    });
  }

  it("is refused by every call where it is wrong, with its name", async (t) => {
    const { run } = await prepareSession(t);
    const source = `await told(secrets.get("s", "n")); await told(openStore().list()); await told(resolve("secret:a"));
      await told(openStore({ provider: "memory" }).list());`;
    const lines = (await run(source, { OS_SECRETS_PROVIDER: "exec" })).trim().split("\n");
    assert.equal(lines.length, 4);
    for (const line of lines.slice(0, 3))
      assert.match(
        line,
        /^ERR_SECRETS_INVALID_SETTING: OS_SECRETS_PROVIDER must be os, file, vault or memory/,
      );
    assert.equal(lines[3], "[]");
  });

  it("is never changed by a failure, nor by the program", async (t) => {
    const { run, identity, session } = await prepareSession(t, { bus: true });
    const env = {
      OS_SECRETS_PROVIDER: "file",
      OS_SECRETS_IDENTITY: identity.path,
      OS_SECRETS_FILE: join(identity.path, "no", "secrets.age"),
    };
    const source = `await told(secrets.set("s", "n", "v"));
      process.env.OS_SECRETS_PROVIDER = "os"; process.env.OS_SECRETS_FILE = "/tmp/x/secrets.age";
      await told(secrets.set("s", "n", "v"));`;
    const [first, second] = (await run(source, env)).split("\n");
    assert.match(first, /Cannot (create|use) .*identity/);
    assert.match(second, /^ERR_SECRETS_INVALID_SETTING: OS_SECRETS_PROVIDER in process\.env has no effect/);
    assert.deepEqual(await listItems(session), []);
  });

  it(
    "cannot be set by the .env of a repository that Bun loads",
    exceptOnWine("a Bun that finds .env files"),
    async (t) => {
      const { run, session } = await prepareSession(t);
      const repository = join(session.directory, "repository");
      mkdirSync(repository);
      writeFileSync(join(repository, ".env"), "OS_SECRETS_PROVIDER=file\nOS_SECRETS_PASSPHRASE=known\n");
      const source = `console.log(process.env.OS_SECRETS_PROVIDER); await told(secrets.set("s", "n", "v"));`;
      const [loaded, told] = (await run(source, {}, [bun], repository)).split("\n");
      assert.equal(loaded, "file");
      assert.match(told, /^ERR_SECRETS_INVALID_SETTING: OS_SECRETS_PROVIDER in process\.env has no effect/);
      assert.ok(!existsSync(join(session.data, "os-secrets")));
      if (isWindows) assert.deepEqual(await listItems(session), []);
    },
  );
});

describe("a variable of process.env that names another store than the environment of the process", () => {
  const refused = (variable) =>
    new RegExp(`^ERR_SECRETS_INVALID_SETTING: ${variable} in process\\.env has no`);
  /** Makes each kind of call that uses the store of the environment. */
  const calls = `await told(secrets.get("s", "n")); await told(secrets.set("s", "n", "Hunter2"));
    await told(secrets.delete("s", "n")); await told(openStore().get("s", "n")); await told(openStore().list());
    await told(openStore().has("s", "n")); await told(resolve("secret:a")); await told(resolve("secret:a", { scope: "user" }));`;

  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`rejects each call, under ${name}`, async (t) => {
      const { run, session } = await prepareSession(t);
      const source = `process.env.OS_SECRETS_PROVIDER = "file"; process.env.OS_SECRETS_PASSPHRASE = "Hunter2"; ${calls}`;
      const lines = (await run(source, {}, runtime)).trim().split("\n");
      assert.equal(lines.length, 8);
      for (const line of lines) {
        assert.match(line, refused("OS_SECRETS_PROVIDER"));
        assert.ok(!line.includes("Hunter2"));
      }
      assert.ok(!existsSync(join(session.data, "os-secrets")));
    });

    it(`does not matter to a store that is chosen in code, under ${name}`, async (t) => {
      const { run, identity } = await prepareSession(t);
      const source = `Object.assign(process.env, { OS_SECRETS_PROVIDER: "file", OS_SECRETS_FILE: "/no/file", OS_SECRETS_IDENTITY: "/no" });
        await told(openStore({ provider: "memory" }).get("s", "n"));
        const path = ${JSON.stringify(join(identity.path, "..", "own.age"))}, identity = ${JSON.stringify(identity.path)};
        await told(openStore({ provider: "file", path, identity }).get("s", "n"));
        for (const options of [{}, { path }, { identity }]) {
          try { openStore({ provider: "file", ...options }); } catch (error) { console.log(error.code + ": " + error.message); }
        }`;
      const lines = (await run(source, {}, runtime)).trim().split("\n");
      assert.deepEqual(lines.slice(0, 2), ["null", "null"]);
      assert.match(lines[2], refused("OS_SECRETS_FILE"));
      assert.match(lines[3], refused("OS_SECRETS_IDENTITY"));
      assert.match(lines[4], refused("OS_SECRETS_FILE"));
    });

    it(`is refused if it leads to a server, under ${name}`, async (t) => {
      const { run } = await prepareSession(t);
      const log = ["ROLE_ID", "SECRET_ID", "KUBERNETES_ROLE", "KUBERNETES_JWT_FILE", "JWT_ROLE", "JWT"];
      const ofVault = ["MOUNT", "PREFIX", "AUTH_MOUNT", ...log].map((each) => `OS_SECRETS_VAULT_${each}`);
      const both = ["ADDR", "NAMESPACE", "CACERT", "TOKEN"].flatMap((each) => [
        `BAO_${each}`,
        `VAULT_${each}`,
      ]);
      const names = [...both, ...ofVault, "SSL_CERT_FILE", "SSL_CERT_DIR"];
      const source = `for (const name of ${JSON.stringify(names)}) {
        process.env[name] = "Hunter2";
        await told(secrets.get("s", "n"));
        try { openStore({ provider: "vault" }); } catch (error) { console.log(error.code + ": " + error.message); }
        delete process.env[name];
      }`;
      const lines = (await run(source, { OS_SECRETS_PROVIDER: "vault" }, runtime)).trim().split("\n");
      assert.equal(lines.length, 2 * names.length);
      for (const [index, line] of lines.entries()) {
        assert.match(line, refused(names[Math.floor(index / 2)]));
        assert.ok(!line.includes("Hunter2"));
      }
      // An option takes the place of its own variables alone, and OpenBao's variable that of Vault's.
      const options = { provider: "vault", address: "https://a.example", token: "t" };
      const partly = `for (const name of ["VAULT_ADDR", "VAULT_TOKEN", "VAULT_NAMESPACE", "OS_SECRETS_VAULT_MOUNT"]) {
        process.env[name] = "Hunter2";
        try { openStore(${JSON.stringify(options)}); console.log("opened"); } catch (error) { console.log(error.code + ": " + error.message); }
        delete process.env[name];
      }`;
      const [first, second, third, fourth] = (await run(partly, { BAO_NAMESPACE: "team" }, runtime)).split(
        "\n",
      );
      assert.deepEqual(
        [first, second, third].map((line) => line.trim()),
        ["opened", "opened", "opened"],
      );
      assert.match(fourth, refused("OS_SECRETS_VAULT_MOUNT"));
    });

    it(`does not matter if it is deleted or the same, under ${name}`, async (t) => {
      const { run, identity } = await prepareSession(t);
      const env = { OS_SECRETS_PROVIDER: "file", OS_SECRETS_IDENTITY: identity.path };
      const source = `await told(secrets.set("s", "n", "value"));
        process.env.OS_SECRETS_PROVIDER = "file";
        await told(secrets.get("s", "n"));
        delete process.env.OS_SECRETS_IDENTITY;
        await told(secrets.get("s", "n"));
        await told(openStore({ provider: "file" }).get("s", "n"));
        process.env.OS_SECRETS_PASSPHRASE = "Hunter2";
        await told(secrets.get("s", "n"));
        for (const name of Object.keys(process.env)) delete process.env[name];
        await told(secrets.get("s", "n"));`;
      const lines = (await run(source, env, runtime)).trim().split("\n");
      assert.match(lines.splice(4, 1)[0], refused("OS_SECRETS_PASSPHRASE"));
      assert.deepEqual(lines, ["null", '"value"', '"value"', '"value"', '"value"']);
    });
  }

  it("rejects the calls of a worker whose environment names it, and no others", async (t) => {
    const { run } = await prepareSession(t);
    const source = `const { Worker } = require("node:worker_threads");
      const start = (env) => new Promise((done) => new Worker(
        'require(' + JSON.stringify(${JSON.stringify(root)}) + ').secrets.get("s", "n").catch(({ code }) => console.log(code))',
        { eval: true, env }).on("exit", done));
      await start({ OS_SECRETS_PROVIDER: "file" });
      await start({});
      await told(openStore({ provider: "memory" }).list());`;
    const [own, none] = (await run(source, {})).split("\n");
    assert.equal(own, INVALID);
    assert.equal(none, isWindows ? "[]" : "ERR_SECRETS_PLATFORM_ERROR");
  });

  it("is not read from Object.prototype", async (t) => {
    const { run } = await prepareSession(t);
    const source = `Object.prototype.OS_SECRETS_PROVIDER = "file"; await told(secrets.get("s", "n"));`;
    assert.match(await run(source, {}), isWindows ? /^null\s*$/ : /^ERR_SECRETS_PLATFORM_ERROR/);
  });

  it(
    "may come from a file that Bun is told to read",
    exceptOnWine("a Bun that finds .env files"),
    async (t) => {
      const { run, session } = await prepareSession(t);
      const file = join(session.directory, "settings");
      writeFileSync(file, "OS_SECRETS_PROVIDER=file\nOS_SECRETS_PASSPHRASE=Hunter2\n");
      const source = `await told(secrets.get("s", "n"));`;
      assert.match(await run(source, {}, [bun, `--env-file=${file}`]), refused("OS_SECRETS_PROVIDER"));
      // The environment of the process counts more.
      assert.match(
        await run(source, { OS_SECRETS_PROVIDER: "os" }, [bun, `--env-file=${file}`]),
        isWindows ? /^null\s*$/ : /^ERR_SECRETS_PLATFORM_ERROR/,
      );
    },
  );

  it("is not looked for in a Deno that may not read it", linuxOnly("a pseudo-terminal"), async (t) => {
    const { session } = await prepareSession(t);
    const file = join(session.directory, "program.cjs");
    const call = `require(${JSON.stringify(root)}).secrets.get("s", "n").catch(({ code }) => console.log(code));`;
    writeFileSync(file, call);
    const command = [findDeno(), "run", "--quiet", "--no-lock", "--allow-ffi", "--allow-read", file];
    const { shown } = await runOnTerminal(session, command, []);
    assert.equal(shown, "ERR_SECRETS_PLATFORM_ERROR\n");
  });
});

describe("what unlocks the encrypted file", () => {
  const read = `await told(openStore({ provider: "file" }).get("s", "n"));`;

  it("is an identity as text or file, where a program or the environment gives it", async (t) => {
    const { run, identity } = await prepareSession(t);
    const env = { OS_SECRETS_IDENTITY: identity.path };
    await run(`await secrets.set("s", "n", "value");`, { ...env, OS_SECRETS_PROVIDER: "file" });
    const line = identity.text.split("\n").find((each) => each.startsWith("AGE-SECRET-KEY-1"));
    for (const given of [
      identity.path,
      identity.text,
      line,
      identity.text.replaceAll("\n", "\r\n"),
      "identity",
    ]) {
      assert.equal(await run(read, { OS_SECRETS_IDENTITY: given }), '"value"\n', given);
      const option = `await told(openStore({ provider: "file", identity: ${JSON.stringify(given)} }).get("s", "n"));`;
      assert.equal(await run(option, {}), '"value"\n', given);
    }
  });

  it("is those identities of a file that can be used, also in UTF-16", async (t) => {
    const { run, identity, session } = await prepareSession(t);
    await run(`await secrets.set("s", "n", "value");`, {
      OS_SECRETS_PROVIDER: "file",
      OS_SECRETS_IDENTITY: identity.path,
    });
    const path = join(session.directory, "several");
    const others = "AGE-SECRET-KEY-PQ-1QQQQ\nAGE-PLUGIN-YUBIKEY-1QQQQ\n";
    for (const text of [
      `${others}${identity.text}`,
      // As `age-keygen > identity` makes it in Windows PowerShell.
      Buffer.from(`\ufeff${identity.text.replaceAll("\n", "\r\n")}`, "utf16le"),
    ]) {
      writeFileSync(path, text, { mode: 0o600 });
      assert.equal(await run(read, { OS_SECRETS_IDENTITY: path }), '"value"\n');
    }
    // If the file is for another identity, one of the unusable lines may be the right one.
    writeFileSync(path, `${others}${writeIdentity(session.directory, "wrong").text}`, { mode: 0o600 });
    assert.match(
      await run(read, { OS_SECRETS_IDENTITY: path }),
      /^ERR_SECRETS_AUTH_FAILED: .*OS_SECRETS_IDENTITY has also a post-quantum identity .* in line 1/,
    );
  });

  it(
    "is an identity from a pipe, which all stores of the process share",
    linuxOnly("named pipes"),
    async (t) => {
      const { run, identity, session } = await prepareSession(t);
      const set = `await secrets.set("s", "n", "value");`;
      await run(set, { OS_SECRETS_PROVIDER: "file", OS_SECRETS_IDENTITY: identity.path });
      const shell = (source) => {
        const script = `OS_SECRETS_IDENTITY=<(cat ${identity.path}) "$@"`;
        return run(source, {}, ["bash", "-c", script, "bash", ...node]);
      };
      assert.equal(await shell(`${read} ${read}`), '"value"\n"value"\n');
      const fifo = join(session.directory, "fifo");
      execFileSync("mkfifo", ["-m", "600", fifo]);
      const writer = session.run("/bin/sh", ["-c", `cat ${identity.path} >${fifo}`]);
      assert.equal(await run(read, { OS_SECRETS_IDENTITY: fifo }), '"value"\n');
      await writer;
    },
  );

  it("is an identity that systemd or a container gives", linuxOnly("file modes"), async (t) => {
    const { run, identity, session } = await prepareSession(t);
    const env = { OS_SECRETS_IDENTITY: identity.path };
    await run(`await secrets.set("s", "n", "value");`, { ...env, OS_SECRETS_PROVIDER: "file" });
    const credentials = join(session.directory, "credentials");
    mkdirSync(credentials, { mode: 0o700 });
    const provided = join(credentials, "os-secrets.identity");
    writeFileSync(provided, identity.text);
    for (const mode of [0o400, 0o440, 0o444, 0o600]) {
      chmodSync(provided, mode);
      assert.equal(await run(read, { CREDENTIALS_DIRECTORY: credentials }), '"value"\n');
    }
    // As in Kubernetes, the file is a link into a folder that is a link.
    const volume = join(session.directory, "volume");
    mkdirSync(join(volume, "..2026"), { recursive: true });
    writeFileSync(join(volume, "..2026", "os-secrets.identity"), identity.text, { mode: 0o644 });
    symlinkSync("..2026", join(volume, "..data"));
    symlinkSync("..data/os-secrets.identity", join(volume, "os-secrets.identity"));
    assert.equal(await run(read, { CREDENTIALS_DIRECTORY: volume }), '"value"\n');
    // As in containers, the file is in /run/secrets. The test mounts a private /run.
    assert.match(await run(read, {}), /nothing to unlock/);
    const source = join(session.directory, "program.cjs");
    const script = `mount -t tmpfs -o mode=755 tmpfs /run; mkdir /run/secrets; cp "$IDENTITY" /run/secrets/os-secrets.identity
      chmod 444 /run/secrets/os-secrets.identity; exec "$@"`;
    const { stdout, stderr } = await runIsolated(session, script, [...node, source], {
      env: { IDENTITY: provided },
    });
    assert.equal(stdout, '"value"\n', stderr);
  });

  it("is found in an order, of which the first counts", async (t) => {
    const { run, identity, session } = await prepareSession(t);
    const wrong = writeIdentity(session.directory, "wrong");
    await run(`await secrets.set("s", "n", "value");`, {
      OS_SECRETS_PROVIDER: "file",
      OS_SECRETS_IDENTITY: identity.path,
    });
    const credentials = join(session.directory, "credentials");
    mkdirSync(credentials);
    writeFileSync(join(credentials, "os-secrets.identity"), wrong.text);
    const own = join(session.configuration, "os-secrets");
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, "identity"), wrong.text, { mode: 0o600 });
    const env = { CREDENTIALS_DIRECTORY: credentials };
    assert.match(await run(read, env), /^ERR_SECRETS_AUTH_FAILED/);
    assert.equal(await run(read, { ...env, OS_SECRETS_IDENTITY: identity.path }), '"value"\n');
    const option = `await told(openStore({ provider: "file", identity: ${JSON.stringify(identity.path)} }).get("s", "n"));`;
    assert.equal(await run(option, { ...env, OS_SECRETS_IDENTITY: wrong.path }), '"value"\n');
    writeFileSync(join(credentials, "os-secrets.identity"), identity.text);
    assert.equal(await run(read, env), '"value"\n');
    // Under Wine, every user can read a new file.
    if (isWine) return;
    writeFileSync(join(own, "identity"), identity.text, { mode: 0o600 });
    assert.equal(await run(read, {}), '"value"\n');
  });

  it("is named where it is wrong, and shown nowhere", async (t) => {
    const { run, identity, session } = await prepareSession(t);
    const file = (name, text, mode) => {
      const path = join(session.directory, name);
      writeFileSync(path, text);
      chmodSync(path, mode);
      return path;
    };
    const secret = identity.text.split("\n").at(-2);
    const openHelper = file("open", identity.text, 0o666);
    const ofLinux = [
      [{ OS_SECRETS_IDENTITY: openHelper }, /can be written by other users. Run: chmod go-w/],
      [{ OS_SECRETS_IDENTITY: "/dev/null" }, /not a regular file/],
    ];
    for (const [env, why] of [
      [{}, /There is nothing to unlock the file store with\. .* `npx os-secrets init`/],
      [
        { OS_SECRETS_IDENTITY: identity.path, OS_SECRETS_PASSPHRASE: "p" },
        /OS_SECRETS_IDENTITY has no identity that is protected by a passphrase, and one was given/,
      ],
      [{ OS_SECRETS_IDENTITY: "os", OS_SECRETS_PASSPHRASE: "p" }, /which has no passphrase\. Unset/],
      [
        { OS_SECRETS_IDENTITY: "/none" },
        /OS_SECRETS_IDENTITY is neither an identity .* nor the path of a file/,
      ],
      // A damaged identity may be taken for something else, and must not be shown.
      [{ OS_SECRETS_IDENTITY: secret.slice(1) }, /is neither an identity/],
      [{ OS_SECRETS_IDENTITY: Buffer.from(secret).toString("base64") }, /is neither an identity/],
      [
        { OS_SECRETS_IDENTITY: `${secret}X` },
        /OS_SECRETS_IDENTITY has something in line 1 that is not an identity/,
      ],
      [
        { OS_SECRETS_IDENTITY: "AGE-SECRET-KEY-PQ-1QQQQ" },
        /OS_SECRETS_IDENTITY has a post-quantum identity .* which os-secrets cannot use\. Use an X25519/,
      ],
      [{ OS_SECRETS_IDENTITY: "AGE-PLUGIN-YUBIKEY-1QQQQ" }, /has an identity of an age plugin/],
      [{ OS_SECRETS_IDENTITY: file("empty", "# nothing\n", 0o600) }, /contains no identity/],
      [{ OS_SECRETS_IDENTITY: session.directory }, isWindows ? /OS_SECRETS_IDENTITY/ : /not a regular file/],
      ...(isWindows ? [] : ofLinux),
    ]) {
      const told = await run(read, env);
      assert.match(told, why);
      const shown = [secret, Buffer.from(secret).toString("base64")].some((text) =>
        told.includes(text.slice(20, 50)),
      );
      assert.ok(told.startsWith(INVALID) && !shown, told);
    }
  });

  it("is not taken where others can read it", async (t) => {
    const { run, identity, session } = await prepareSession(t);
    mkdirSync(join(session.configuration, "os-secrets"));
    const own = join(session.configuration, "os-secrets", "identity");
    writeFileSync(own, identity.text, { mode: 0o644 });
    if (isWindows) {
      // This identifier means everybody, in every language of Windows.
      const { code, stderr } = await session.run("icacls", [own, "/grant", "*S-1-1-0:R"]);
      assert.equal(code, 0, stderr);
    }
    const why = isWindows
      ? /can be used by others .*everybody.* Run: icacls/
      : /can be read by other users. Run: chmod 600/;
    assert.match(await run(read, {}), why);
  });
});

describe("the options of openStore", () => {
  const expectError = (options, why) => {
    const is = (error) => error.code === INVALID && !(error instanceof TypeError) && why.test(error.message);
    assert.throws(() => openStore(options), is, JSON.stringify(options));
  };

  it("are checked at once", () => {
    expectError({ provider: "files" }, /'options.provider'/);
    expectError({ provider: "constructor" }, /'options.provider'/);
    expectError({ path: "/x" }, /'options.path' is not an option of a store without a 'provider'/);
    expectError({ provider: "os", path: "/x" }, /'options.path' is not an option of the provider `os`/);
    expectError({ provider: "file", paht: "/x" }, /'options.paht'/);
    const helper = { provider: "exec", command: process.execPath };
    expectError({ ...helper, timeout: 0 }, /'options.timeout'/);
    expectError({ provider: "file", path: 1 }, /'options.path'/);
    expectError({ provider: "file", path: "" }, /'options.path'/);
    expectError({ provider: "file", identity: "a\0b" }, /'options.identity'/);
    const item = { service: "s", name: "n" };
    expectError(
      { provider: "file", identity: item, passphrase: "y" },
      /'options.passphrase' cannot be given/,
    );
    expectError({ provider: "file", mustExist: "yes" }, /'options.mustExist' must be a boolean/);
    expectError({ provider: "os", mustExist: true }, /'options.mustExist' is not an option/);
    expectError({ provider: "exec" }, /'options.command'/);
    expectError({ provider: "exec", command: "docker-credential-pass" }, /absolute path/);
    expectError({ ...helper, env: { A: 1 } }, /'options.env'/);
    expectError({ ...helper, env: { "A=B": "" } }, /'options.env'/);
    expectError({ ...helper, timeout: -1 }, /'options.timeout'/);
    expectError({ ...helper, timeout: "1" }, /'options.timeout'/);
  });

  it("open nothing before the first call", async (t) => {
    const { session, identity } = await prepareSession(t);
    const path = join(session.directory, "deep", "secrets.age");
    const none = join(session.directory, "none");
    const file = openStore({ provider: "file", path, identity: none });
    const helper = openStore({ provider: "exec", command: none });
    await assert.rejects(file.get("s", "n"), { code: INVALID });
    await assert.rejects(helper.get("s", "n"), { code: "ERR_SECRETS_PLATFORM_ERROR" });
    const right = openStore({ provider: "file", path, identity: identity.path });
    assert.equal(await right.get("s", "n"), null);
    assert.ok(!existsSync(join(path, "..")));
    await right.set("s", "n", "value");
    assert.ok(readFileSync(path).length > 0);
  });

  it("make every call reject while a file that must exist does not", async (t) => {
    const { session, identity } = await prepareSession(t);
    const path = join(session.directory, "deep", "secrets.age");
    const options = { provider: "file", path, identity: identity.path };
    const store = openStore({ ...options, mustExist: true });
    const calls = {
      get: () => store.get("s", "n"),
      set: () => store.set("s", "n", "v"),
      delete: () => store.delete("s", "n"),
      has: () => store.has("s", "n"),
      list: () => store.list(),
    };
    const error = {
      code: "ERR_SECRETS_PLATFORM_ERROR",
      message:
        /deep.secrets\.age does not exist\. Create it by a set with the same options, but without mustExist, or correct its path/,
    };
    for (const [name, call] of Object.entries(calls)) await assert.rejects(call(), error, name);
    assert.ok(!existsSync(join(path, "..")));
    await openStore({ ...options, mustExist: false }).set("s", "n", "value");
    assert.equal(await store.get("s", "n"), "value");
    rmSync(path);
    await assert.rejects(store.get("s", "n"), error);
    await assert.rejects(store.delete("s", "n"), error);
    await assert.rejects(store.set("s", "n", "v"), error);
    assert.equal(await openStore(options).get("s", "n"), null);
  });

  it("keep the stores of a process apart", async () => {
    const [one, other] = [openStore({ provider: "memory" }), openStore({ provider: "memory" })];
    await one.set("s", "n", "value");
    assert.equal(await other.get("s", "n"), null);
    assert.equal(await one.get("s", "n"), "value");
  });
});

describe("a helper program", () => {
  /**
   * Opens a store over a helper that runs a script: see `writeHelper`. `beside` returns the path of a
   * helper's file.
   */
  const open = (t, script, options) => {
    const folder = mkdtempSync(join(tmpdir(), "os-secrets-helper-"));
    t.after(() => rmSync(folder, { recursive: true, maxRetries: 5 }));
    const helper = writeHelper(folder, script);
    return { beside: (name) => join(folder, `helper.${name}`), store: openStore({ ...helper, ...options }) };
  };

  /** Whether a process runs. A zombie that init has not collected yet does not count. */
  function isRunning(pid) {
    try {
      process.kill(pid, 0);
    } catch {
      return false;
    }
    return isWindows || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  }

  it("is killed with all that it started when its time is over", async (t) => {
    const script = `writeFileSync(beside("pid"), String(start("setTimeout(() => {}, 1e6)", "ignore").pid)); wait();`;
    const { store, beside } = open(t, script, { timeout: 3000 });
    await assert.rejects(store.get("s", "n"), { code: "ERR_SECRETS_TIMEOUT", name: "TimeoutError" });
    const pid = Number(readFileSync(beside("pid"), "utf8"));
    for (let left = 100; isRunning(pid); left--) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.ok(left > 1, `process ${pid} still runs`);
    }
    await assert.rejects(store.get({ service: "s", name: "n", timeout: 100 }), {
      code: "ERR_SECRETS_TIMEOUT",
    });
  });

  /** Returns a helper's script that stores one value in a file. It runs `before` first. */
  const makeKeeperScript = (before) => `const kept = beside("value");
    const keep = (text) => {
      writeFileSync(beside(process.pid), text);
      renameSync(beside(process.pid), kept);
    };
    ${before}
    if (operation === "store") keep(input);
    if (operation === "erase") rmSync(kept, { force: true });
    if (operation !== "get") process.exit();
    if (!existsSync(kept)) answer("credentials not found in native keychain", 1);
    answer(readFileSync(kept, "utf8"));`;

  it("gets one change at a time, and keeps what was stored last", async (t) => {
    const { store } = open(t, makeKeeperScript(""));
    for (let round = 0; round < 5; round++) {
      const values = ["a", "b", "c", "d"].map((letter) => `${letter} ${round}`);
      await Promise.all(values.map((value) => store.set("s", "n", value)));
      assert.ok(values.includes(await store.get("s", "n")));
    }
  });

  it("is not told to delete what it has stored and cannot give back now", async (t) => {
    const locked = `if (operation === "get" && existsSync(beside("locked"))) process.exit(2);`;
    const { store, beside } = open(t, makeKeeperScript(locked));
    await store.set("s", "n", "first");
    writeFileSync(beside("locked"), "");
    await assert.rejects(store.set("s", "n", "second"), /failed at get.*may still have been made/);
    rmSync(beside("locked"));
    assert.equal(await store.get("s", "n"), "second");
  });

  it("is told to delete a part of a value, and nothing else", async (t) => {
    const cut = `if (operation === "store") { keep(input.replace(" and more", "")); process.exit(); }`;
    const cutting = open(t, makeKeeperScript(cut)).store;
    await assert.rejects(cutting.set("s", "n", "value and more"), /keeps only a part of this value/);
    assert.equal(await cutting.get("s", "n"), null);
    // The error does not say that the change may have been made, because the helper has deleted the part.
    await assert.rejects(
      cutting.set("s", "n", "value and more"),
      (error) => !/may have been/.test(error.message),
    );
    const none = join(tmpdir(), "os-secrets-no-such-helper");
    const missing = openStore({ provider: "exec", command: none });
    await assert.rejects(missing.set("s", "n", "v"), (error) => !/may have been/.test(error.message));
    // In this case another program stores its own value at the same time.
    const theirs = JSON.stringify({ Username: "n", Secret: "theirs" });
    const other = `if (operation === "store") { keep(${JSON.stringify(theirs)}); process.exit(); }`;
    const { store } = open(t, makeKeeperScript(other));
    await assert.rejects(store.set("s", "n", "value"), /something else than was stored/);
    assert.equal(await store.get("s", "n"), "theirs");
  });

  it("may leave something running behind it", async (t) => {
    const behind = `start("setTimeout(() => {}, 3000)", ["ignore", "inherit", "ignore"]).unref();`;
    const { store } = open(t, `${behind} answer("credentials not found in native keychain", 1);`);
    assert.equal(await store.get("s", "n"), null);
  });

  it("lists nothing where it prints null or that there is none", async (t) => {
    for (const script of [`answer("null");`, `answer("credentials not found in native keychain", 1);`]) {
      const { store } = open(t, script);
      assert.deepEqual(await store.list(), []);
      assert.equal(await store.has("s", "n"), false);
    }
  });

  it("is not said to be impossible to run when it answers too much", async (t) => {
    const { store } = open(t, `writeSync(1, Buffer.alloc(102_000_000, "x"));`, { timeout: 120_000 });
    await assert.rejects(store.get("s", "n"), {
      code: "ERR_SECRETS_PLATFORM_ERROR",
      message: /failed at get: it was run, but its answer cannot be used: it has more than 101711872 bytes\./,
    });
  });

  it("is not said to be missing where its interpreter is", linuxOnly("a shell"), async (t) => {
    const { store, beside } = open(t, "");
    const path = beside("").slice(0, -1);
    writeFileSync(path, "#!/no/such/interpreter\n");
    await assert.rejects(store.get("s", "n"), {
      message: /cannot be started: the interpreter in its first line, or the loader .* does not exist/,
    });
    rmSync(path);
    await assert.rejects(store.get("s", "n"), { message: /cannot be started: No such file or directory/ });
  });

  it("is not believed what makes no sense, and not quoted where that may be a secret", async (t) => {
    const answers = (value) => `answer(${JSON.stringify(JSON.stringify(value))});`;
    const killed = [`process.kill(process.pid, "SIGKILL"); wait();`, /signal: 9/];
    for (const [script, why, method] of [
      [`answer("hunter2");`, /answer is not a JSON object/],
      [answers({ Secret: "hunter2" }), /no user name and secret/],
      [answers({ Username: "x", Secret: "hunter2" }), /another user name/],
      [
        answers({ Username: "n", Secret: "hunter2" }).replace(")", ", 3)"),
        /ended with exit (status|code): 3/,
      ],
      [`answer("hunter2", 1);`, /ended with exit (status|code): 1/],
      ...(isWindows ? [] : [killed]),
      [`answer("the door is locked\\nhunter2", 1);`, /failed at list: the door is locked/, "list"],
      [`answer(input, 1);`, /failed at store: it ended with exit (status|code): 1/, "set"],
    ]) {
      const { store } = open(t, script);
      const call = method === "list" ? store.list() : store[method ?? "get"]("s", "n", "hunter2");
      await assert.rejects(call, (error) => {
        assert.equal(error.code, "ERR_SECRETS_PLATFORM_ERROR");
        assert.match(error.message, why);
        assert.ok(!error.message.includes("hunter2"), error.message);
        return true;
      });
    }
  });
});
