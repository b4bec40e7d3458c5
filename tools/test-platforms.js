// npm run test:platforms: builds for other platforms on Debian, as for a release, and runs each binary: under its Node,
// with musl's loader, an emulator or Wine. The code for macOS is checked, and that for Windows on arm64 only built.
// Arguments name the platforms to test instead of the usual ones.

const { join } = require("node:path");
const { buildFor, buildable } = require("./build-all.js");
const { cache } = require("./cache.js");
const { ensureNode } = require("./foreign.js");
const { ownPlatform, platform } = require("./platforms.js");
const { ensureCompiler } = require("./toolchain.js");
const { ensureKeyring, ensureNodeModules, ensureRust, root, run, runAside } = require("./tools.js");
const { ensureWine, inWine, makePrefix, testUnderWine } = require("./wine.js");
const { testCompiler } = require("./windows.js");

/** Those that are tested where none is named. With musl on arm64 there is nothing that these do not have. */
const USUAL = [
  "linux-x64-gnu",
  "linux-x64-musl",
  "linux-arm64-gnu",
  "win32-x64",
  "darwin-x64",
  "darwin-arm64",
];

/** Most of the time goes into linking: a third of it does where the size is not bounded. */
const QUICK = { CARGO_PROFILE_RELEASE_LTO: "thin" };

/** The tests of the API, against the store that Bun's own uses. */
const api = ["differential", "interop", "store"].map((name) => join("__test__", `${name}.test.js`));
const installed = join("__test__", "platforms", "installed.test.js");

/** Runs the tests on Linux, under the Node of a platform. */
function testOnLinux({ name }) {
  const command = name === ownPlatform().name ? [process.execPath] : ensureNode(name);
  const env = {
    ...process.env,
    OS_SECRETS_TEST_NODE: JSON.stringify(command),
    OS_SECRETS_TEST_PLATFORM: name,
  };
  const args = ["--test", "--test-concurrency=1", "--test-timeout=600000", ...api, installed];
  console.log(`Testing ${name}`);
  return runAside(process.execPath, args, { env });
}

/** Runs them under Wine. */
async function testOnWindows({ name }) {
  console.log(`Testing ${name}`);
  ensureWine();
  // A client of Credential Manager that is neither ours nor Bun's.
  const { env, args, target } = testCompiler();
  run("cargo", ["build", "--locked", ...args, "--target", target, "--example", "credentials"], { env });
  const programs = join(env.CARGO_TARGET_DIR, target, "debug");
  const own = { OS_SECRETS_TEST_PROGRAMS: inWine(programs) };
  await testUnderWine([makePrefix()], api, own);
}

/** Runs them where that platform can be run here. */
async function test(each) {
  if (each.name.startsWith("linux")) await testOnLinux(each);
  else if (each.name === "win32-x64") await testOnWindows(each);
  else console.log(`Nothing here runs ${each.name}.`);
}

/** Compiles everything for a platform, tests included, short of linking it, and has clippy look at it. */
function check({ target }) {
  const { env, args, clippy } = ensureCompiler(target);
  const options = { env: { ...env, CARGO_TARGET_DIR: join(cache, "target") } };
  const all = ["--locked", "--all-targets", ...args, "--target", target];
  const [command, ...first] = clippy;
  run("cargo", ["clean", "--quiet", "--package", "os-secrets", "--target", target], options);
  run("cargo", ["check", ...all], options);
  run(command, [...first, ...all, "--", "-D", "warnings"], options);
}

async function main(names) {
  const isBuildable = ({ name }) => buildable.some((each) => each.name === name);
  const chosen = (names.length > 0 ? names : USUAL).map(platform);
  ensureRust();
  ensureKeyring({
    "/usr/lib/python3/dist-packages/secretstorage": "python3-secretstorage",
    readelf: "binutils",
  });
  ensureNodeModules();
  ensureNodeModules(join(root, "__test__", "runtimes"));
  // One is tested while the next is built, most of which takes one core alone.
  let tests = Promise.resolve();
  for (const each of chosen) {
    if (!isBuildable(each)) {
      check(each);
      continue;
    }
    await buildFor(each, each.name === "linux-x64-gnu" ? {} : QUICK);
    tests = tests.then(() => test(each));
  }
  await tests;
  const built = chosen.filter(isBuildable).map(({ name }) => name);
  if (built.length > 0) run("npm", ["run", "size", "--", "--limits", ...built]);
}

main(process.argv.slice(2));
