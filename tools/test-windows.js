// npm run test:windows: builds for Windows and runs the tests there, on Debian under Wine and on Windows itself.
//
// Each user has one Credential Manager, and the tests empty it. Under Wine they have some of their own.

const { statSync } = require("node:fs");
const { join } = require("node:path");
const { WITH_KEYRING, clean, install, targetDirectory } = require("./build.js");
const { compilerFor, windows } = require("./cross.js");
const { place } = require("./install.js");
const { platform } = require("./platforms.js");
const { fail, isRunning, root, run, runAside } = require("./process.js");
const { provide } = require("./provision.js");
const {
  WINE,
  inWine,
  killPrograms,
  makePrefix,
  newer,
  startServer,
  usual,
  wineEnvironment,
} = require("./wine.js");

/** How many files run at once under Wine, each with a Credential Manager of its own. */
const AT_ONCE = 2;
/** A test that takes longer hangs, in milliseconds. */
const TEST_LIMIT = 600_000;
/** A test file that takes longer under Wine hangs. On a busy machine some take more than ten minutes. */
const FILE_LIMIT = 1_800_000;
/** How often Wine's server may crash in one run. That of Wine 8 does in about one of 100 starts of many programs at once. */
const MAX_CRASHES = 3;

/** The platforms that Wine runs: what that needs, the Wine, the Node, and the Bun that this Node can talk to. */
const underWine = {
  "win32-x64": {
    needs: "windows/prefix windows/node windows/bun",
    wine: usual,
    node: place("windows", "node", "bin", "node.exe"),
    bun: place("windows", "bun", "bin", "bun.exe"),
  },
  "win32-ia32": {
    needs: "windows/newer-prefix windows/node-ia32 windows/bun-launcher",
    wine: newer,
    node: place("windows", "node-ia32", "bin", "node.exe"),
    bun: place("windows", "bun-launcher", "bun.exe"),
  },
};

/** What cargo needs to build tests for Windows on Debian, see compilerFor in cross.js. */
function testCompiler() {
  const target = windows.x64;
  const { env, args } = compilerFor(target);
  const own = {
    CARGO_TARGET_DIR: place("windows", "target"),
    // Mingw's linker takes its time with debugging information.
    CARGO_PROFILE_DEV_DEBUG: "0",
  };
  return { env: { ...env, ...own }, args, target };
}

/** Builds the addon and the programs, and puts the addon where it is looked for: the folder of the programs. */
function buildTests(env, target, args) {
  clean(target, { env });
  run("cargo", ["build", "--locked", ...args, ...target, "--lib", "--bins", "--examples"], { env });
  const writer = join(root, "__test__", "keyring-writer", "Cargo.toml");
  run("cargo", ["build", "--locked", ...args, ...target, "--manifest-path", writer], { env });
  const folder = join(env.CARGO_TARGET_DIR, ...target.slice(1), "debug");
  const own = platform("win32-x64");
  install(join(folder, own.library), own);
  return folder;
}

/** Runs the tests on Windows itself: all of them, or only the named files. */
function testOnWindows(files, isWhole) {
  const env = { ...process.env, CARGO_TARGET_DIR: targetDirectory() };
  const OS_SECRETS_TEST_PROGRAMS = buildTests(env, [], []);
  if (isWhole) {
    run("cargo", ["test", "--locked"], { env });
    run("cargo", ["test", "--locked", ...WITH_KEYRING, "--test", "keyring"], { env });
  }
  const args = ["--test", "--test-concurrency=1", `--test-timeout=${TEST_LIMIT}`, ...files];
  run(process.execPath, args, { env: { ...env, OS_SECRETS_TEST_PROGRAMS } });
}

