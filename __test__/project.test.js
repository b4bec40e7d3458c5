// The project file .secrets.toml: `secrets run` and `secrets check` with it, and what a stranger's file cannot do.

const assert = require("node:assert/strict");
const {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} = require("node:fs");
const { dirname, join } = require("node:path");
const { after, before, beforeEach, describe, it } = require("node:test");
const { linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { startSession } = require("./support/session.js");

const FILE = ".secrets.toml";
const OTHER_USER = 65534;
const isRoot = process.getuid?.() === 0;

describe("the project file", () => {
  let session;
  let project;
  before(async () => {
    session = await startSession();
    project = join(session.home, "project");
    for (const [name, value] of Object.entries({
      token: "from the store",
      other: "the other",
      key: "ab\0cd",
    })) {
      assert.equal((await runSecrets(["set", name, "--raw"], { input: value, cwd: session.home })).code, 0);
    }
  });
  after(() => session.stop());
  beforeEach(() => {
    rmSync(project, { recursive: true, force: true });
    mkdirSync(join(project, ".git"), { recursive: true });
    mkdirSync(join(project, "sub", "deep"), { recursive: true });
  });

  const runSecrets = (args, { way = "native", cwd = project, ...options } = {}) =>
    runProgram(session, way, "secrets", args, { cwd, ...options });
  const path = () => join(project, FILE);
  const write = (text, file = path()) => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  };
  /** Runs a script that prints these variables, as JSON. Returns them and standard error. */
  const runWith = async (names, flags = [], options = {}) => {
    const script = `console.log(JSON.stringify(${JSON.stringify(names)}.map((name) => process.env[name] ?? null)))`;
    const run = await runSecrets(["run", ...flags, "--", process.execPath, "-e", script], options);
    return { ...run, values: run.code === 0 ? JSON.parse(run.stdout) : undefined };
  };
  const expectValues = async (variables, flags, options) => {
    const { values, stderr } = await runWith(Object.keys(variables), flags, options);
    assert.deepEqual(values, Object.values(variables), stderr);
    return stderr;
  };
  /** Runs a command that must not be started, and fail with this code. Returns the lines of standard error. */
  const expectRefusal = async (code, flags = [], options = {}) => {
    const marker = join(project, "started");
    const script = `require("node:fs").writeFileSync(${JSON.stringify(marker)}, "")`;
    const run = await runSecrets(["run", ...flags, "--", process.execPath, "-e", script], options);
    assert.deepEqual([run.code, run.stdout, existsSync(marker)], [code, "", false], run.stderr);
    return run.stderr.split("\n").slice(0, -1);
  };

  for (const way of Object.keys(ways)) {
    it(`sets variables of run, and run says so, ${way}`, async () => {
      write('[env]\nTOKEN = "secret:token"\nPORT = { default = "8080" }\n');
      const stderr = await expectValues({ TOKEN: "from the store", PORT: "8080" }, [], { way });
      assert.equal(stderr, `secrets: using ${path()} for PORT, TOKEN\n`);
      const quiet = await runWith(["TOKEN"], ["-q"], { way });
      assert.deepEqual([quiet.values, quiet.stderr], [["from the store"], ""]);
    });
  }

  it("is that of the nearest directory, within the repository", async () => {
    write('[env]\nA = { default = "root" }\n');
    const cwd = join(project, "sub", "deep");
    await expectValues({ A: "root" }, [], { cwd });
    await expectValues({ A: "root" }, ["-C", "sub"]);
    write('[env]\nA = { default = "sub" }\n', join(project, "sub", FILE));
    await expectValues({ A: "sub" }, [], { cwd });
    // The files of directories above are not merged, and not used if there is a repository between.
    write('[env]\nA = { default = "nested" }\nB = { default = "b" }\n', join(project, FILE));
    await expectValues({ A: "sub", B: null }, [], { cwd });
    mkdirSync(join(cwd, ".git"));
    await expectValues({ A: null }, [], { cwd });
    rmSync(join(cwd, ".git"), { recursive: true });
    // A worktree and a submodule have a file.
    writeFileSync(join(cwd, ".git"), "gitdir: elsewhere\n");
    await expectValues({ A: null }, [], { cwd });
  });

  it("is not looked for above the home directory, nor above a directory outside of it", async () => {
    const outside = join(session.directory, "outside", "sub");
    mkdirSync(outside, { recursive: true });
    const aboveHome = join(session.directory, FILE);
    write('[env]\nA = { default = "above" }\n', aboveHome);
    write('[env]\nA = { default = "outside" }\n', join(outside, "..", FILE));
    const inHome = join(session.home, FILE);
    try {
      const plain = join(session.home, "plain", "sub");
      mkdirSync(plain, { recursive: true });
      await expectValues({ A: null }, [], { cwd: plain });
      write('[env]\nA = { default = "home" }\n', inHome);
      await expectValues({ A: "home" }, [], { cwd: plain });
      // The root of a repository comes first.
      await expectValues({ A: null });
      await expectValues({ A: null }, [], { cwd: outside });
      await expectValues({ A: "outside" }, [], { cwd: join(outside, "..") });
    } finally {
      for (const file of [aboveHome, inHome]) rmSync(file, { force: true });
    }
  });

  it("gives defaults, and leaves out what is optional", async () => {
    write(`[env]
      A = { ref = "secret:token", default = "unused" }
      B = { ref = "secret:nope", default = "used" }
      C = { ref = "secret:token", optional = true }
      D = { ref = "secret:nope", optional = true }
      E = { default = "" }
    `);
    await expectValues({ A: "from the store", B: "used", C: "from the store", D: null, E: "" });
  });

  it("gives no default if the store fails", linuxOnly("a bus"), async () => {
    write(
      '[env]\nA = { ref = "secret:token", default = "unused" }\nB = { ref = "secret:b", optional = true }\n',
    );
    const [, why] = await expectRefusal(3, [], { env: { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere" } });
    assert.match(why, /cannot be reached/);
  });

  it("gives the paths of files", async () => {
    write(
      '[env]\nA = { ref = "secret:key", as = "file" }\nB = "secret-file:key"\n[profiles.d]\nA = { ref = "secret:nope", default = "text", as = "file" }\n',
    );
    const script =
      "for (const name of ['A', 'B']) console.log(require('node:fs').readFileSync(process.env[name], 'latin1'))";
    const run = (...flags) => runSecrets(["run", "-q", ...flags, "--", process.execPath, "-e", script]);
    assert.deepEqual(await run(), { code: 0, signal: null, stdout: "ab\0cd\nab\0cd\n", stderr: "" });
    // A default is no secret, so it is not masked.
    assert.equal((await run("--profile", "d", "--mask")).stdout, "text\n***\n");
  });

  it("has profiles", async () => {
    write(
      '[env]\nA = "secret:token"\nB = "secret:token"\n[profiles.ci]\nB = "secret:other"\nC = { default = "c" }\n[profiles.none]\n',
    );
    await expectValues({ A: "from the store", B: "from the store", C: null });
    const stderr = await expectValues({ A: "from the store", B: "the other", C: "c" }, ["--profile", "ci"]);
    assert.equal(stderr, `secrets: using ${path()} (profile ci) for A, B, C\n`);
    const env = { OS_SECRETS_PROFILE: "ci" };
    await expectValues({ B: "the other" }, [], { env });
    await expectValues({ B: "from the store" }, ["--profile", "none"], { env });
    const unknown = `secrets: ${path()} has no profile CI; its profiles are ci, none`;
    assert.deepEqual(await expectRefusal(1, ["--profile", "CI"]), [unknown]);
    assert.deepEqual(await expectRefusal(1, [], { env: { OS_SECRETS_PROFILE: "CI" } }), [unknown]);
    rmSync(path());
    assert.match((await expectRefusal(2, ["--profile", "ci"]))[0], /--profile needs a project file/);
    await expectValues({ B: null }, [], { env });
  });

  it("comes after the environment, and env files come before both", async () => {
    write('[env]\nA = "secret:token"\nB = "secret:token"\nC = "secret:token"\nD = "secret:nope"\n');
    write("B=from the file\nD=from the file\n", join(project, "b.env"));
    const env = { A: "from the environment", B: "from the environment", C: "secret:other" };
    const stderr = await expectValues(
      { A: "from the environment", B: "from the file", C: "the other", D: "from the file" },
      ["--env-file", "b.env"],
      { env },
    );
    assert.equal(stderr, `secrets: using ${path()} for D; your environment sets A, B, C\n`);
    await expectValues({ A: "" }, ["--env-file", "b.env"], { env: { ...env, A: "" } });
  });

  it("is not used with --no-project", async () => {
    write("no TOML");
    const stderr = await expectValues({ A: null }, ["--no-project"]);
    assert.equal(stderr, "");
    assert.equal((await expectRefusal(2, ["--no-project", "--profile", "x"])).length, 1);
  });

  it("is wrong as a whole, and all that is wrong is told at once, without values", async () => {
    write(
      '[env]\nA = "hunter2"\nB = 1\n[profiles.unused]\nC = { ref = "secret:HUNTER2" }\n[store]\nfile = "hunter2"\n',
    );
    write("D=secret:HUNTER2\nOS_SECRETS_FILE=hunter2\n", join(project, "d.env"));
    const flags = ["--env-file", "d.env", "--env-file", "nowhere.env"];
    const lines = await expectRefusal(2, flags, { env: { E: "secret:HUNTER2" } });
    for (const [index, start] of [
      `${path()}, line 2: A: it must be secret:NAME`,
      `${path()}, line 3: B: `,
      `${path()}, line 5: C: `,
      `${path()}, line 6: store: this key is not known`,
      "the variable E: ",
      "the variable D: ",
      "d.env sets OS_SECRETS_FILE in line 2",
      "Cannot read ",
    ].entries()) {
      assert.ok(lines[index].startsWith(`secrets: ${start}`), lines.join("\n"));
    }
    assert.equal(lines.length, 8, lines.join("\n"));
    assert.doesNotMatch(lines.join("\n"), /hunter2/i);
    write("[env\nA = hunter2\n");
    assert.match((await expectRefusal(1))[0], /, line 1: /);
  });

  it("names all secrets that are missing", async () => {
    write('[env]\nA = "secret:nope"\nB = "secret:nope2"\nC = "secret:token"\n');
    const [, ...missing] = await expectRefusal(1, [], { env: { D: "secret:nope3" } });
    assert.deepEqual(
      missing.map((line) => line.replace(/ in the repository.*$/, "")),
      [
        "secrets: the variable A: There is no secret nope",
        "secrets: the variable B: There is no secret nope2",
        "secrets: the variable D: There is no secret nope3",
      ],
    );
  });

  it("cannot choose the store, or set what makes commands run other code", async () => {
    for (const name of [
      "OS_SECRETS_FILE",
      "OS_SECRETS_PROVIDER",
      "OS_SECRETS_NEW",
      "CREDENTIALS_DIRECTORY",
      "PATH",
      "LD_PRELOAD",
      "DYLD_INSERT_LIBRARIES",
      "NODE_OPTIONS",
      "BASH_ENV",
      "GIT_SSH_COMMAND",
      "HOME",
      "https_proxy",
    ]) {
      write(`[env]\nA = "secret:token"\n[profiles.unused]\n${name} = { default = "x" }\n`);
      const lines = await expectRefusal(1);
      assert.equal(lines.length, 1);
      assert.ok(lines[0].startsWith(`secrets: ${path()}, line 4: ${name}: `), lines[0]);
    }
  });

  it("is read by run, env and check only", async () => {
    write("no TOML");
    for (const args of [["get", "token"], ["list"], ["resolve", "secret:token"], ["doctor"]]) {
      assert.equal((await runSecrets(args)).code, 0, args[0]);
    }
    for (const args of [["check"], ["env", "--shell", "sh"]]) {
      const { code, stdout, stderr } = await runSecrets(args);
      assert.deepEqual([code, stdout], [1, ""], stderr);
    }
  });

  it("is read if only this user can have written it", linuxOnly("file modes"), async () => {
    write('[env]\nA = "secret:token"\n');
    chmodSync(path(), 0o666);
    const [why] = await expectRefusal(1);
    assert.equal(
      why,
      `secrets: ${path()} can be written by other users (its mode is 666), so it is not used. ` +
        `Check its content, then run: chmod go-w ${path()}`,
    );
    await expectValues({ A: null }, ["--no-project"]);
    chmodSync(path(), 0o644);
    await expectValues({ A: "from the store" });
    // A link is followed if nobody else can have put it or the file there.
    const shared = join(session.home, "shared");
    mkdirSync(shared, { recursive: true });
    write('[env]\nA = "secret:other"\n', join(shared, "project.toml"));
    rmSync(path());
    symlinkSync(join(shared, "project.toml"), path());
    await expectValues({ A: "the other" });
    chmodSync(shared, 0o777);
    assert.match(
      (await expectRefusal(1))[0],
      /Use --no-project, or check where the symbolic link leads: ls -l /,
    );
    rmSync(path());
    symlinkSync("/nowhere/at/all", path());
    assert.match((await expectRefusal(1))[0], /Cannot read .*: it is a symbolic link that leads nowhere/);
    rmSync(path());
    symlinkSync("/dev/null", path());
    assert.match((await expectRefusal(1))[0], /is not a regular file/);
  });

  it("is refused if it belongs to another user", { skip: !isRoot && "it needs root" }, async () => {
    write('[env]\nA = "secret:token"\n');
    chownSync(path(), OTHER_USER, 0);
    const [why] = await expectRefusal(1, [], { cwd: join(project, "sub") });
    assert.match(
      why,
      /belongs to the user 65534, and this process runs as 0, so it is not used\. Use --no-project/,
    );
  });

  describe("is checked by check, which", () => {
    it("says of each variable what it would be, and fails if a secret is missing", async () => {
      write(`[env]
        A = "secret:token"
        B = { ref = "secret:nope", default = "x" }
        C = { ref = "secret:nope", optional = true }
        D = { default = "x" }
        E = "secret:nope"
        LONG_NAME = "secret-file:key"
      `);
      write("F=secret:other\nG=text\n", join(project, "f.env"));
      const flags = ["check", "--env-file", "f.env"];
      const table = [
        "A          ok           secret:token",
        "B          default      secret:nope",
        "C          unset        secret:nope",
        "D          text",
        "E          missing      secret:nope",
        "F          ok           secret:other",
        "G          text",
        "LONG_NAME  ok           secret:key",
      ];
      const missing = await runSecrets(flags);
      assert.deepEqual([missing.code, missing.stdout], [1, `${table.join("\n")}\n`], missing.stderr);
      assert.match(
        missing.stderr,
        /\nsecrets: the secret nope is missing\. Store it with \S*secrets set nope\n$/,
      );
      const set = await runSecrets(flags, { env: { E: "hunter2" } });
      const [row] = set.stdout.split("\n").filter((line) => line.startsWith("E"));
      assert.deepEqual([set.code, row], [0, "E          environment"], set.stderr);
      assert.doesNotMatch(set.stdout + set.stderr, /hunter2/);
      const json = await runSecrets(["check", "--json", "-q", "-C", "sub"], { env: { E: "x" } });
      // Quiet commands print no result.
      assert.deepEqual([json.code, json.stdout, json.stderr], [0, "", ""]);
    });

    it("prints JSON", async () => {
      write('[env]\nA = "secret:token"\nB = "secret:nope"\nC = "secret:nope2"\n');
      const { code, stdout, stderr } = await runSecrets(["check", "--json"]);
      assert.deepEqual(JSON.parse(stdout), [
        { variable: "A", status: "ok", secret: "token" },
        { variable: "B", status: "missing", secret: "nope" },
        { variable: "C", status: "missing", secret: "nope2" },
      ]);
      assert.equal(code, 1);
      assert.match(
        stderr,
        /\nsecrets: 2 secrets are missing: nope, nope2\. Store each with \S*secrets set NAME\n$/,
      );
    });

    it("fails if there is nothing to check", async () => {
      const { code, stderr } = await runSecrets(["check"]);
      assert.equal(code, 1);
      assert.match(stderr, /^secrets: there is nothing to check: no \.secrets\.toml/);
      assert.equal((await runSecrets(["check"], { env: { A: "secret:token" } })).code, 0);
    });
  });
});

describe("check", linuxOnly("a bus"), () => {
  it("reads no value, and unlocks nothing", async (t) => {
    const session = await startSession();
    t.after(() => session.stop());
    const run = (args, input = "") =>
      runProgram(session, "native", "secrets", args, { cwd: session.home, input });
    assert.equal((await run(["set", "token"], "v")).code, 0);
    await session.lock();
    const text = '[env]\nA = "secret:token"\nB = { ref = "secret:nope", default = "" }\n';
    writeFileSync(join(session.home, FILE), text);
    assert.equal((await run(["run", "--", "true"])).code, 3);
    const { code, stdout, stderr } = await run(["check"]);
    assert.deepEqual(
      [code, stdout],
      [0, "A  ok           secret:token\nB  default      secret:nope\n"],
      stderr,
    );
  });
});
