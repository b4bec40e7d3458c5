// After a call has ended no buffer of ours holds the value. Buffers that the program gave or got are
// its own; strings cannot be looked for, because the engine copies them as it likes, as Bun's does
// with buffers.

const assert = require("node:assert/strict");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { linuxOnly } = require("./support/platform.js");
const { runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const program = join(__dirname, "programs", "memory.js");

describe("the process's memory", linuxOnly("/proc"), () => {
  let session;
  before(async () => {
    session = await startSession();
  });
  after(() => session.stop());

  for (const name of ["Node 20", "Node 22", "Node 24"]) {
    it(`holds no piece of a secret after it was set and read, under ${name}`, async () => {
      const { code, stdout, stderr } = await session.run(runtimes[name][0], [program]);
      assert.equal(code, 0, stderr);
      const { before, afterSet, whileHeld, afterGet, pieces } = JSON.parse(stdout);
      // What is there is found: ten buffers hold the whole of it.
      assert.ok(whileHeld >= 10 * pieces, `found ${whileHeld} of ${10 * pieces}`);
      assert.deepEqual({ before, afterSet, afterGet }, { before: 0, afterSet: 0, afterGet: 0 });
    });
  }
});
