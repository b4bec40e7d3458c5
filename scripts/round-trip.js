// The main job, step by step, in whatever store the environment leads to: round-trip.js <bun>.
// It says why, and ends with code 3, where no store answers.

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const { secrets } = require("..");

const key = { service: "os-secrets-quickstart", name: "github-token" };

function readWithBun(bun) {
  const program = `process.stdout.write(String(await Bun.secrets.get(${JSON.stringify(key)})))`;
  return execFileSync(bun, ["--eval", program], { encoding: "utf8" });
}

async function main(bun) {
  try {
    await secrets.get(key);
  } catch (error) {
    console.error(`${error.code}: ${error.message}`);
    // A store that is locked or refuses is there all the same.
    process.exit(error.code === "ERR_SECRETS_PLATFORM_ERROR" ? 3 : 1);
  }
  const steps = [
    ["set     ", () => secrets.set({ ...key, value: "first-value" }), undefined],
    ["get     ", () => secrets.get(key), "first-value"],
    ["in Bun  ", () => readWithBun(bun), "first-value"],
    ["replace ", () => secrets.set({ ...key, value: "second-value" }), undefined],
    ["get     ", () => secrets.get(key), "second-value"],
    ["in Bun  ", () => readWithBun(bun), "second-value"],
    ["delete  ", () => secrets.delete(key), true],
    ["get     ", () => secrets.get(key), null],
    ["in Bun  ", () => readWithBun(bun), "null"],
  ];
  console.log(`Credential: ${key.service}/${key.name}, under Node ${process.versions.node}`);
  try {
    for (const [label, step, expected] of steps) {
      const start = performance.now();
      const outcome = await step();
      console.log(`  ${label} → ${String(outcome).padEnd(14)} ${(performance.now() - start).toFixed(1)} ms`);
      assert.equal(outcome, expected);
    }
  } finally {
    await secrets.delete(key);
  }
}

main(process.argv[2]);
