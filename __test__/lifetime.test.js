// Threads and processes end as they do without this package: workers start and end, only a call in progress
// keeps a process alive, and nothing crashes at the end.

const assert = require("node:assert/strict");
const { mkdtempSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { writeHelper } = require("./support/helpers.js");
const { isWindows } = require("./support/platform.js");
const { runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const workers = join(__dirname, "programs", "workers.js");
const exits = join(__dirname, "programs", "exit.js");

describe("lifetimes", () => {
  let session;
  before(async () => {
    session = await startSession();
  });
  after(() => session.stop());

  for (const [name, [command, ...args]] of Object.entries(runtimes)) {
    for (const [scenario, answers] of Object.entries({
      together: 7,
      "one after another, while the main thread works": 9,
      "first used by a worker that has ended": 3,
      "terminated in the middle of calls": 2,
      "that exit with calls pending": 1,
    })) {
      it(`workers ${scenario}, under ${name}`, async () => {
        const { code, signal, stdout, stderr } = await session.run(command, [...args, workers, scenario]);
        assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr);
        assert.deepEqual(JSON.parse(stdout), new Array(answers).fill(0));
      });
    }

    it(`workers terminated while a helper runs for them end it, under ${name}`, async () => {
      const script = `
        writeFileSync(beside("new"), String(process.pid));
        renameSync(beside("new"), beside("started"));
        wait();`;
      const folder = mkdtempSync(join(session.directory, "helper-"));
      const store = { ...writeHelper(folder, script), timeout: 600_000 };
      const env = { STORE: JSON.stringify(store), HELPER: join(folder, "helper") };
      const scenario = [...args, workers, "terminated while a helper runs for them"];
      const { code, signal, stdout, stderr } = await session.run(command, scenario, { env });
      assert.deepEqual({ code, signal, stdout }, { code: 0, signal: null, stdout: "[0]\n" }, stderr);
    });

    for (const [scenario, printed] of Object.entries({
      pending: "settled null\n",
      "a thousand calls": "500 500\n",
      "import alone": "imported\n",
      idle: "done\n",
    })) {
      it(`the process ends by itself: ${scenario}, under ${name}`, async () => {
        const { code, signal, stdout, stderr } = await session.run(command, [...args, exits, scenario]);
        assert.deepEqual({ code, signal, stdout }, { code: 0, signal: null, stdout: printed }, stderr);
      });
    }

    for (const [scenario, expected] of Object.entries({
      "exit with calls pending": 7,
      "exit with calls pending on an open connection": 7,
      "exit in a callback": 7,
      "an exception with calls pending": 1,
    })) {
      it(`the process ends without a crash: ${scenario}, under ${name}`, async () => {
        for (let times = 0; times < 5; times++) {
          const { code, signal, stderr } = await session.run(command, [...args, exits, scenario]);
          assert.deepEqual({ code, signal }, { code: expected, signal: null }, stderr);
        }
      });
    }

    it(`a rejection nobody handles ends the process as any other, under ${name}`, async () => {
      const [env, why] = isWindows
        ? [{ OS_SECRETS_PROVIDER: "none" }, /OS_SECRETS_PROVIDER must be/]
        : [{ DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent" }, /no usable D-Bus session bus/];
      const run = [...args, exits, "rejections nobody handles"];
      const { code, signal, stderr } = await session.run(command, run, { env });
      assert.deepEqual({ code, signal }, { code: 1, signal: null });
      assert.match(stderr, why);
    });
  }
});
