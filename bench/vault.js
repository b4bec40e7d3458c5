// npm run bench:vault [-- rounds]: measures calls of os-secrets on a development server of HashiCorp Vault, beside
// node-vault and the floor: requests by Node's own HTTP client over connections that are kept, and nothing else. The three
// take turns, so that their times are comparable. Prints medians in milliseconds, ratios to the floor, and the goals.

const assert = require("node:assert/strict");
const { Agent, request } = require("node:http");
const { join } = require("node:path");
const { collect, startVault } = require("../__test__/production/server.js");
const { build } = require("../tools/build.js");
const { root } = require("../tools/process.js");
const { provide } = require("../tools/provision.js");
const { describeSystem } = require("./machine.js");
const { median } = require("./statistics.js");

const ROUNDS = 200;
/** How many rounds pass between those that are not measured. */
const WARM = 20;
const VALUE = "value";

/** The floor: reads and writes one secret with Node's HTTP client. */
function floor({ address, token }) {
  const agent = new Agent({ keepAlive: true, maxSockets: 10 });
  const call = (method, path, body) =>
    new Promise((resolve, reject) => {
      const headers = { "x-vault-token": token, "x-vault-request": "true" };
      if (body !== undefined) headers["content-type"] = "application/merge-patch+json";
      const sent = request(`${address}/v1/${path}`, { method, headers, agent }, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part) => (text += part));
        answer.on("end", () => resolve(text === "" ? undefined : JSON.parse(text)));
      });
      sent.on("error", reject).end(body);
    });
  return {
    get: async () => (await call("GET", "secret/data/bench")).data.data.key,
    set: (value) => call("PATCH", "secret/data/bench", JSON.stringify({ data: { key: value } })),
  };
}

function ours({ address, token }) {
  const { openStore } = require("..");
  const store = openStore({ provider: "vault", address, token });
  return {
    get: () => store.get("bench", "key"),
    set: (value) => store.set("bench", "key", value),
  };
}

function nodeVault({ address: endpoint, token }) {
  const vault = require(join(root, "__test__/production/clouds/node_modules/node-vault"))({
    endpoint,
    token,
  });
  return {
    get: async () => (await vault.read("secret/data/bench")).data.data.key,
    // It has no merge patch of its own for one field.
    set: (value) => vault.write("secret/data/bench", { data: { key: value } }),
  };
}

const rows = {
  get: async ({ get }) => assert.equal(await get(), VALUE),
  "100 gets of one path": async ({ get }) => {
    const values = await Promise.all(Array.from({ length: 100 }, () => get()));
    assert.ok(values.every((value) => value === VALUE));
  },
  set: ({ set }) => set(VALUE),
};

const goals = [
  ["get", "os-secrets", "floor", 1.2],
  ["100 gets of one path", "os-secrets", "node-vault", 0.2],
];

async function main(rounds) {
  provide("vault clouds cargo");
  build();
  const started = collect();
  const server = await startVault(started);
  const clients = { floor: floor(server), "os-secrets": ours(server), "node-vault": nodeVault(server) };
  await clients["os-secrets"].set(VALUE);
  const perClient = () => Object.fromEntries(Object.keys(clients).map((name) => [name, []]));
  const times = Object.fromEntries(Object.keys(rows).map((row) => [row, perClient()]));
  for (let round = -WARM; round < rounds; round++) {
    for (const [row, run] of Object.entries(rows)) {
      for (const [name, client] of Object.entries(clients)) {
        const start = performance.now();
        await run(client);
        const time = performance.now() - start;
        if (round >= 0) times[row][name].push(time);
      }
    }
  }
  await started.end();
  console.log({ ...describeSystem(), Vault: "1.13.0", rounds });
  console.log("Medians in milliseconds:");
  const table = {};
  for (const [row, byName] of Object.entries(times)) {
    table[row] = Object.fromEntries(
      Object.entries(byName).map(([name, values]) => [name, Number(median(values).toFixed(3))]),
    );
  }
  console.table(table);
  for (const [row, own, other, goal] of goals) {
    const ratio = table[row][own] / table[row][other];
    console.log(`${row}: ${own} / ${other} ${ratio.toFixed(2)} (goal: ${goal})`);
  }
}

main(Number(process.argv[2] ?? ROUNDS));
