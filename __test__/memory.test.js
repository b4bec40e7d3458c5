// After a call has ended, none of our buffers contains the value. The program's own buffers do not count. The
// tests cannot search for strings, because engines copy them. Bun's engine also copies buffers.

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
      // This shows that the search works: ten buffers contain the whole value.
      assert.ok(whileHeld >= 10 * pieces, `found ${whileHeld} of ${10 * pieces}`);
      assert.deepEqual({ before, afterSet, afterGet }, { before: 0, afterSet: 0, afterGet: 0 });
    });
  }
});
