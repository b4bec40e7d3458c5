// npm test on macOS: builds, and runs the tests in Rust and those of Keychain. Arguments name the test files to run
// instead.
//
// They make a keychain of their own the default one, under a home directory of their own.
// OS_SECRETS_TEST_DISPOSABLE=1 must say that the person's is not to be missed if that went wrong, as on a runner
// of CI.

const { join } = require("node:path");
const { build, buildPrograms, ensureNodeModules, ensureRust, fail, run } = require("./tools.js");

const FILES = ["macos.test.js", "platform.test.js"].map((name) => join("__test__", name));

if (process.env.OS_SECRETS_TEST_DISPOSABLE !== "1") {
  fail(
    "The tests make another keychain the default one. On a machine of CI, set OS_SECRETS_TEST_DISPOSABLE=1.",
  );
}
ensureRust();
ensureNodeModules();
build();
buildPrograms();
const chosen = process.argv.slice(2);
if (chosen.length === 0) run("cargo", ["test", "--locked"]);
const files = chosen.length > 0 ? chosen : FILES;
run(process.execPath, ["--test", "--test-concurrency=1", "--test-timeout=120000", ...files]);
