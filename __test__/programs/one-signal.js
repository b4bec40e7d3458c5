// Makes fifty calls with one signal and prints their outcomes: one-signal.js [abort].

const { secrets } = require("../..");

const controller = new AbortController();
const key = { service: "bounds", name: "name", signal: controller.signal };

async function main() {
  const calls = Array.from({ length: 50 }, () => secrets.get(key));
  if (process.argv[2] === "abort") controller.abort();
  const outcomes = await Promise.allSettled(calls);
  controller.abort();
  console.log(...new Set(outcomes.map(({ value, reason }) => value ?? reason.code)), outcomes.length);
}

main();
