// A keychain for tests, seen by the system's own program `security`.
//
// The system keeps which keychain is the default one under the home directory, so that one of the tests' own is
// enough. Should that ever not hold, the person's is not to be touched: it must be told that there is none to lose.

const { spawnSync } = require("node:child_process");
const { mkdirSync, mkdtempSync, realpathSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");

const PASSWORD = "of the tests";
/** Nothing here waits for a person, whom a prompt would ask. */
const TIMEOUT = 60_000;

/** Runs a program without input: { status, stdout, stderr }. */
function run(command, args, env) {
  const options = { encoding: "utf8", env, stdio: ["ignore", "pipe", "pipe"], timeout: TIMEOUT };
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  if (error) throw error;
  return { status, stdout, stderr };
}

/** Makes a home directory with a default keychain, which is unlocked. */
function makeKeychain() {
  if (process.env.OS_SECRETS_TEST_DISPOSABLE !== "1") {
    throw new Error(
      "The tests make another keychain the default one, in a home directory of their own. Where there is " +
        "nothing to lose, as on a machine for tests, set OS_SECRETS_TEST_DISPOSABLE=1",
    );
  }
  const home = realpathSync(mkdtempSync(join(tmpdir(), "os-secrets-")));
  mkdirSync(join(home, "Library", "Keychains"), { recursive: true });
  mkdirSync(join(home, "Library", "Preferences"));
  const env = { ...process.env, HOME: home };
  const path = join(home, "Library", "Keychains", "test.keychain-db");

  /** Runs `security`, which must succeed: what it prints. */
  const security = (...args) => {
    const { status, stdout, stderr } = run("security", args, env);
    if (status !== 0) throw new Error(`security ${args[0]} ended with ${status}: ${stderr}`);
    return stdout;
  };
  security("create-keychain", "-p", PASSWORD, path);
  security("list-keychains", "-d", "user", "-s", path);
  security("default-keychain", "-d", "user", "-s", path);
  // Without options it is locked neither after a while nor with the machine.
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
    /** An item as `security` shows it, by the names of its attributes. */
    item({ service, name }) {
      const shown = security("find-generic-password", "-s", service, "-a", name, path);
      const lines = shown.matchAll(/^ {4}(?:"(\w+)"|(0x\w+)) ?<\w+>=(.*)$/gm);
      return Object.fromEntries([...lines].map(([, known, number, value]) => [known ?? number, value]));
    },
    /** Has programs of the system itself be among those that may have the item, as far as its access list lets them. */
    admitSystem({ service, name }) {
      const list = ["-S", "apple-tool:,apple:", "-s", service, "-a", name, "-k", PASSWORD];
      security("set-generic-password-partition-list", ...list, path);
    },
    remove() {
      security("delete-keychain", path);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

module.exports = { makeKeychain };
