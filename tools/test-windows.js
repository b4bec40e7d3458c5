// npm run test:windows: builds for Windows and runs the tests there: on Debian under Wine, all of which it
// installs, and on Windows itself. Arguments name the test files to run instead of all.
//
// Credential Manager is one for each user, and the tests empty it. Under Wine they have some of their own;
// on Windows OS_SECRETS_TEST_DISPOSABLE=1 must say that the user is nobody's, as on a runner of CI.

const { join } = require("node:path");
const {
  ensureNodeModules,
  ensureRust,
  fail,
  install,
  root,
  run,
  targetDirectory,
  testFiles,
} = require("./tools.js");
const { WINE, ensureWine, inWine, makePrefix, testUnderWine, wineEnvironment } = require("./wine.js");
const { ensureAge, testCompiler } = require("./windows.js");

const files = testFiles("__test__");
/** Whether everything is to be tested. */
const isWhole = process.argv.length === 2;
const cargoArguments = ["--locked"];
/** How many files run at once under Wine, each with a Credential Manager of its own. */
const AT_ONCE = 2;

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
  if (isWhole) run("cargo", ["test", ...cargoArguments], { env });
  const own = { OS_SECRETS_TEST_PROGRAMS: built };
  run(process.execPath, ["--test", "--test-concurrency=1", "--test-timeout=600000", ...files], {
    env: { ...env, ...own },
  });
}

async function underWine() {
  const { env, args, target } = testCompiler();
  const built = build(env, ["--target", target], args);
  // Wine puts it before its own.
  const own = { OS_SECRETS_TEST_PROGRAMS: inWine(built), WINEPATH: inWine(ensureAge()) };
  ensureWine();
  const prefixes = Array.from({ length: AT_ONCE }, makePrefix);
  if (isWhole) {
    const runner = { CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER: WINE.join(" ") };
    // Without those of the documentation, for which rustdoc would have to be of the same version.
    const test = ["test", ...cargoArguments, "--tests", ...args, "--target", target];
    const disposable = { OS_SECRETS_TEST_DISPOSABLE: "1" };
    run("cargo", test, { env: { ...wineEnvironment(prefixes[0], env), ...own, ...disposable, ...runner } });
  }
  await testUnderWine(prefixes, files, own);
}

ensureRust();
ensureNodeModules();
if (process.platform === "win32") onWindows();
else underWine();
