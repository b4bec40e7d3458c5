// npm run test:install: packs everything, publishes it to a registry of its own and tests what package managers
// install from it. Arguments name the test files to run instead of all.

const { join } = require("node:path");
const { build, ensureKeyring, ensureNodeModules, root, run, testFiles } = require("./tools.js");

ensureKeyring();
ensureNodeModules();
ensureNodeModules(join(root, "__test__", "runtimes"));
ensureNodeModules(join(root, "__test__", "install"));
build();

const files = testFiles(join("__test__", "install"));
run(process.execPath, ["--test", "--test-concurrency=2", "--test-timeout=300000", ...files]);
