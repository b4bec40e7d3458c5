// One of several processes that use the same credential at once: contend.js <id> <rounds>. Prints "ready",
// waits for a line of input, and prints what it wrote, read and deleted.

const { once } = require("node:events");
const { secrets } = require("../..");

const key = { service: "contended", name: "name" };
const [id, rounds] = process.argv.slice(2);

async function main() {
  console.log("ready");
  await once(process.stdin, "data");
  process.stdin.destroy();
  const told = { wrote: [], read: [], deleted: 0 };
  const steps = {
    async set(round) {
      const value = `process ${id}, round ${round} ${"x".repeat(round)}`;
      told.wrote.push(value);
      await secrets.set({ ...key, value });
    },
    async get() {
      told.read.push(await secrets.get(key));
    },
    async delete() {
      if (await secrets.delete(key)) told.deleted += 1;
    },
  };
  const order = ["set", "get", "set", "get", "delete", "get"];
  for (let round = 0; round < Number(rounds); round++) {
    // The processes are out of step, so that each step meets every other.
    await steps[order[(round + Number(id)) % order.length]](round);
  }
  console.log(JSON.stringify(told));
}

main();
