// npm run test:long: an hour of random messages, and a hundred thousand calls on a real keyring that
// is restarted meanwhile. OS_SECRETS_FUZZ_SECONDS changes the hour.

const { join } = require("node:path");
const { build, ensureKeyring, ensureNodeModules, ensureRust, run } = require("./tools.js");

ensureRust();
ensureKeyring();
ensureNodeModules();
build();

const soak = join("__test__", "long", "soak.js");
run(process.execPath, ["--expose-gc", soak, "100000", "20"]);
const env = { OS_SECRETS_FUZZ_SECONDS: "3600", ...process.env };
run("cargo", ["test", "--locked", "--test", "fuzz", "--", "--nocapture"], { env });
