// Many processes use one credential at once. Each reads either a whole value that was written, or null.

const assert = require("node:assert/strict");
const { join } = require("node:path");
const { it } = require("node:test");
const { secretsIn } = require("./support/client.js");
const { listItems } = require("./support/items.js");
const { exceptOnWine } = require("./support/platform.js");
const { bun, node } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const key = { service: "contended", name: "name" };
const ROUNDS = 60;

it(
  "eight processes set, get and delete one credential",
  exceptOnWine("a Credential Manager that takes changes as a whole"),
  async (t) => {
    const session = await startSession();
    t.after(() => session.stop());
    const nodes = [20, 20, 22, 22, 24, 24].map(node);
    const program = join(__dirname, "programs", "contend.js");
    const processes = [...nodes, [bun], [bun]].map(([command, ...args], id) => {
      return session.startInLines(command, [...args, program, `${id}`, `${ROUNDS}`]);
    });
    for (const { readLine } of processes) assert.equal(await readLine(), "ready");
    for (const { child } of processes) child.stdin.end("go\n");
    const told = await Promise.all(processes.map(async ({ readLine }) => JSON.parse(await readLine())));
    for (const { closed } of processes) {
      const { code, signal } = await closed;
      assert.deepEqual([code, signal], [0, null]);
    }

    const wrote = told.flatMap((one) => one.wrote);
    const read = told.flatMap((one) => one.read);
    const written = new Set(wrote);
    assert.equal(written.size, wrote.length);
    assert.deepEqual(
      read.filter((value) => value !== null && !written.has(value)),
      [],
    );
    // The processes must have met: one reads a value of another, and one deletes a value of another.
    const foreign = told.some(({ read }, id) =>
      read.some((value) => value && !value.startsWith(`process ${id},`)),
    );
    assert.ok(foreign, "the processes did not meet");
    const deleted = told.reduce((sum, one) => sum + one.deleted, 0);
    assert.ok(deleted > 0 && deleted <= wrote.length, `${deleted} deletions of ${wrote.length} values`);

    const ours = secretsIn(session, node(22), "os-secrets");
    await ours.set({ ...key, value: "the last" });
    const found = await listItems(session);
    assert.deepEqual(
      found.map(({ secret }) => secret),
      ["the last"],
    );
    assert.equal(await ours.get(key), "the last");
  },
);
