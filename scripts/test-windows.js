// npm run test:windows: builds for Windows and runs the tests there: on Debian under Wine, all of which it
// installs, and on Windows itself. Arguments name the test files to run instead of all.
//
// Credential Manager is one for each user, and the tests empty it. Under Wine they have some of their own;
// on Windows OS_SECRETS_TEST_DISPOSABLE=1 must say that the user is nobody's, as on a runner of CI.

const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { closeSync, openSync, readFileSync, statSync } = require("node:fs");
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
const { ensureWindows, makePrefix, wineEnvironment } = require("./windows.js");

const files = testFiles("__test__");
/** Whether everything is to be tested. */
const isWhole = process.argv.length === 2;
const nodeArguments = ["--test", "--test-concurrency=1", "--test-timeout=600000"];
const cargoArguments = ["--locked"];
/** How many files run at once under Wine, each with a Credential Manager of its own. */
const AT_ONCE = 2;
/** How often a program is started that Wine does not start, which happens now and then. */
const STARTS = 3;
/** How many tests there were, in all files. */
const counts = { pass: 0, fail: 0, skipped: 0 };

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
  const bun = join(root, "node_modules", "@oven", "bun-windows-x64", "bin", "bun.exe");
  const own = { OS_SECRETS_TEST_BUN: bun, OS_SECRETS_TEST_PROGRAMS: built };
  run(process.execPath, [...nodeArguments, ...files], { env: { ...env, ...own } });
}

async function underWine() {
  const { target, compiler, node, bun, age } = ensureWindows();
  const { env, args } = compiler;
  const built = build(env, ["--target", target], args);
  const own = {
    OS_SECRETS_TEST_DISPOSABLE: "1",
    OS_SECRETS_TEST_BUN: inWine(bun),
    OS_SECRETS_TEST_PROGRAMS: inWine(built),
    // Wine puts it before its own.
    WINEPATH: inWine(age),
  };
  const prefixes = Array.from({ length: AT_ONCE }, makePrefix);
  if (isWhole) {
    const runner = { CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER: "wine" };
    // Without those of the documentation, for which rustdoc would have to be of the same version.
    const test = ["test", ...cargoArguments, "--tests", ...args, "--target", target];
    run("cargo", test, { env: { ...wineEnvironment(prefixes[0], env), ...own, ...runner } });
  }
  // The longest first, so that none of them is left for the end.
  const left = files.toSorted((a, b) => statSync(join(root, b)).size - statSync(join(root, a)).size);
  const work = prefixes.map(async (prefix) => {
    const failed = [];
    for (let file = left.shift(); file !== undefined; file = left.shift()) {
      const environment = { ...wineEnvironment(prefix), ...own };
      const command = [node, ...nodeArguments, file];
      let passed;
      for (let start = 0; start < STARTS && passed === undefined; start++) {
        passed = await passes(command, environment, join(prefix, "output"));
      }
      if (!passed) failed.push(file);
    }
    return failed;
  });
  const failed = (await Promise.all(work)).flat();
  console.log(`${counts.pass} passed, ${counts.fail} failed, ${counts.skipped} skipped`);
  if (failed.length > 0) fail(`These fail under Wine: ${failed.join(" ")}`);
}

/** A path as programs under Wine see it. */
function inWine(path) {
  return `Z:${path.replaceAll("/", "\\")}`;
}

/**
 * Runs tests under Wine and shows what they print, through a file: Node makes nothing of pipes from outside.
 * Whether all have passed; undefined where nothing was printed, and so nothing has run.
 */
async function passes(command, env, path) {
  const file = openSync(path, "w");
  const child = spawn("wine", command, { cwd: root, env, stdio: ["ignore", file, file] });
  closeSync(file);
  const [code] = await once(child, "exit");
  const text = readFileSync(path, "utf8");
  console.log(`$ wine ${command.join(" ")}\n${text}`);
  if (text === "") {
    console.log(`It has not started (exit code ${code}).`);
    return undefined;
  }
  const told = [...text.matchAll(/^(?:#|ℹ) (pass|fail|skipped) (\d+)$/gm)];
  for (const [, what, count] of told) counts[what] += Number(count);
  // Who does not say what has passed has not come to the end.
  return code === 0 && told.length === 3;
}

ensureRust();
ensureNodeModules();
if (process.platform === "win32") onWindows();
else underWine();
