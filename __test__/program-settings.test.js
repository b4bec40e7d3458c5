// The user's settings file: the program, the library and doctor agree on it, and none uses it if it is refused.

const assert = require("node:assert/strict");
const {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { writeIdentity } = require("./support/age.js");
const { examples } = require("./support/documents.js");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { node, root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const isRoot = process.getuid?.() === 0;
const quote = JSON.stringify;

/** Starts a session without a store of the system. Returns it with functions that write the settings and run programs. */
async function prepareSession(t, way = "native") {
  const session = await startSession({ bus: false });
  t.after(() => session.stop());
  const folder = join(session.configuration, "os-secrets");
  mkdirSync(folder, { mode: 0o700 });
  const settings = join(folder, "config.toml");
  const write = (text, mode = 0o644) => {
    rmSync(settings, { recursive: true, force: true });
    writeFileSync(settings, text);
    chmodSync(settings, mode);
  };
  const run = (args, more) => runProgram(session, way, "secrets", args, { cwd: session.directory, ...more });
  const read = async (args, more) => {
    const { code, stdout, stderr } = await run(args, more);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const load = async (
    source,
    { env, runtime: [command, ...args] = node(22), cwd = session.directory } = {},
  ) => {
    const file = join(session.directory, "program.cjs");
    const head = `const { diagnose, openStore, secrets } = require(${quote(root)});
      const told = (call) => call().then((value) => console.log(JSON.stringify(value ?? null)), (error) => console.log(error.code + ": " + error.message));`;
    writeFileSync(file, `${head}\n(async () => { ${source} })();`);
    const { stdout, stderr } = await session.run(command, [...args, file], { env, cwd });
    assert.equal(stderr, "");
    return stdout.trim().split("\n");
  };
  const identity = writeIdentity(session.directory);
  const file = join(session.directory, "own", "secrets.age");
  const ours = `store = "file"\nfile = ${quote(file)}\nidentity = ${quote(identity.path)}\n`;
  return { session, settings, write, run, read, load, identity, file, ours };
}

for (const way of Object.keys(ways)) {
  describe(`the settings file, ${way},`, () => {
    it("names the store, the encrypted file and its identity", async (t) => {
      const { write, run, read, file, ours } = await prepareSession(t, way);
      write(ours);
      const stored = await run(["set", "a"], { input: "value" });
      assert.deepEqual(stored, { code: 0, signal: null, stdout: "", stderr: "" });
      assert.ok(existsSync(file));
      assert.equal(await read(["get", "a"]), "value\n");
    });

    it("comes after the environment and the flags", async (t) => {
      const { session, write, run, read, identity, ours } = await prepareSession(t, way);
      write(ours);
      await read(["set", "a"], { input: "of the settings" });
      const other = writeIdentity(mkdtempSync(join(session.directory, "other")));
      const named = join(session.directory, "named", "secrets.age");
      const env = { OS_SECRETS_FILE: named, OS_SECRETS_IDENTITY: other.path };
      await read(["set", "a"], { env, input: "of the environment" });
      assert.equal(await read(["get", "a"], { env }), "of the environment\n");
      assert.equal(await read(["get", "a"]), "of the settings\n");
      const flag = ["--store", "./flag/secrets.age"];
      await read([...flag, "set", "a"], { input: "of the flag" });
      const opened = {
        OS_SECRETS_PROVIDER: "file",
        OS_SECRETS_FILE: "flag/secrets.age",
        OS_SECRETS_IDENTITY: identity.path,
      };
      assert.equal(await read(["get", "a"], { env: opened }), "of the flag\n");
      // A passphrase is a key, too. It does not open a file for an identity.
      const passphrase = await run(["get", "a"], { env: { OS_SECRETS_PASSPHRASE: "p" } });
      assert.equal(passphrase.code, 3);
      // There is no such store in this session, except on Windows.
      for (const [args, environment] of [
        [["get", "a", "--store", "os"], {}],
        [["get", "a"], { OS_SECRETS_PROVIDER: "os" }],
      ]) {
        const { code, stdout } = await run(args, { env: environment });
        assert.deepEqual([code, stdout], [isWindows ? 1 : 3, ""]);
      }
    });

    it("stops every command if it is wrong, with its path and line, and doctor says so", async (t) => {
      const { session, settings, write, run, file, ours } = await prepareSession(t, way);
      write(`${ours}colour = "hunter2"\n[env]\n`);
      const why = [
        `${settings}, line 4: colour: this key is not known; the file has store, file and identity; `,
        `line 5: env: this key is not known; the file has store, file and identity. Correct or remove the file`,
      ].join("");
      const ran = join(session.directory, "ran");
      const command = [process.execPath, "-e", `require("fs").writeFileSync(${quote(ran)}, "")`];
      for (const [args, env] of [
        [["set", "a"]],
        [["set", "a"], { OS_SECRETS_PROVIDER: "file", OS_SECRETS_FILE: file }],
        [["get", "a", "--store", "file"]],
        [["run", "--", ...command]],
        [["init", "key"]],
      ]) {
        const { code, stdout, stderr } = await run(args, { env, input: "value" });
        assert.deepEqual([code, stdout, stderr], [1, "", `secrets: ${why}\n`]);
      }
      assert.ok(![file, ran, join(session.directory, "key")].some(existsSync));
      const { code, stdout } = await run(["doctor", "--json"]);
      const { works, problems, settings: shown } = JSON.parse(stdout);
      assert.deepEqual([code, works, shown.refused, shown.store], [1, false, true, null]);
      assert.equal(problems[0].what, `The settings file cannot be used. ${why}`);
      assert.equal(problems[0].fix, `Correct ${settings}, or remove it`);
      const text = (await run(["doctor"])).stdout;
      assert.ok(text.includes(`settings    ${settings} (refused)\nstore_from  unknown\n`), text);
      assert.equal((await run(["completions", "bash"])).code, 0);
      assert.equal((await run(["--version"])).code, 0);
      // A store that is named is examined as well. Which file and key it has is not known without the settings.
      for (const [store, kind] of [
        ["file", undefined],
        [file, "encrypted file"],
      ]) {
        const named = JSON.parse((await run(["doctor", "--json", "--store", store])).stdout);
        assert.deepEqual([named.works, named.store, named.settings.store], [false, kind, "--store"]);
      }
    });
  });
}

describe("the settings file", () => {
  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`counts for the library as for the program, under ${name}`, async (t) => {
      const { write, read, load, ours } = await prepareSession(t);
      write(ours);
      await read(["set", "--service", "s", "n"], { input: "value" });
      const source = `await told(() => secrets.get("s", "n"));
        await told(() => openStore().get("s", "n"));
        await told(() => openStore({ provider: "file" }).get("s", "n"));
        await told(() => openStore({ provider: "memory" }).get("s", "n"));
        await told(async () => (await diagnose()).store);`;
      assert.deepEqual(await load(source, { runtime }), [
        '"value"',
        '"value"',
        '"value"',
        "null",
        '"encrypted file"',
      ]);
      const env = { OS_SECRETS_PROVIDER: "memory" };
      assert.deepEqual(await load(`await told(() => secrets.get("s", "n"));`, { runtime, env }), ["null"]);
    });
  }

  it("makes calls of the library reject if it is wrong, except on stores that are chosen in code", async (t) => {
    const { session, settings, write, load, identity, ours } = await prepareSession(t);
    write(`${ours}\nstore = 1`);
    const own = { provider: "file", path: join(session.directory, "named.age"), identity: identity.path };
    const lines = await load(`await told(() => secrets.set("s", "n", "value"));
      await told(() => openStore().get("s", "n"));
      await told(() => openStore({ provider: "file" }).list());
      await told(() => diagnose());
      await told(() => openStore(${quote(own)}).set("s", "n", "value"));
      await told(() => openStore({ provider: "memory" }).list());`);
    for (const line of lines.slice(0, 4)) {
      assert.ok(line.startsWith(`ERR_SECRETS_INVALID_SETTING: ${settings}, line 5: `), line);
    }
    assert.deepEqual(lines.slice(4), ["null", "[]"]);
    const env = { OS_SECRETS_PROVIDER: "memory" };
    const [refused] = await load(`await told(() => secrets.get("s", "n"));`, { env });
    assert.match(refused, /^ERR_SECRETS_INVALID_SETTING: /);
  });

  it("is refused for each mistake, and no message shows a value", async (t) => {
    const { settings, write, run } = await prepareSession(t);
    for (const [text, why] of [
      ['store = "hunter2"', ', line 1: store: it must be "os" or "file"'],
      ['store = "memory"', ', line 1: store: it must be "os" or "file"'],
      ["\nstore = true", ", line 2: store: it must be a text in quotes"],
      ['file = "hunter2.age"', ", line 1: file: the path must be absolute, or start with ~/"],
      [
        'identity = "AGE-SECRET-KEY-1HUNTER2"',
        ", line 1: identity: it must be a path. This file holds no secrets",
      ],
      ['passphrase = "hunter2"', ", line 1: passphrase: this key is not known"],
      ["store = hunter2", ", line 1: "],
      ['store = "os"\nstore = "file"', ", line 2: "],
      [Buffer.from([0x73, 0xff]), " is not UTF-8 text"],
    ]) {
      write(text);
      const { code, stderr } = await run(["get", "a"]);
      assert.equal(code, 1, stderr);
      assert.ok(stderr.startsWith(`secrets: ${settings}${why}`), stderr);
      assert.ok(!stderr.toLowerCase().includes("hunter2"), stderr);
    }
    rmSync(settings);
    mkdirSync(settings);
    const folder = await run(["get", "a"]);
    assert.equal(folder.code, 1);
    assert.match(folder.stderr, /Cannot read .*config\.toml: /);
  });

  it(
    "may be read by everybody, and is refused if others can write it",
    linuxOnly("file modes"),
    async (t) => {
      const { session, settings, write, run, read, load, ours } = await prepareSession(t);
      write(ours, 0o444);
      await read(["set", "a"], { input: "value" });
      write(ours, 0o646);
      const { code, stderr } = await run(["get", "a"]);
      const why = `${settings} can be written by other users (its mode is 646), so it is not used. Check its content, then run: chmod go-w ${settings}`;
      assert.deepEqual([code, stderr], [1, `secrets: ${why}\n`]);
      assert.deepEqual(await load(`await told(() => secrets.get("s", "n"));`), [
        `ERR_SECRETS_ACCESS_DENIED: ${why}`,
      ]);
      const { problems } = JSON.parse((await run(["doctor", "--json"])).stdout);
      assert.equal(problems[0].fix, `Check its content, then run: chmod go-w ${settings}`);
      // Opening a pipe would wait for a writer.
      rmSync(settings);
      await session.run("mkfifo", [settings]);
      const pipe = await run(["get", "a"]);
      assert.equal(pipe.code, 1);
      assert.match(pipe.stderr, /it is not a regular file/);
    },
  );

  it("must not belong to another user", linuxOnly("file modes"), async (t) => {
    if (!isRoot) return t.skip("only root can give files away");
    const { settings, write, run, ours } = await prepareSession(t);
    write(ours);
    chownSync(settings, 12345, 12345);
    const { code, stderr } = await run(["get", "a"]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /belongs to the user 12345, and this process runs as 0, so it is not used\. Set HOME to your own directory/,
    );
  });

  it(
    "may be a link to a folder of the user's, and is refused if it leads nowhere",
    linuxOnly("symbolic links"),
    async (t) => {
      const { session, settings, write, run, read, ours } = await prepareSession(t);
      write(ours);
      const folder = join(session.home, "dotfiles");
      mkdirSync(folder, { mode: 0o755 });
      renameSync(settings, join(folder, "config.toml"));
      symlinkSync(join(folder, "config.toml"), settings);
      await read(["set", "a"], { input: "value" });
      chmodSync(folder, 0o777);
      const shared = await run(["get", "a"]);
      assert.equal(shared.code, 1);
      assert.match(
        shared.stderr,
        /dotfiles can be written by other users .*Check where the symbolic link leads/,
      );
      chmodSync(folder, 0o755);
      rmSync(join(folder, "config.toml"));
      const lost = await run(["get", "a"]);
      assert.equal(lost.code, 1);
      assert.match(lost.stderr, /it is a symbolic link that leads nowhere/);
    },
  );

  it("is what init advises, unless something names the store", async (t) => {
    const { session, settings, write, run, read } = await prepareSession(t);
    const own = await run(["init"]);
    const advice = `secrets: to use an encrypted file in all programs, put the line store = "file" into ${settings}\n`;
    assert.ok(own.stderr.endsWith(advice), own.stderr);
    assert.ok(!existsSync(settings));
    write('store = "file"\n');
    await read(["set", "a"], { input: "value" });
    assert.ok(existsSync(join(session.data, "os-secrets", "secrets.age")));
    rmSync(join(session.configuration, "os-secrets", "identity"));
    for (const args of [["init"], ["init", "other"]]) {
      const { code, stderr } = await run(args);
      assert.equal(code, 0);
      assert.ok(!stderr.includes(settings), stderr);
    }
  });

  it("works as the manual shows it", async (t) => {
    const { session, write, read } = await prepareSession(t);
    write(examples("docs/servers.md", "toml")[0]);
    await read(["init", join(session.home, ".config", "os-secrets", "identity")], {
      env: { XDG_CONFIG_HOME: session.data, APPDATA: session.data },
    });
    await read(["set", "a"], { input: "value" });
    assert.ok(existsSync(join(session.home, "secrets", "secrets.age")));
  });

  it("may name paths in the home directory", async (t) => {
    const { session, write, read, identity } = await prepareSession(t);
    writeFileSync(join(session.home, "key"), identity.text, { mode: 0o600 });
    write('store = "file"\nfile = "~/own/secrets.age"\nidentity = "~/key"\n');
    await read(["set", "a"], { input: "value", cwd: session.data });
    assert.ok(existsSync(join(session.home, "own", "secrets.age")));
  });

  it("is enough for a program that has no variable but HOME", linuxOnly("a shell"), async (t) => {
    const { session, write, settings, read, ours } = await prepareSession(t);
    write(ours);
    await read(["set", "a"], { input: "value" });
    mkdirSync(join(session.home, ".config", "os-secrets"), { recursive: true });
    renameSync(settings, join(session.home, ".config", "os-secrets", "config.toml"));
    const { HOME, PATH } = session.env;
    const [secrets] = ways.native("secrets");
    const { stdout, stderr } = await session.run("env", [
      "-i",
      `HOME=${HOME}`,
      `PATH=${PATH}`,
      secrets,
      "get",
      "a",
    ]);
    assert.equal(stdout, "value\n", stderr);
  });

  it(
    "is not looked for in a home that this user may not look into, or that is none",
    linuxOnly("file modes"),
    async (t) => {
      const { session, run, identity } = await prepareSession(t);
      const env = {
        ...{ OS_SECRETS_PROVIDER: "file", OS_SECRETS_FILE: join(session.directory, "named.age") },
      };
      for (const HOME of ["/dev/null", "/none", "/"]) {
        const more = { ...env, HOME, XDG_CONFIG_HOME: "", OS_SECRETS_IDENTITY: identity.path };
        assert.deepEqual((await run(["list"], { env: more })).code, 0, HOME);
      }
      if (!isRoot) return;
      const home = join(session.directory, "of-root");
      mkdirSync(join(home, ".config", "os-secrets"), { recursive: true });
      writeFileSync(join(home, ".config", "os-secrets", "config.toml"), "store = 5");
      chmodSync(home, 0o700);
      // The user must reach the program and the file.
      for (const path of [session.directory, session.env.XDG_RUNTIME_DIR]) chmodSync(path, 0o755);
      const [secrets] = ways.native("secrets");
      const script = `cp ${secrets} ${session.directory}/program && cd / &&
      HOME=${home} XDG_CONFIG_HOME= OS_SECRETS_PROVIDER=memory setpriv --reuid=12345 --clear-groups ${session.directory}/program list`;
      const { code, stderr } = await session.run("bash", ["-c", script]);
      assert.equal(code, 0, stderr);
      // As root, the same file is read, and wrong.
      const own = await run(["list"], {
        env: { HOME: home, XDG_CONFIG_HOME: "", OS_SECRETS_PROVIDER: "memory" },
      });
      assert.equal(own.code, 1, own.stderr);
    },
  );

  it(
    "is not looked for in the working directory, whatever a file there says",
    linuxOnly("/proc"),
    async (t) => {
      const { session, run, load, identity } = await prepareSession(t);
      const project = join(session.directory, "project");
      const [inProject] = [join(project, "stolen.age")];
      const text = `store = "file"\nfile = ${quote(inProject)}\nidentity = ${quote(identity.path)}\n`;
      for (const folder of [".", "os-secrets", ".config/os-secrets"]) {
        mkdirSync(join(project, folder), { recursive: true });
        writeFileSync(join(project, folder, "config.toml"), text);
      }
      const stores = async () => (await run(["set", "a"], { cwd: project, input: "value" })).code;
      assert.equal(await stores(), 3);
      // A relative variable counts as unset.
      const relative = await run(["set", "a"], {
        cwd: project,
        input: "value",
        env: { XDG_CONFIG_HOME: "." },
      });
      assert.equal(relative.code, 3);
      for (const name of ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"]) {
        writeFileSync(join(project, ".env"), `${name}=${project}\n`);
        const { code, stderr } = await run(["run", "--env-file", ".env", "--", "true"], { cwd: project });
        assert.equal(code, 1);
        assert.match(
          stderr,
          new RegExp(`\\.env sets ${name} in line 1, and an env file must not choose the store`),
        );
      }
      // Node fills in what the environment does not have.
      writeFileSync(join(project, ".env"), `XDG_CONFIG_HOME=${project}\n`);
      const source = `await told(() => secrets.set("s", "n", "value"));`;
      const runtime = [...node(22), `--env-file=${join(project, ".env")}`];
      const [line] = await load(source, { runtime, cwd: project, env: { XDG_CONFIG_HOME: undefined } });
      assert.match(line, /^ERR_SECRETS_PLATFORM_ERROR: .*D-Bus/);
      assert.ok(!existsSync(inProject));
    },
  );

  it(
    "is not used by a program whose process.env has another home, if it names a file",
    linuxOnly("/proc"),
    async (t) => {
      const { session, write, load, ours, identity } = await prepareSession(t);
      write(ours);
      for (const name of ["XDG_CONFIG_HOME", "OS_SECRETS_FILE", "OS_SECRETS_IDENTITY"]) {
        const file = join(session.directory, "changed.cjs");
        writeFileSync(file, `process.env.${name} = ${quote(identity.path)};`);
        const [line] = await load(`await told(() => secrets.get("s", "n"));`, {
          runtime: [...node(22), "-r", file],
        });
        assert.ok(line.startsWith(`ERR_SECRETS_INVALID_SETTING: ${name} in process.env has no effect`), line);
      }
      // The usual place of the file does not matter.
      const file = join(session.directory, "changed.cjs");
      writeFileSync(file, `process.env.XDG_DATA_HOME = "/none";`);
      assert.deepEqual(
        await load(`await told(() => secrets.get("s", "n"));`, { runtime: [...node(22), "-r", file] }),
        ["null"],
      );
      write("");
      writeFileSync(file, `process.env.XDG_CONFIG_HOME = "/none";`);
      const [os] = await load(`await told(() => secrets.get("s", "n"));`, {
        runtime: [...node(22), "-r", file],
      });
      assert.match(os, /^ERR_SECRETS_PLATFORM_ERROR: /);
    },
  );

  it("comes after the identity of a service, and is not replaced by a usual one", async (t) => {
    const { session, write, run, read, settings, file } = await prepareSession(t);
    const service = mkdtempSync(join(session.directory, "credentials"));
    // The usual identity exists, and is not taken in place of the one that is named.
    await read(["init"]);
    const identity = readFileSync(join(session.configuration, "os-secrets", "identity"));
    writeFileSync(join(service, "os-secrets.identity"), identity, { mode: 0o600 });
    const missing = join(session.directory, "missing");
    write(`store = "file"\nfile = ${quote(file)}\nidentity = ${quote(missing)}\n`);
    await read(["set", "a"], { input: "value", env: { CREDENTIALS_DIRECTORY: service } });
    const { code, stderr } = await run(["get", "a"]);
    assert.equal(code, 3);
    const why = `The setting identity in ${settings} names ${missing}, which cannot be read: `;
    assert.ok(stderr.includes(why), stderr);
    write(`store = "file"\nfile = ${quote(file)}\n`);
    assert.equal(await read(["get", "a"]), "value\n");
    const env = { CREDENTIALS_DIRECTORY: service };
    const { settings: shown } = JSON.parse(await read(["doctor", "--json"], { env }));
    assert.equal(shown.identity, "CREDENTIALS_DIRECTORY");
  });

  it("has no say in bus-secrets", async (t) => {
    const { session, write } = await prepareSession(t);
    write("store = 5");
    for (const way of Object.keys(ways)) {
      const run = (...args) => runProgram(session, way, "bus-secrets", args, { cwd: session.directory });
      assert.deepEqual(await run("set", "a", "v"), { code: 0, signal: null, stdout: "", stderr: "" });
      assert.equal((await run("get", "a")).stdout, "v\n");
    }
  });
});

describe("doctor", () => {
  it("says for each setting where it comes from", async (t) => {
    const { session, settings, write, run, identity, file, ours } = await prepareSession(t);
    const examine = async (args, env) =>
      JSON.parse((await run(["doctor", "--json", ...args], { env })).stdout).settings;
    const origins = async (args, env) => {
      const { store, file, identity } = await examine(args, env);
      return [store, file, identity];
    };
    const usual = "default";
    assert.deepEqual(await examine([]), {
      ...{ path: settings, exists: false, refused: false },
      ...{ store: usual, file: usual, identity: usual },
    });
    const variables = {
      OS_SECRETS_PROVIDER: "file",
      OS_SECRETS_FILE: join(session.directory, "named.age"),
      OS_SECRETS_IDENTITY: identity.path,
    };
    assert.deepEqual(await origins([], variables), Object.keys(variables));
    assert.deepEqual(await origins(["--store", "./a.age"]), ["--store", "--store", usual]);
    assert.deepEqual(await origins(["--store", "file"]), ["--store", usual, usual]);
    assert.deepEqual(await origins([], { OS_SECRETS_PASSPHRASE: "p" }), [
      usual,
      usual,
      "OS_SECRETS_PASSPHRASE",
    ]);
    write(ours);
    assert.deepEqual(await origins([]), [settings, settings, settings]);
    assert.deepEqual(await origins([], { OS_SECRETS_FILE: file }), [settings, "OS_SECRETS_FILE", settings]);
    assert.equal((await examine([])).exists, true);
    const { stdout } = await run(["doctor"]);
    const rows = [
      `settings    ${settings}`,
      ...["store", "file", "key"].map((name) => `${`${name}_from`.padEnd(12)}${settings}`),
    ];
    assert.ok(stdout.includes(`\n${rows.join("\n")}\n`), stdout);
    assert.ok(stdout.includes(`\nkey         ${settings}\n`), stdout);
  });
});
