// npm run test:windows: builds for Windows and runs the tests there: on Debian under Wine, all of which it
// installs, and on Windows itself. Arguments name the test files to run instead of all.
//
// Credential Manager is one for each user, and the tests empty it. Under Wine they have one of their own;
// on Windows OS_SECRETS_TEST_DISPOSABLE=1 must say that the user is nobody's, as on a runner of CI.

const { spawnSync } = require("node:child_process");
const { closeSync, openSync, readdirSync, readFileSync, rmSync } = require("node:fs");
const { join } = require("node:path");
const { ensureNodeModules, ensureRust, fail, install, root, run, targetDirectory } = require("./tools.js");
const { ensureWindows, makePrefix, removePrefix, wineEnvironment } = require("./windows.js");

const chosen = process.argv.slice(2);
const all = readdirSync(join(root, "__test__")).filter((name) => name.endsWith(".test.js"));
const files = chosen.length > 0 ? chosen : all.map((name) => `__test__/${name}`);
const nodeArguments = ["--test", "--test-concurrency=1", "--test-timeout=300000", ...files];
const cargoArguments = ["--locked"];

/** Builds everything, and puts the addon where it is looked for. */
function build(env, target, args) {
  // Others have built there, too, and what is newer than a clone's files counts as built from them.
  run("cargo", ["clean", "--quiet", "--package", "os-secrets", ...target], { env });
  run("cargo", ["build", ...cargoArguments, ...args, ...target, "--lib", "--bins", "--examples"], { env });
  const built = join(env.CARGO_TARGET_DIR, ...target.slice(1), "debug");
  install(join(built, "os_secrets.dll"), join(root, "npm", "win32-x64"));
  return built;
}

function onWindows() {
  if (process.env.OS_SECRETS_TEST_DISPOSABLE !== "1") {
    fail(
      "The tests empty the user's Credential Manager. On a machine of CI, set OS_SECRETS_TEST_DISPOSABLE=1.",
    );
  }
  const env = { ...process.env, CARGO_TARGET_DIR: targetDirectory() };
  const built = build(env, [], []);
  if (chosen.length === 0) run("cargo", ["test", ...cargoArguments], { env });
  const bun = join(root, "node_modules", "@oven", "bun-windows-x64", "bin", "bun.exe");
  const own = { OS_SECRETS_TEST_BUN: bun, OS_SECRETS_TEST_PROGRAMS: built };
  run(process.execPath, nodeArguments, { env: { ...env, ...own } });
}

function underWine() {
  const { target, compiler, node, bun, age } = ensureWindows();
  const { env, args } = compiler;
  const built = build(env, ["--target", target], args);
  const prefix = makePrefix();
  try {
    const own = {
      OS_SECRETS_TEST_DISPOSABLE: "1",
      OS_SECRETS_TEST_BUN: inWine(bun),
      OS_SECRETS_TEST_PROGRAMS: inWine(built),
      // Wine puts it before its own.
      WINEPATH: inWine(age),
    };
    const wine = { ...wineEnvironment(prefix), ...own };
    if (chosen.length === 0) {
      const runner = { CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER: "wine" };
      run("cargo", ["test", ...cargoArguments, ...args, "--target", target], {
        env: { ...wine, ...env, ...runner },
      });
    }
    const status = runNode([node, ...nodeArguments], wine, join(prefix, "output"));
    if (status !== 0) fail(`The tests under Wine failed with exit code ${status}.`);
  } finally {
    removePrefix(prefix);
  }
}

/** A path as programs under Wine see it. */
function inWine(path) {
  return `Z:${path.replaceAll("/", "\\")}`;
}

/** Runs Node under Wine and shows what it prints, through a file: of pipes from outside it makes nothing. */
function runNode(command, env, path) {
  console.log(`$ wine ${command.join(" ")}`);
  const file = openSync(path, "w");
  const { status, error } = spawnSync("wine", command, { cwd: root, env, stdio: ["ignore", file, file] });
  closeSync(file);
  process.stdout.write(readFileSync(path, "utf8"));
  rmSync(path);
  if (error) fail(`wine cannot be run: ${error.message}`);
  return status;
}

ensureRust();
ensureNodeModules();
if (process.platform === "win32") onWindows();
else underWine();
