// The program behind client.js: a line of standard input is a call, a line of output its outcome.

const { createInterface } = require("node:readline");

const secrets = process.argv[2] === "bun" ? globalThis.Bun.secrets : require("../..").secrets;

createInterface(process.stdin).on("line", async (line) => {
  const { id, method, parameters } = JSON.parse(line);
  const answer = (outcome) => process.stdout.write(`${JSON.stringify({ id, ...outcome })}\n`);
  try {
    answer({ value: await secrets[method](...parameters) });
  } catch ({ name, code, message }) {
    answer({ error: { name, code, message } });
  }
});
