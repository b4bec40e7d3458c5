// What npm run quickstart shows when it has built the addon: a credential that is stored, read, replaced and deleted, and
// read under Bun as well. It uses this session's own credential store if one answers, or else an encrypted file that is
// removed at the end.

const { spawnSync } = require("node:child_process");
const { mkdtempSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { fail, root } = require("../../tools/process.js");
const { bun } = require("../support/runtimes.js");

/** The exit code of round-trip.js if no store answers. */
const NO_STORE = 3;

/** Runs the round trip: its exit code. */
function roundTrip(...args) {
  const program = join(__dirname, "round-trip.js");
  return spawnSync(process.execPath, [program, bun, ...args], { cwd: root, stdio: "inherit" }).status;
}

console.log("\nTrying this session's own credential store.");
let status = roundTrip();
let result = "what Node stores, Bun.secrets reads";
if (status === NO_STORE) {
  console.log("\nNo credential store answers here, so an encrypted file is used for this run.");
  const folder = mkdtempSync(join(tmpdir(), "os-secrets-quickstart-"));
  status = roundTrip(folder);
  rmSync(folder, { recursive: true });
  result = "what Node stores in an encrypted file, Bun reads through this package";
}
if (status !== 0) fail("The round trip failed.");
console.log(`\nIt works: ${result}. The next step is README.md, or: npm test`);
