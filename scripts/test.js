// npm test: installs what the tests need, builds, and runs all of them. Arguments name the test
// files to run instead of all.

const { readdirSync } = require("node:fs");
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

  const chosen = process.argv.slice(2);
  if (chosen.length === 0) run("cargo", ["test", "--locked"]);
  const all = readdirSync(join(root, "__test__")).filter((name) => name.endsWith(".test.js"));
  const files = chosen.length > 0 ? chosen : all.map((name) => join("__test__", name));
  run(process.execPath, ["--test", "--test-concurrency=2", ...files]);
}

// Nothing of a bus and a keyring is there.
if (process.platform === "win32") require("./test-windows.js");
else main();
