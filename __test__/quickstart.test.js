// The round trip of `npm run quickstart`, in both of its stores.

const assert = require("node:assert/strict");
const { mkdirSync } = require("node:fs");
const { join } = require("node:path");
const { it } = require("node:test");
const { linuxOnly } = require("./support/platform.js");
const { bun, root } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const program = join(root, "__test__", "programs", "round-trip.js");

it("the round trip goes through the session's own store, with Bun.secrets", async (t) => {
  const session = await startSession();
  t.after(() => session.stop());
  const { code, stdout, stderr } = await session.run(process.execPath, [program, bun]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout.match(/in Bun {3}→ (first-value|second-value|null)/g).length, 3);
});

it("the round trip says that no store answers", linuxOnly("a bus"), async (t) => {
  const session = await startSession({ bus: false });
  t.after(() => session.stop());
  const without = await session.run(process.execPath, [program, bun]);
  assert.equal(without.code, 3);
  assert.match(without.stderr, /D-Bus session bus/);
});

it("the round trip goes through an encrypted file", async (t) => {
  const session = await startSession({ bus: false });
  t.after(() => session.stop());
  const folder = join(session.directory, "folder");
  mkdirSync(folder, { mode: 0o700 });
  const { code, stdout, stderr } = await session.run(process.execPath, [program, bun, folder]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Encrypted file: .*secrets\.age$/m);
  assert.equal(stdout.match(/in Bun {3}→ (first-value|second-value|null)/g).length, 3);
});