/** Runs the tests under Wine: all of them, or only the named files. */
async function testUnderWine(files, isWhole) {
  const { env, args, target } = testCompiler();
  const built = buildTests(env, ["--target", target], args);
  // Wine puts the folder of age before its own.
  const own = { OS_SECRETS_TEST_PROGRAMS: inWine(built), WINEPATH: inWine(place("windows/age")) };
  const prefixes = Array.from({ length: AT_ONCE }, () => makePrefix());
  if (isWhole) {
    const runner = { CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER: WINE.join(" ") };
    const options = { env: { ...wineEnvironment(prefixes[0], env), ...own, ...runner } };
    const test = ["test", "--locked", ...args, "--target", target];
    // Not those of the documentation, for which rustdoc would have to be of the same version.
    run("cargo", [...test, "--tests"], options);
    run("cargo", [...test, ...WITH_KEYRING, "--test", "keyring"], options);
  }
  await runFiles(prefixes, files, own, underWine["win32-x64"]);
}

/**
 * Runs tests of the addon for a release of the named platform under Wine, with a client of Credential Manager that is
 * neither ours nor Bun's.
 */
async function testReleaseUnderWine(name, files) {
  const { needs, wine, node } = underWine[name];
  provide(needs);
  const { env, args, target } = testCompiler();
  run("cargo", ["build", "--locked", ...args, "--target", target, "--example", "credentials"], { env });
  const programs = join(env.CARGO_TARGET_DIR, target, "debug");
  // Bun has 64 bits, and loads another binary than a 32-bit Node.
  const only = name === "win32-ia32" ? { OS_SECRETS_TEST_NODE: JSON.stringify([inWine(node)]) } : {};
  const own = { OS_SECRETS_TEST_PROGRAMS: inWine(programs), ...only };
  await runFiles([makePrefix(wine)], files, own, underWine[name]);
}

/**
 * Runs test files under Wine, one at a time in each prefix. `own` is their environment besides Wine's. The Wine, the Node
 * and the Bun are those of a platform in `underWine`. Ends the tool if a file fails.
 */
async function runFiles(prefixes, files, own, { wine, node, bun }) {
  const counts = { pass: 0, fail: 0, skipped: 0 };
  // The longest first, so that none of them is left for the end.
  const left = files.toSorted((a, b) => statSync(join(root, b)).size - statSync(join(root, a)).size);
  const failed = [];
  let crashes = 0;
  const work = prefixes.map(async (first) => {
    let [prefix, server] = [first, await startServer(first, wine)];
    for (let file = left.shift(); file !== undefined; file = left.shift()) {
      const env = { ...wineEnvironment(prefix), OS_SECRETS_TEST_BUN: inWine(bun), ...own };
      const passed = await passes([...wine.start, node, file], { env, until: server }, counts);
      if (isRunning(server)) {
        if (!passed) failed.push(file);
        continue;
      }
      crashes += 1;
      if (crashes > MAX_CRASHES) fail("Wine's server has crashed too often.");
      console.log(`Wine's server has crashed (${server.signalCode}). ${file} runs again, in a new prefix.`);
      killPrograms(prefix);
      prefix = makePrefix(wine);
      server = await startServer(prefix, wine);
      left.unshift(file);
    }
  });
  await Promise.all(work);
  console.log(`${counts.pass} passed, ${counts.fail} failed, ${counts.skipped} skipped`);
  if (failed.length > 0) fail(`These fail under Wine: ${failed.join(" ")}`);
}

/** Runs a test file under Wine. Returns whether all its tests have passed. */
async function passes([command, ...args], options, counts) {
  const { status, signal, text } = await runAside(command, args, { ...options, timeout: FILE_LIMIT });
  if (status !== 0) console.log(`It ended with ${signal ?? `exit code ${status}`}.`);
  const told = [...text.matchAll(/^(?:#|ℹ) (pass|fail|skipped) (\d+)$/gm)];
  for (const [, what, count] of told) counts[what] += Number(count);
  // A file that does not print all three numbers has not come to the end.
  return status === 0 && told.length === 3;
}

module.exports = { testOnWindows, testReleaseUnderWine, testUnderWine, underWine };
