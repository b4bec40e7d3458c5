// npm run test:services: installs the other providers of the Secret Service and runs the tests on
// each. Arguments name the test files to run instead of all. What Debian does not have goes to the
// user's cache folder; the first run builds oo7-daemon there, which takes some minutes.

const { existsSync } = require("node:fs");
const { join } = require("node:path");
const { cache } = require("./cache.js");
const { ensureCrate } = require("./crates.js");
const { build, ensureDebian, ensureNodeModules, root, run, testFiles } = require("./tools.js");

const PYKEEPASS = "pykeepass==4.2.0";
const OO7 = "0.7.0-beta";

ensureDebian({
  "dbus-daemon": "dbus-daemon",
  "dbus-send": "dbus-bin",
  "/usr/lib/python3/dist-packages/secretstorage": "python3-secretstorage",
  "/var/lib/dpkg/info/python3-venv.list": "python3-venv",
  "/var/lib/dpkg/info/libqca-qt5-2-plugins:amd64.list": "libqca-qt5-2-plugins",
  kwalletd5: "libkf5wallet-bin",
  keepassxc: "keepassxc",
  Xvfb: "xvfb",
  xdotool: "xdotool",
});
ensureNodeModules();
ensureNodeModules(join(root, "__test__", "runtimes"));
build();

const python = join(cache, "python");
const oo7 = join(cache, "oo7");
if (!existsSync(join(python, PYKEEPASS))) {
  run("/usr/bin/python3", ["-m", "venv", "--clear", python]);
  run(join(python, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", PYKEEPASS]);
  run("touch", [join(python, PYKEEPASS)]);
}
ensureCrate("oo7-daemon", OO7, oo7);

const files = testFiles(join("__test__", "services"));
run(process.execPath, ["--test", "--test-concurrency=2", "--test-timeout=120000", ...files]);
