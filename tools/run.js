// run.js <suite> [arguments]: installs what a suite of suites.js needs, and runs its steps one after another. The first
// step that fails ends it.

const { fail } = require("./process.js");
const { provide } = require("./provision.js");
const { suite } = require("./suites.js");

async function main(name, args) {
  const { harms, needs, steps } = suite(name) ?? fail(`There is no suite ${name}: see tools/suites.js.`);
  if (harms && process.env.OS_SECRETS_TEST_DISPOSABLE !== "1") {
    fail(`${harms} On a machine of CI, set OS_SECRETS_TEST_DISPOSABLE=1.`);
  }
  provide(needs);
  for (const step of steps) await step(args);
}

const [name, ...args] = process.argv.slice(2);
main(name, args);
