// npm test: installs what the tests need, builds, and runs all of them. Arguments name the test
// files to run instead of all.

const { join } = require("node:path");
const { ensurePeers } = require("../bench/build.js");
const {
  build,
  buildPrograms,
  ensureKeyring,
  ensureNodeModules,
  ensureRust,
  root,
  run,
  testFiles,
} = require("./tools.js");

function main() {
  ensureRust();
  ensureKeyring({
    "secret-tool": "libsecret-tools",
    "/usr/lib/python3/dist-packages/secretstorage": "python3-secretstorage",
    age: "age",
    "docker-credential-pass": "golang-docker-credential-helpers",
    gpg: "gpg gpg-agent",
    git: "git",
    pass: "pass",
    ssh: "openssh-client",
    "/usr/sbin/sshd": "openssh-server",
    "systemd-analyze": "systemd",
  });
  ensureNodeModules();
  ensureNodeModules(join(root, "__test__", "runtimes"));
  // The tests copy what keytar and @napi-rs/keyring have stored.
  ensurePeers();
  build();
  buildPrograms();

  if (process.argv.length === 2) run("cargo", ["test", "--locked"]);
  run(process.execPath, ["--test", "--test-concurrency=2", ...testFiles("__test__")]);
}

// Nothing of a bus and a keyring is there.
if (process.platform === "win32") require("./test-windows.js");
else if (process.platform === "darwin") require("./test-macos.js");
else main();
