// Measures calls of os-secrets, and of `Bun.secrets` under Bun, in turn in one process. Prints medians in ms
// as JSON. It has no session of its own and writes to the store of the process, so run it only with a
// disposable store.

const { randomBytes } = require("node:crypto");
const { secrets: ours } = require("..");

const ROUNDS = 200;
const implementations = { ours, ...(globalThis.Bun && { bun: globalThis.Bun.secrets }) };
const service = `os-secrets-bench-${randomBytes(4).toString("hex")}`;
const calls = {
  "get of what is missing": (secrets, key) => secrets.get(key),
  "new set": (secrets, key) => secrets.set({ ...key, value: "x".repeat(40) }),
  "set that replaces": (secrets, key) => secrets.set({ ...key, value: "y".repeat(40) }),
  get: (secrets, key) => secrets.get(key),
  delete: (secrets, key) => secrets.delete(key),
};

function median(times) {
  return times.sort((a, b) => a - b)[times.length >> 1];
}

async function main() {
  const names = Object.keys(implementations);
  const times = {};
  for (let round = 0; round < ROUNDS; round++) {
    // The first implementation alternates, so that neither always comes second.
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      for (const [call, run] of Object.entries(calls)) {
        const start = performance.now();
        await run(implementations[name], { service, name });
        times[call] ??= {};
        times[call][name] ??= [];
        times[call][name].push(performance.now() - start);
      }
    }
  }
  for (const call of Object.keys(calls)) {
    times[call] = Object.fromEntries(names.map((name) => [name, median(times[call][name])]));
  }
  console.log(JSON.stringify(times));
}

main();
