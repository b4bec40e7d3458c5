// Fifty calls with one signal, which fires; before that fifty with another, which does not.

const { secrets } = require("../..");

const key = { service: "bounds", name: "name" };
const fifty = (signal) => Array.from({ length: 50 }, () => secrets.get({ ...key, signal }));

async function main() {
  const quiet = new AbortController();
  const values = await Promise.all(fifty(quiet.signal));
  quiet.abort();
  const controller = new AbortController();
  const calls = fifty(controller.signal);
  controller.abort();
  const aborted = (await Promise.allSettled(calls)).map(({ reason }) => reason?.code);
  const all = (list) => `${list.length} ${[...new Set(list)].join()}`;
  console.log(`${all(aborted)}, ${all(values)}`);
}

main();
