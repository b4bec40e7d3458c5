// Runs the cases against one implementation and prints their outcomes as JSON:
// run.js <bun|os-secrets> <misuse|use>

const cases = require("./cases.js");

const [implementation, list] = process.argv.slice(2);
// Read here, because some cases change Object.prototype while they run.
const secrets = implementation === "bun" ? globalThis.Bun.secrets : require("../..").secrets;

/**
 * Describes the parts of an error that are the same in every engine. Engines differ in their own messages.
 */
function describeError(error) {
  if (typeof error !== "object" || error === null) return { thrown: error };
  const own = error.code !== undefined || error instanceof RangeError;
  return {
    class: error.constructor.name,
    name: error.name,
    isError: error instanceof Error,
    code: error.code ?? null,
    message: own ? error.message : "the engine's own",
  };
}

function attempt(call) {
  let promise;
  try {
    promise = call();
  } catch (error) {
    return { sync: describeError(error) };
  }
  if (!(promise instanceof Promise)) return { returned: String(promise) };
  return promise.then(
    (value) => ({ type: typeof value, value: value ?? null }),
    (error) => ({ rejected: describeError(error) }),
  );
}

async function main() {
  const outcomes = {};
  for (const [number, [label, body]] of cases[list].entries()) {
    if (label in outcomes) throw new Error(`two cases are called ${label}`);
    outcomes[label] = await body({ secrets, attempt, service: `case-${number}` });
  }
  process.stdout.write(JSON.stringify(outcomes));
}

main();
