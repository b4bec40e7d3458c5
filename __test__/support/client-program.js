// The program behind client.js: each line of standard input is a call, each line of output its outcome.

const { createInterface } = require("node:readline");

const implementation = load(process.argv[2]);

function load(name) {
  if (name === "bun") return { secrets: globalThis.Bun.secrets };
  if (name === "os-secrets") return require("../..");
  const { get, set, remove } = require("../../bench/implementations.js")[name]();
  return { secrets: { get, set, delete: remove } };
}

/** Makes a signal. JSON cannot hold signals, so the prefix of a method's name chooses one. */
function makeSignal(kind) {
  if (kind === "aborted") return AbortSignal.abort("the reason");
  const controller = new AbortController();
  setTimeout(() => controller.abort("the reason"), 600);
  return controller.signal;
}

function makeCall(target, method, parameters) {
  const [, kind, name] = /^(aborted|aborting)(\w+)$/.exec(method) ?? [];
  if (!kind) return target[method](...parameters);
  return target[name.toLowerCase()]({ ...parameters[0], signal: makeSignal(kind) });
}

createInterface(process.stdin).on("line", async (line) => {
  const { id, method, parameters } = JSON.parse(line);
  const answer = (outcome) => process.stdout.write(`${JSON.stringify({ id, ...outcome })}\n`);
  try {
    answer({ value: await makeCall(implementation.secrets, method, parameters) });
  } catch ({ name, code, message, cause }) {
    answer({ error: { name, code, message, cause } });
  }
});
