// The encrypted file where others put it: in clones of a repository, in volumes of Kubernetes, and on file systems that
// cannot be written.

const assert = require("node:assert/strict");
const {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { openStore } = require("..");
const { writeIdentity } = require("./support/age.js");
const { runIsolated } = require("./support/apart.js");
const { linuxOnly } = require("./support/platform.js");
const { ways } = require("./support/programs.js");
const { startSession } = require("./support/session.js");

const [secrets] = ways.native("secrets");
const isRoot = process.getuid?.() === 0;

/** The permissions of a file. */
const modeOf = (path) => (statSync(path).mode & 0o777).toString(8);

/** Starts a session with an identity, and `secrets` on its path. `run` runs a bash script, which must succeed. */
async function prepareSession(t) {
  const session = await startSession({ bus: false });
  t.after(() => session.stop());
  const identity = writeIdentity(session.directory);
  session.env.PATH = `${join(secrets, "..")}:${session.env.PATH}`;
  session.env.OS_SECRETS_IDENTITY = identity.path;
  const run = async (script) => {
    const options = { cwd: session.directory };
    const { code, stdout, stderr } = await session.run("bash", ["--norc", "-euc", script], options);
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };
  return { session, identity, run };
}

/** Makes a repository with an encrypted file in the folder ci, and a clone with a umask. */
const makeRepository = (umask) => `umask 022
  git init -q -b main origin; cd origin
  git config user.name x; git config user.email x@example.com
  mkdir ci; printf one | secrets set -q --store ci/secrets.age token
  echo '*.backup' >.gitignore; echo '*.age -text -merge' >.gitattributes
  git add .; git commit -qm one; cd ..
  umask ${umask}; git clone -q origin clone`;

describe("an encrypted file in a repository", linuxOnly("file modes"), () => {
  it("is read in a clone and after a pull, and keeps its mode when it is written", async (t) => {
    const { session, identity, run } = await prepareSession(t);
    await run(makeRepository("022"));
    const path = join(session.directory, "clone", "ci", "secrets.age");
    assert.deepEqual([modeOf(path), modeOf(join(path, ".."))], ["644", "755"]);
    const store = openStore({ provider: "file", path, identity: identity.path });
    assert.equal(await store.get("os-secrets", "token"), "one");
    await run(`umask 022; cd origin; printf two | secrets set -q --store ci/secrets.age token
      git commit -qam two; cd ../clone; git pull -q`);
    assert.equal(await store.get("os-secrets", "token"), "two");
    assert.equal(modeOf(path), "644");
    await store.set("os-secrets", "token", "three");
    assert.deepEqual([modeOf(path), modeOf(join(path, ".."))], ["644", "755"]);
    assert.equal(await run("secrets get -C clone --store ci/secrets.age token 2>&1 | tail -1"), "three\n");
    const doctor = JSON.parse(await run("secrets doctor --json --store clone/ci/secrets.age"));
    assert.deepEqual([doctor.works, doctor.writable, doctor.problems], [true, true, []]);
    // Git sees a change of the file alone, and not of its mode.
    assert.equal(await run("git -C clone diff --summary; git -C clone diff --name-only"), "ci/secrets.age\n");
  });

  it("is read in a clone that the user's private group may write, and no other group", async (t) => {
    const { session, identity, run } = await prepareSession(t);
    const path = join(session.directory, "clone", "ci", "secrets.age");
    const read = () =>
      openStore({ provider: "file", path, identity: identity.path }).get("os-secrets", "token");
    await run(makeRepository("002"));
    assert.deepEqual([modeOf(path), modeOf(join(path, ".."))], ["664", "775"]);
    const [user, group, members] = (await run("id -un; id -gn; getent group $(id -g) | cut -d: -f4")).split(
      "\n",
    );
    if (user === group && members === "") {
      assert.equal(await read(), "one");
      await run("printf two | secrets set -q --store clone/ci/secrets.age token");
      assert.equal(await read(), "two");
      assert.equal(modeOf(path), "664");
    } else {
      await assert.rejects(read(), { code: "ERR_SECRETS_ACCESS_DENIED", message: /chmod go-w/ });
    }
    chmodSync(join(path, ".."), 0o755);
    chmodSync(path, 0o666);
    await assert.rejects(read(), { code: "ERR_SECRETS_ACCESS_DENIED", message: /chmod go-w .*secrets\.age/ });
  });

  it("is read by another user only if it belongs to root", async (t) => {
    if (!isRoot) return t.diagnostic("only root can make files of other users");
    const { session, identity, run } = await prepareSession(t);
    await run(makeRepository("022"));
    const path = join(session.directory, "clone", "ci", "secrets.age");
    chownSync(path, 12345, 12345);
    const store = openStore({ provider: "file", path, identity: identity.path });
    await assert.rejects(store.get("os-secrets", "token"), {
      code: "ERR_SECRETS_ACCESS_DENIED",
      message: /belongs to the user 12345, and this process runs as 0/,
    });
  });
});

describe("an identity", linuxOnly("file modes"), () => {
  it("of another user is refused, wherever it is named", async (t) => {
    if (!isRoot) return t.diagnostic("only root can make files of other users");
    const { session, identity, run } = await prepareSession(t);
    await run(
      "printf one | secrets set -q --store ./own/secrets.age token; mkdir credentials; mkfifo -m 600 pipe",
    );
    const path = join(session.directory, "own", "secrets.age");
    const provided = join(session.directory, "credentials", "os-secrets.identity");
    const [link, pipe] = ["link", "pipe"].map((name) => join(session.directory, name));
    copyFileSync(identity.path, provided);
    symlinkSync(identity.path, link);
    chmodSync(provided, 0o600);
    const runGet = (env) => session.run(secrets, ["--store", path, "get", "token"], { env });
    const places = [
      [identity.path, { OS_SECRETS_IDENTITY: identity.path }],
      [provided, { OS_SECRETS_IDENTITY: "", CREDENTIALS_DIRECTORY: join(provided, "..") }],
      [link, { OS_SECRETS_IDENTITY: link }],
    ];
    for (const [changed, env] of places) {
      assert.equal((await runGet(env)).stdout, "one\n");
      lchownSync(changed, 12345, 0);
      const refused = await runGet(env);
      assert.deepEqual([refused.code, refused.stdout], [3, ""]);
      assert.match(
        refused.stderr,
        /belongs to the user 12345, and this process runs as 0\. .*chown (-h )?0 /,
      );
      lchownSync(changed, 0, 0);
    }
    // Opening it would wait for a writer.
    lchownSync(pipe, 12345, 0);
    assert.equal((await runGet({ OS_SECRETS_IDENTITY: pipe })).code, 3);
    chownSync(identity.path, 12345, 0);
    const store = openStore({ provider: "file", path, identity: identity.path });
    await assert.rejects(store.get("os-secrets", "token"), { code: "ERR_SECRETS_INVALID_SETTING" });
    assert.equal(await run(`OS_SECRETS_IDENTITY=<(cat identity) secrets --store ${path} get token`), "one\n");
  });

  it("in a container's directory may belong to any user", async (t) => {
    if (!isRoot) return t.diagnostic("only root can make files of other users");
    const { session, run } = await prepareSession(t);
    await run("printf one | secrets set -q --store ./own/secrets.age token");
    const script = `mount -t tmpfs tmpfs /run; mkdir /run/secrets; cp identity /run/secrets/os-secrets.identity
      chown 12345 /run/secrets/*; "$@"; OS_SECRETS_IDENTITY=/run/secrets/os-secrets.identity "$@"`;
    const args = [secrets, "--store", "./own/secrets.age", "get", "token"];
    const env = { OS_SECRETS_IDENTITY: "" };
    const { stdout, stderr } = await runIsolated(session, script, args, { cwd: session.directory, env });
    assert.equal(stdout, "one\none\n", stderr);
  });
});

describe("a volume of Kubernetes", linuxOnly("file modes"), () => {
  /**
   * Makes a volume as the kubelet does: what users see are links into `..data`, a link to the folder of the current
   * version. `runSecrets` runs the program as another user than the volume's if the test can do that.
   */
  async function prepareVolume(t) {
    const { session, identity, run } = await prepareSession(t);
    const volume = join(session.directory, "volume");
    const put = async (version, value) => {
      await run(`printf ${value} | secrets set -q --store ./made/secrets.age token`);
      mkdirSync(join(volume, version), { recursive: true });
      chmodSync(volume, 0o1777);
      for (const [name, from] of [
        ["secrets.age", join(session.directory, "made", "secrets.age")],
        ["identity", identity.path],
      ]) {
        copyFileSync(from, join(volume, version, name));
        chmodSync(join(volume, version, name), 0o644);
        if (!existsSync(join(volume, name))) symlinkSync(`..data/${name}`, join(volume, name));
      }
      symlinkSync(version, join(volume, "..data_tmp"));
      renameSync(join(volume, "..data_tmp"), join(volume, "..data"));
    };
    await put("..2026_01", "one");
    const program = join(session.directory, "program");
    copyFileSync(secrets, program);
    chmodSync(session.directory, 0o755);
    const [command, ...first] = isRoot ? ["setpriv", "--reuid=65534", "--clear-groups"] : ["env"];
    const env = { OS_SECRETS_IDENTITY: join(volume, "identity") };
    const runSecrets = (args, input) =>
      session.run(command, [...first, program, "--store", join(volume, "secrets.age"), ...args], {
        env,
        input,
        // The current directory may be closed to that user.
        cwd: session.directory,
      });
    return { session, volume, put, runSecrets };
  }

  it("is read through its links, also when the version changes", async (t) => {
    const { volume, put, runSecrets } = await prepareVolume(t);
    const path = join(volume, "secrets.age");
    const first = await runSecrets(["get", "token"]);
    assert.deepEqual([first.code, first.stdout], [0, "one\n"], first.stderr);
    const store = openStore({ provider: "file", path, identity: join(volume, "identity") });
    assert.equal(await store.get("os-secrets", "token"), "one");
    await put("..2026_02", "two");
    rmSync(join(volume, "..2026_01"), { recursive: true });
    assert.equal(await store.get("os-secrets", "token"), "two");
    assert.equal((await runSecrets(["get", "token"])).stdout, "two\n");
    const doctor = await runSecrets(["doctor", "--json"]);
    const { works, writable, problems } = JSON.parse(doctor.stdout);
    assert.deepEqual([doctor.code, works, writable, problems.length], [0, true, false, 1]);
    assert.match(problems[0].what, /^Secrets can be read, but not stored\. /);
  });

  it("is not written", async (t) => {
    const { volume, runSecrets } = await prepareVolume(t);
    const before = readdirSync(volume, { recursive: true }).sort();
    const { code, stderr } = await runSecrets(["set", "token"], "other");
    assert.equal(code, 3);
    assert.match(stderr, /it is a symbolic link, through which os-secrets does not write/);
    assert.deepEqual(readdirSync(volume, { recursive: true }).sort(), before);
  });

  it("is refused if others could have made a link, its folder or the file", async (t) => {
    const { session, volume, runSecrets } = await prepareVolume(t);
    const expectRefusal = async (why) => {
      const { code, stdout, stderr } = await runSecrets(["get", "token"]);
      assert.deepEqual([code, stdout], [3, ""], stderr);
      assert.match(stderr, why);
    };
    const current = join(volume, "..2026_01");
    for (const [path, wrong, right] of [
      [volume, 0o777, 0o1777],
      [current, 0o777, 0o755],
      [join(current, "secrets.age"), 0o646, 0o644],
    ]) {
      chmodSync(path, wrong);
      await expectRefusal(/can be written by other users \(its mode is \d+\).*chmod go-w/);
      chmodSync(path, right);
    }
    if (!isRoot) return t.diagnostic("only root can make files of other users");
    for (const path of [
      join(volume, "..data"),
      join(volume, "secrets.age"),
      join(current, "secrets.age"),
      current,
    ]) {
      lchownSync(path, 12345, 0);
      await expectRefusal(/belongs to the user 12345, and this process runs as 65534/);
      lchownSync(path, 0, 0);
    }
    assert.equal((await runSecrets(["get", "token"])).stdout, "one\n");
    assert.ok(readFileSync(join(session.directory, "made", "secrets.age")).length > 0);
  });
});

describe("root, called with the environment of another user,", linuxOnly("file modes"), () => {
  it("leaves no files and directories in that user's home", async (t) => {
    const { session, identity } = await prepareSession(t);
    const home = join(session.directory, "home of another");
    // If root does not run the test, it becomes root in a namespace, where the machine's root is another user.
    const [command, ...first] = isRoot ? ["env"] : ["unshare", "--map-root-user"];
    const HOME = isRoot ? home : "/usr/lib";
    mkdirSync(home);
    if (isRoot) chownSync(home, 12345, 12345);
    const env = { HOME, XDG_CONFIG_HOME: "", XDG_DATA_HOME: "", SUDO_UID: "12345" };
    const before = readdirSync(HOME);
    const run = async (program, args, more = {}) => {
      const options = { env: { ...env, ...more }, input: "value" };
      return session.run(command, [...first, ways.native(program)[0], ...args], options);
    };
    for (const [expected, program, ...args] of [
      [1, "secrets", "init"],
      [3, "secrets", "--store", "file", "set", "token"],
      [1, "bus-secrets", "set", "token", "value"],
    ]) {
      const { code, stdout, stderr } = await run(program, args);
      assert.deepEqual([code, stdout], [expected, ""], stderr);
      assert.match(
        stderr,
        /Cannot create .* belongs to the user \d+, who could not use .* Run it without sudo, or/,
      );
    }
    assert.deepEqual(readdirSync(HOME), before);
    // In directories of its own, root may do all of this.
    const own = join(session.directory, "own");
    const { code, stderr } = await run("secrets", ["--store", join(own, "secrets.age"), "set", "token"]);
    assert.deepEqual([code, existsSync(join(own, "secrets.age"))], [0, true], stderr);
    assert.equal((await run("secrets", ["init"], { HOME: own, OS_SECRETS_IDENTITY: "" })).code, 0);
    assert.ok(existsSync(identity.path));
  });
});

describe("an encrypted file that cannot be written", linuxOnly("a file system of its own"), () => {
  it("is said to be so by doctor, on a read-only file system", async (t) => {
    const { session, run } = await prepareSession(t);
    await run("printf one | secrets set -q --store ./own/secrets.age token");
    const script = `mount --bind own own; mount -o remount,bind,ro own
      "$@" doctor; echo "exit $?"; "$@" get token; "$@" set token other 2>&1 || true`;
    const args = [secrets, "--store", "./own/secrets.age"];
    const { stdout, stderr } = await runIsolated(session, script, args, { cwd: session.directory });
    assert.match(stdout, /^works {7}yes$/m, stderr);
    assert.match(stdout, /^writable {4}no$/m);
    assert.match(
      stdout,
      /^note: Secrets can be read, but not stored\. .*Read-only file system.*\n {2}Run secrets as/m,
    );
    assert.match(stdout, /^exit 0\none$/m);
    assert.match(stdout, /^secrets: Cannot write .*own\/secrets\.age: Read-only file system/m);
  });

  it("is not said to be created by the first set, if it is missing", async (t) => {
    const { session } = await prepareSession(t);
    mkdirSync(join(session.directory, "own"));
    const script = `mount --bind own own; mount -o remount,bind,ro own; "$@" doctor`;
    const args = [secrets, "--store", "./own/secrets.age"];
    const { stdout, stderr } = await runIsolated(session, script, args, { cwd: session.directory });
    assert.match(stdout, /^exists {6}no$/m, stderr);
    assert.deepEqual(
      stdout.match(/^note: .*$/gm).map((note) => note.split(".")[0]),
      ["note: Secrets can be read, but not stored"],
    );
  });
});
