// os-secrets does the same as the real Bun.secrets: both run one list of cases, ours under every runtime.

const assert = require("node:assert/strict");
const { join } = require("node:path");
const { before, describe, it } = require("node:test");
const cases = require("./differential/cases.js");
const { secretsIn } = require("./support/client.js");
const { listItems } = require("./support/items.js");
const { bun, node, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const runner = join(__dirname, "differential", "run.js");
const sentinel = { service: "sentinel", name: "name", value: "is never touched" };

/** Runs one list of cases in its own session. Returns their outcomes and the items in the store. */
async function runCases([command, ...args], implementation, list) {
  const session = await startSession();
  try {
    const client = secretsIn(session, [bun], "bun");
    await client.set(sentinel);
    await client.close();
    const { code, stdout, stderr } = await session.run(command, [...args, runner, implementation, list]);
    assert.equal(code, 0, stderr);
    return { outcomes: JSON.parse(stdout), items: await listItems(session) };
  } finally {
    await session.stop();
  }
}

for (const list of ["misuse", "use"]) {
  describe(`${cases[list].length} cases of ${list}`, () => {
    let expected;
    before(async () => {
      expected = await runCases([bun], "bun", list);
      assert.equal(Object.keys(expected.outcomes).length, cases[list].length);
    });

    for (const [name, runtime] of Object.entries(runtimes)) {
      it(`os-secrets under ${name} does what Bun.secrets does`, async () => {
        const actual = await runCases(runtime, "os-secrets", list);
        for (const [label, outcome] of Object.entries(expected.outcomes)) {
          assert.deepEqual(actual.outcomes[label], outcome, `${label}: expected ${JSON.stringify(outcome)}`);
        }
        assert.deepEqual(Object.keys(actual.outcomes), Object.keys(expected.outcomes));
        const kept = ({ path, ...item }) => JSON.stringify(item);
        assert.deepEqual(actual.items.map(kept).sort(), expected.items.map(kept).sort());
      });
    }
  });
}

describe("misuse", () => {
  it("is refused in the same tick, and leaves the store alone", async () => {
    const { outcomes: all, items: left } = await runCases(node(20), "os-secrets", "misuse");
    for (const [label, outcome] of Object.entries(all)) {
      for (const one of [outcome].flat().filter((part) => typeof part === "object")) {
        assert.ok("sync" in one, `${label}: ${JSON.stringify(one)}`);
      }
    }
    assert.deepEqual(
      left.map(({ label, secret }) => [label, secret]),
      [["sentinel/name", sentinel.value]],
    );
  });
});
