// The suites: what each of them needs, by the names in provision.js, and its steps in order. run.js runs them.
//
// A step is a function that gets the arguments of the command line. If they name test files, only those are run. A suite
// with `harms` runs only if OS_SECRETS_TEST_DISPOSABLE=1 says that nobody misses what it harms. A name with an operating
// system is for that system alone.

const { readdirSync } = require("node:fs");
const { join } = require("node:path");
const { WITH_KEYRING, build, buildPrograms } = require("./build.js");
const { checkLicences } = require("./licences.js");
const { lintCrates, lintPackage, lintWorkflows } = require("./lint.js");
const { root, run } = require("./process.js");
const { testKeychain } = require("./test-keychain.js");
const { testPlatforms } = require("./test-platforms.js");
const { testOnWindows, testUnderWine } = require("./test-windows.js");

/** A step that runs a command. The environment takes precedence over the variables given here. */
function command(line, env = {}) {
  const [program, ...args] = line.split(" ");
  const path = program === "node" ? process.execPath : program;
  return () => run(path, args, { env: { ...env, ...process.env } });
}

/** The paths of all test files in a folder. */
function filesIn(folder) {
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith(".test.js"));
  return names.map((name) => join(folder, name));
}

/** A step that passes test files to a function, and whether they are all: those that the arguments name, or the given. */
function withFiles(files, step) {
  return (args) => (args.length > 0 ? step(args, false) : step(files, true));
}

/** A step that runs test files under Node. */
function tests(files, ...flags) {
  return withFiles(files, (chosen) => run(process.execPath, ["--test", ...flags, ...chosen]));
}

/** A step that runs the tests in Rust, unless the arguments name test files. */
function rustTests(args) {
  if (args.length > 0) return;
  run("cargo", ["test", "--locked"]);
  run("cargo", ["test", "--locked", ...WITH_KEYRING, "--lib", "--test", "keyring"]);
}

/** Ends what hangs. It is far above what a test file takes on a busy machine, so that only a hang meets it. */
const FILE_LIMIT = "--test-timeout=900000";

const macTests = [join("__test__", "macos.test.js"), join("__test__", "platform.test.js")];

const keychainTests = [
  ...filesIn("__test__/keychain"),
  ...["keytar", "providers", "store", "update"].map((name) => join("__test__", `${name}.test.js`)),
];

const onWindows = {
  harms: "The tests empty the user's Credential Manager.",
  needs: "cargo modules",
  steps: [withFiles(filesIn("__test__"), testOnWindows)],
};

const suites = {
  quickstart: {
    needs: "cargo modules",
    steps: [build, command("node __test__/programs/quickstart.js")],
  },
  test: {
    // The peers and keyring-writer are for the tests that copy what other packages have stored.
    needs:
      "cargo keyring secret-tool secretstorage age age-plugins pass docker git shells ssh systemd clipboard terminal " +
      "modules runtimes peers keyring-writer",
    steps: [build, buildPrograms, rustTests, tests(filesIn("__test__"), "--test-concurrency=2")],
  },
  "test on darwin": {
    harms: "The tests make another keychain the default one.",
    needs: "cargo modules",
    steps: [...[build, buildPrograms, rustTests], tests(macTests, "--test-concurrency=1", FILE_LIMIT)],
  },
  "test on win32": onWindows,
  "test:windows on win32": onWindows,
  "test:windows": {
    needs: "cargo modules windows/age windows/prefix windows/node windows/bun",
    steps: [withFiles(filesIn("__test__"), testUnderWine)],
  },
  "test:keychain": {
    needs: "cargo core-foundation git keyring modules",
    steps: [withFiles(keychainTests, testKeychain)],
  },
  "test:services": {
    needs: "cargo bus secretstorage kwallet keepassxc oo7 modules runtimes",
    steps: [build, tests(filesIn("__test__/services"), "--test-concurrency=2", FILE_LIMIT)],
  },
  /** Servers: HashiCorp Vault, alone and as a cluster. */
  "test:production": {
    needs: "cargo keyring age git vault aws clouds modules runtimes",
    steps: [build, buildPrograms, tests(filesIn("__test__/production"), "--test-concurrency=1", FILE_LIMIT)],
  },
  /** The programs that ask os-secrets for their credentials. */
  "test:helpers": {
    needs:
      "cargo keyring age modules runtimes managers git newer-git docker docker-cli podman oci-clients image-registry " +
      "pass aws kubectl go-clients pip uv twine poetry ssh terminal ansible backup gpg",
    steps: [build, buildPrograms, tests(filesIn("__test__/helpers"), "--test-concurrency=2", FILE_LIMIT)],
  },
  "test:install": {
    // Three of them are for the application that uses keytar: secretstorage, peers and dependents.
    needs: "cargo keyring secretstorage modules runtimes managers peers dependents",
    steps: [build, tests(filesIn("__test__/install"), "--test-concurrency=2", FILE_LIMIT)],
  },
  "test:platforms": {
    needs:
      "cargo keyring secretstorage binutils checkers modules runtimes managers emulator node-arm64 node-arm " +
      "musl-amd64 node-musl-x86_64 windows/prefix windows/node bun",
    steps: [testPlatforms],
  },
  /** Calls on a keyring that is restarted, calls given up at every point, and an hour of random messages. */
  "test:long": {
    needs: "cargo keyring modules",
    steps: [
      build,
      command("node --expose-gc __test__/long/soak.js 100000 20"),
      command("cargo test --locked --test shared_work -- --nocapture", { OS_SECRETS_ALL_OWNERS: "1" }),
      // All properties at once: one after another, each would take its own hour.
      command("cargo test --locked --test fuzz -- --nocapture --test-threads=5", {
        OS_SECRETS_FUZZ_SECONDS: "3600",
      }),
    ],
  },
  "lint:crates": { needs: "cargo cargo-deny", steps: [lintCrates, checkLicences] },
  "lint:package": { needs: "cargo linters", steps: [build, lintPackage] },
  "lint:workflows": { needs: "linters", steps: [lintWorkflows] },
};

/** The suite with a name, for this operating system. */
function suite(name) {
  return suites[`${name} on ${process.platform}`] ?? suites[name];
}

module.exports = { suite };
