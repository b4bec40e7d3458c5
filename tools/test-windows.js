// npm run test:windows: builds for Windows and runs the tests there, on Debian under Wine and on Windows itself.
//
// Each user has one Credential Manager, and the tests empty it. Under Wine they have some of their own.

const { statSync } = require("node:fs");
const { join } = require("node:path");
const { clean, install, targetDirectory } = require("./build.js");
const { compilerFor, windows } = require("./cross.js");
const { place } = require("./install.js");
const { platform } = require("./platforms.js");
const { fail, root, run, runAside } = require("./process.js");
const { WINE, inWine, makePrefix, wineEnvironment } = require("./wine.js");

/** How many files run at once under Wine, each with a Credential Manager of its own. */
const AT_ONCE = 2;
/** A test that takes longer hangs, in milliseconds. */
const TEST_LIMIT = 600_000;
/** A test file that takes longer under Wine hangs. On a busy machine some take more than ten minutes. */
const FILE_LIMIT = 1_800_000;

/** What cargo needs to build tests for Windows on Debian, see compilerFor in cross.js. */
function testCompiler() {
  const target = windows.x64;
  const { env, args } = compilerFor(target);
  const own = {
    CARGO_TARGET_DIR: place("windows", "target"),
    // Mingw's linker takes its time with debugging information.
    CARGO_PROFILE_DEV_DEBUG: "0",
    // A test encrypts 200 MB.
    CARGO_PROFILE_DEV_OPT_LEVEL: "1",
  };
  return { env: { ...env, ...own }, args, target };
}

/** Builds the addon and the programs, and puts the addon where it is looked for: the folder of the programs. */
function buildTests(env, target, args) {
  clean(target, { env });
  run("cargo", ["build", "--locked", ...args, ...target, "--lib", "--bins", "--examples"], { env });
  const folder = join(env.CARGO_TARGET_DIR, ...target.slice(1), "debug");
  const own = platform("win32-x64");
  install(join(folder, own.library), own);
  return folder;
}

/** Runs the tests on Windows itself: all of them, or only the named files. */
function testOnWindows(files, isWhole) {
  const env = { ...process.env, CARGO_TARGET_DIR: targetDirectory() };
  const OS_SECRETS_TEST_PROGRAMS = buildTests(env, [], []);
  if (isWhole) run("cargo", ["test", "--locked"], { env });
  const args = ["--test", "--test-concurrency=1", `--test-timeout=${TEST_LIMIT}`, ...files];
  run(process.execPath, args, { env: { ...env, OS_SECRETS_TEST_PROGRAMS } });
}

/** Runs the tests under Wine: all of them, or only the named files. */
async function testUnderWine(files, isWhole) {
  const { env, args, target } = testCompiler();
  const built = buildTests(env, ["--target", target], args);
  // Wine puts the folder of age before its own.
  const own = { OS_SECRETS_TEST_PROGRAMS: inWine(built), WINEPATH: inWine(place("windows/age")) };
  const prefixes = Array.from({ length: AT_ONCE }, makePrefix);
  if (isWhole) {
    const runner = { CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER: WINE.join(" ") };
    // Not those of the documentation, for which rustdoc would have to be of the same version.
    const test = ["test", "--locked", "--tests", ...args, "--target", target];
    run("cargo", test, { env: { ...wineEnvironment(prefixes[0], env), ...own, ...runner } });
  }
  await runFiles(prefixes, files, own);
}

/** Runs tests of the addon for a release under Wine, with a client of Credential Manager that is neither ours nor Bun's. */
async function testReleaseUnderWine(files) {
  const { env, args, target } = testCompiler();
  run("cargo", ["build", "--locked", ...args, "--target", target, "--example", "credentials"], { env });
  const programs = join(env.CARGO_TARGET_DIR, target, "debug");
  await runFiles([makePrefix()], files, { OS_SECRETS_TEST_PROGRAMS: inWine(programs) });
}

/**
 * Runs test files under Wine, one at a time in each prefix. `own` is their environment besides Wine's. Ends the tool if a
 * file fails.
 */
async function runFiles(prefixes, files, own) {
  const node = place("windows/node", "bin", "node.exe");
  const bun = inWine(place("windows/bun", "bin", "bun.exe"));
  const counts = { pass: 0, fail: 0, skipped: 0 };
  // The longest first, so that none of them is left for the end.
  const left = files.toSorted((a, b) => statSync(join(root, b)).size - statSync(join(root, a)).size);
  const failed = [];
  const work = prefixes.map(async (prefix) => {
    const env = { ...wineEnvironment(prefix), OS_SECRETS_TEST_BUN: bun, ...own };
    for (let file = left.shift(); file !== undefined; file = left.shift()) {
      if (!(await passes([node, file], env, counts))) failed.push(file);
    }
  });
  await Promise.all(work);
  console.log(`${counts.pass} passed, ${counts.fail} failed, ${counts.skipped} skipped`);
  if (failed.length > 0) fail(`These fail under Wine: ${failed.join(" ")}`);
}

/** Runs a test file under Wine. Returns whether all its tests have passed. */
async function passes(words, env, counts) {
  const [command, ...args] = [...WINE, ...words];
  const { status, signal, text } = await runAside(command, args, { env, timeout: FILE_LIMIT });
  if (status !== 0) console.log(`It ended with ${signal ?? `exit code ${status}`}.`);
  const told = [...text.matchAll(/^(?:#|ℹ) (pass|fail|skipped) (\d+)$/gm)];
  for (const [, what, count] of told) counts[what] += Number(count);
  // A file that does not print all three numbers has not come to the end.
  return status === 0 && told.length === 3;
}

module.exports = { testOnWindows, testReleaseUnderWine, testUnderWine };
