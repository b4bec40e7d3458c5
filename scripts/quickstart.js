// npm run quickstart: from a fresh clone to a credential that is stored, read, replaced and deleted,
// and read by real Bun as well. It uses this session's own credential store where one answers, else
// a private gnome-keyring that lives as long as this script.

const { spawnSync } = require("node:child_process");
const { join } = require("node:path");
const { build, ensureKeyring, ensureNodeModules, fail, root } = require("./tools.js");

/** The exit code of round-trip.js where no store answers. */
const NO_STORE = 3;

async function main() {
  ensureNodeModules();
  build();
  // They exist only now.
  const { bun } = require("../__test__/support/runtimes.js");
  const { startSession } = require("../__test__/support/session.js");
  const program = [join(__dirname, "round-trip.js"), bun];

  console.log("\nTrying this session's own credential store.");
  const { status } = spawnSync(process.execPath, program, { cwd: root, stdio: "inherit" });
  if (status === NO_STORE) {
    console.log("\nNo credential store answers here, so a private gnome-keyring is started for this run.");
    ensureKeyring();
    const session = await startSession();
    const { code, stdout, stderr } = await session.run(process.execPath, program);
    await session.stop();
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    if (code !== 0) fail("The round trip failed.");
  } else if (status !== 0) {
    fail("The round trip failed.");
  }
  console.log("\nIt works: what Node stores, Bun reads. The next step is README.md, or: npm test");
}

main();
