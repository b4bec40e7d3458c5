// A cluster of three nodes with TLS, whose leader is killed or cut off from the others while processes write: no change that
// was acknowledged is lost.

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { join } = require("node:path");
const { createInterface } = require("node:readline");
const { after, before, describe, it } = require("node:test");
const { setTimeout: sleep } = require("node:timers/promises");
const { openStore } = require("../..");
const { collect, startCluster, until } = require("./server.js");

const root = join(__dirname, "..", "..");

/** A program that writes numbers to a field of its own, and prints each that was acknowledged, until it is told to end. */
const WRITER = `
const { openStore } = require(${JSON.stringify(root)});
const [options, service, name] = JSON.parse(process.argv[1]);
const store = openStore(options);
let [ended, number] = [false, 0];
process.stdin.on("data", () => (ended = true)).on("end", () => (ended = true));
(async () => {
  while (!ended) {
    number++;
    const start = performance.now();
    try {
      await store.set({ service, name, value: String(number), timeout: 60_000 });
      console.log(JSON.stringify({ number, time: performance.now() - start, at: Date.now() }));
    } catch (error) {
      console.log(JSON.stringify({ number, failed: error.code, message: error.message }));
    }
  }
  process.exit(0);
})();`;

describe("a cluster of servers", { timeout: 600_000 }, () => {
  const started = collect();
  let cluster;

  before(async () => (cluster = await startCluster(started)), { timeout: 240_000 });
  after(started.end);

  const options = (node) => optionsOf(cluster, node);

  const standbys = async () => {
    const leader = await cluster.leader();
    return cluster.nodes.filter((node) => node !== leader);
  };

  it("is read and written through every node", async () => {
    for (const node of cluster.nodes) {
      const store = openStore(options(node));
      await store.set("through", node.name, "value");
    }
    for (const node of cluster.nodes) {
      const names = (await openStore(options(node)).list({ service: "through" })).map(({ name }) => name);
      assert.deepEqual(names, ["node0", "node1", "node2"]);
    }
  });

  it("is read and written through a standby", async () => {
    const [standby] = await standbys();
    const store = openStore(options(standby));
    await store.set("redirected", "field", "value");
    assert.equal(await store.get("redirected", "field"), "value");
  });

  /** A cluster for one test, because the servers may take long to recover: { cluster, leader, others }. */
  async function startOwn(t) {
    const own = collect();
    t.after(own.end);
    const made = await startCluster(own);
    const leader = await made.leader();
    return { made, leader, others: made.nodes.filter((node) => node !== leader) };
  }

  const optionsOf = (made, node) => ({
    provider: "vault",
    address: node.address,
    token: made.token,
    caCert: made.caPath,
  });

  for (const [what, disturb] of [
    ["is killed", (_, leader) => leader.stop()],
    ["is cut off from the others", (made, leader) => made.cut(leader)],
  ]) {
    it(`loses no acknowledged change when its leader ${what}`, { timeout: 300_000 }, async (t) => {
      const { made, leader, others } = await startOwn(t);
      const service = "writes";
      const writers = Array.from({ length: 6 }, (_, index) => {
        const argument = JSON.stringify([optionsOf(made, others[index % 2]), service, `field${index}`]);
        const child = spawn(process.execPath, ["-e", WRITER, argument], {
          stdio: ["pipe", "pipe", "inherit"],
        });
        const lines = [];
        createInterface({ input: child.stdout }).on("line", (line) => lines.push(JSON.parse(line)));
        return { child, lines, ended: once(child, "exit") };
      });
      t.after(() => {
        for (const { child } of writers) child.kill();
      });
      await until("writes", () => writers.every(({ lines }) => lines.length > 5));
      await disturb(made, leader);
      const counts = writers.map(({ lines }) => lines.length);
      await until("writes after it", () =>
        writers.every(({ lines }, index) => lines.length > counts[index] + 10),
      );
      for (const { child } of writers) child.stdin.end("end\n");
      await Promise.all(writers.map(({ ended }) => ended));

      const store = openStore(optionsOf(made, others[0]));
      let [acknowledged, lost, longest] = [0, 0, 0];
      for (const [index, { lines }] of writers.entries()) {
        const failed = lines.filter((line) => line.failed !== undefined);
        assert.deepEqual(failed, []);
        acknowledged += lines.length;
        longest = Math.max(longest, ...lines.map(({ time }) => time));
        if (Number(await store.get(service, `field${index}`)) < lines.at(-1).number) lost++;
      }
      console.log(
        `the leader ${what}: ${acknowledged} changes acknowledged, ${lost} lost, longest call ${Math.round(longest)} ms`,
      );
      assert.equal(lost, 0);
    });
  }

  it("keeps every field that 50 processes write to one secret while its leader is killed", {
    timeout: 300_000,
  }, async (t) => {
    const { made, leader, others } = await startOwn(t);
    const program = `
      const { openStore } = require(${JSON.stringify(root)});
      const [options, index] = JSON.parse(process.argv[1]);
      openStore(options)
        .set({ service: "fifty", name: "field" + index, value: "value", timeout: 100_000 })
        .catch((error) => {
          console.error(error);
          process.exit(1);
        });`;
    const start = performance.now();
    const children = Array.from({ length: 50 }, (_, index) => {
      const argument = JSON.stringify([optionsOf(made, others[index % 2]), index]);
      return spawn(process.execPath, ["-e", program, argument], { stdio: "inherit" });
    });
    const ended = Promise.all(children.map((child) => once(child, "exit")));
    await sleep(500);
    await leader.stop();
    assert.deepEqual(new Set((await ended).map(([code]) => code)), new Set([0]));
    console.log(`50 processes, with the leader killed: ${Math.round(performance.now() - start)} ms`);
    const keys = await openStore(optionsOf(made, others[0])).list({ service: "fifty", timeout: 100_000 });
    assert.equal(keys.length, 50);
  });

  it("is sealed node by node", async () => {
    const [standby] = await standbys();
    await standby.stop();
    await standby.start();
    const call = { service: "through", name: "node0", timeout: 700 };
    await assert.rejects(openStore(options(standby)).get(call), { reason: "sealed" });
    const early = openStore(options(standby)).get({ ...call, timeout: 20_000 });
    await standby.unseal();
    assert.equal(await early, "value");
  });
});
