// npm run test:long: a hundred thousand calls on a real keyring that is restarted meanwhile, every point at which a
// call can be given up, and an hour of random messages. OS_SECRETS_FUZZ_SECONDS changes the hour.

const { join } = require("node:path");
const { build, ensureKeyring, ensureNodeModules, ensureRust, run } = require("./tools.js");

ensureRust();
ensureKeyring();
ensureNodeModules();
build();

const soak = join("__test__", "long", "soak.js");
run(process.execPath, ["--expose-gc", soak, "100000", "20"]);
const all = { ...process.env, OS_SECRETS_ALL_OWNERS: "1" };
run("cargo", ["test", "--locked", "--test", "shared_work", "--", "--nocapture"], { env: all });
const env = { OS_SECRETS_FUZZ_SECONDS: "3600", ...process.env };
// All properties at once, or each would take its own hour.
run("cargo", ["test", "--locked", "--test", "fuzz", "--", "--nocapture", "--test-threads=5"], { env });
