// On Keychain, os-secrets does what the real Bun.secrets does: Bun runs the cases on gnome-keyring, and ours run on the
// model of macOS' Security framework.

const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { it } = require("node:test");
const cases = require("../differential/cases.js");
const { listItems } = require("../support/items.js");
const { bun, node } = require("../support/runtimes.js");
const { startSession } = require("../support/session.js");

const runner = join(__dirname, "..", "differential", "run.js");

async function runCases(session, [command, ...args], implementation, list) {
  const { code, stdout, stderr } = await session.run(command, [...args, runner, implementation, list]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** The service, name and value of each item in a gnome-keyring. */
async function listKeyring(session) {
  const items = await listItems(session);
  return items.map(({ attributes: { service, account }, secret }) => [service, account, secret]).sort();
}

/** The service, name and value of each item in the model. */
function listKeychain(session) {
  const [{ items }] = JSON.parse(readFileSync(session.env.KEYCHAIN_MODEL, "utf8")).keychains;
  const decode = (data) => Buffer.from(data, "latin1").toString();
  return items.map(({ service, account, data }) => [service, account, decode(data)]).sort();
}

for (const list of ["misuse", "use"]) {
  it(`does what Bun does in ${cases[list].length} cases of ${list}`, async (t) => {
    const [theirs, ours] = [await startSession(), await startSession()];
    t.after(() => Promise.all([theirs.stop(), ours.stop()]));
    await theirs.startBus();
    await theirs.startKeyring();
    const expected = await runCases(theirs, [bun], "bun", list);
    const actual = await runCases(ours, node(22), "os-secrets", list);
    assert.equal(Object.keys(expected).length, cases[list].length);
    assert.deepEqual(Object.keys(actual), Object.keys(expected));
    for (const [label, outcome] of Object.entries(expected)) {
      assert.deepEqual(actual[label], outcome, `${label}: expected ${JSON.stringify(outcome)}`);
    }
    if (list === "use") assert.deepEqual(listKeychain(ours), await listKeyring(theirs));
  });
}
