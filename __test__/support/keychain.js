// Makes a keychain for tests with the system's own program `security`.
//
// The system stores the path of the default keychain under the home directory, so the tests use another home
// directory. If that should ever fail, the user's own keychain must stay as it is. So a variable must allow
// the tests to run.

const { spawnSync } = require("node:child_process");
const { mkdirSync, mkdtempSync, realpathSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");

const PASSWORD = "of the tests";
/** After this many milliseconds a program is killed: it may be waiting for a prompt. */
const TIMEOUT = 60_000;

/** Runs a program without input: { status, stdout, stderr }. */
function run(command, args, env) {
  const options = { encoding: "utf8", env, stdio: ["ignore", "pipe", "pipe"], timeout: TIMEOUT };
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  if (error) throw error;
  return { status, stdout, stderr };
}

/** The partition of this Node: the team that has signed it, or its code if none has. */
function ownPartition() {
  const { stderr } = run("codesign", ["-d", "-vvv", process.execPath], process.env);
  const team = /^TeamIdentifier=(\w+)$/m.exec(stderr)?.[1];
  return team ? `teamid:${team}` : `cdhash:${/^CDHash=(\w+)$/m.exec(stderr)?.[1]}`;
}

/** Makes a home directory with a default keychain that is unlocked. */
function makeKeychain() {
  if (process.env.OS_SECRETS_TEST_DISPOSABLE !== "1") {
    throw new Error(
      "The tests make another keychain the default one, in another home directory. " +
        "If this machine has no keychain to lose, set OS_SECRETS_TEST_DISPOSABLE=1",
    );
  }
  const home = realpathSync(mkdtempSync(join(tmpdir(), "os-secrets-")));
  mkdirSync(join(home, "Library", "Keychains"), { recursive: true });
  mkdirSync(join(home, "Library", "Preferences"));
  const env = { ...process.env, HOME: home };
  const path = join(home, "Library", "Keychains", "test.keychain-db");

  /** Runs `security`, which must succeed. Returns its output. */
  const security = (...args) => {
    const { status, stdout, stderr } = run("security", args, env);
    if (status !== 0) throw new Error(`security ${args[0]} ended with ${status}: ${stderr}`);
    return stdout;
  };
  security("create-keychain", "-p", PASSWORD, path);
  security("list-keychains", "-d", "user", "-s", path);
  security("default-keychain", "-d", "user", "-s", path);
  // Without options, the keychain is locked neither after a time nor when the machine sleeps.
  security("set-keychain-settings", path);
  const found = security("default-keychain", "-d", "user");
  if (!found.includes(path)) throw new Error(`the default keychain is not the tests' own: ${found}`);

  return {
    env,
    path,
    run: (command, args) => run(command, args, env),
    security,
    lock: () => security("lock-keychain", path),
    unlock: () => security("unlock-keychain", "-p", PASSWORD, path),
    /** Reads the attributes of an item, as `security` prints them. */
    readItem({ service, name }) {
      const shown = security("find-generic-password", "-s", service, "-a", name, path);
      const lines = shown.matchAll(/^ {4}(?:"(\w+)"|(0x\w+)) ?<\w+>=(.*)$/gm);
      return Object.fromEntries([...lines].map(([, known, number, value]) => [known ?? number, value]));
    },
    /**
     * Adds the system's own programs to the partition list of an item. Its access list still applies to them. The new
     * list takes the place of the old one, so it must name this Node, too.
     */
    admitSystem({ service, name }) {
      const list = ["-S", `${ownPartition()},apple-tool:,apple:`, "-s", service, "-a", name, "-k", PASSWORD];
      security("set-generic-password-partition-list", ...list, path);
    },
    remove() {
      security("delete-keychain", path);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

module.exports = { makeKeychain };
