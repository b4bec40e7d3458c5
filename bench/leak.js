// npm run bench:leak [-- gets]: makes a million gets in one process, or as many as are asked for, and
// prints its memory on the way. Half of them are made one after another and half a hundred at once, in
// turns. What a process keeps of each call shows as growth in the second half.

const { startSession } = require("../__test__/support/session.js");
const { build } = require("../tools/build.js");
const { fail } = require("../tools/process.js");
const { provide } = require("../tools/provision.js");

const DEFAULT_GETS = 1_000_000;
/** How often the memory is printed: every 50,000 of a million. */
const STEPS = 20;
const AT_ONCE = 100;
const ITEMS = 10;
const SERVICE = "leak";
/** What the second half may add, in MiB: the collector has its own ups and downs. */
const GROWTH = 5;

const name = (index) => `name ${index % ITEMS}`;

function memory() {
  globalThis.gc();
  return process.memoryUsage.rss() / 2 ** 20;
}

/** Makes gets, at least so many. */
async function makeGets(get, count) {
  for (let made = 0; made < count; made += 2 * AT_ONCE) {
    for (let index = 0; index < AT_ONCE; index++) await get(SERVICE, name(index));
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => get(SERVICE, name(index))));
  }
}

/** Makes all gets, and prints the verdict. */
async function measure(secrets, gets) {
  for (let index = 0; index < ITEMS; index++) await secrets.set(SERVICE, name(index), "value");
  const measured = [];
  for (let step = 1; step <= STEPS; step++) {
    await makeGets(secrets.get, gets / STEPS);
    measured.push(memory());
    const made = Math.round((gets / STEPS) * step).toLocaleString("en");
    console.log(`${made.padStart(9)} gets: ${measured.at(-1).toFixed(1)} MiB`);
  }
  const growth = measured.at(-1) - measured[STEPS / 2 - 1];
  const leaks = growth > GROWTH;
  const verdict = leaks ? "the process keeps what its calls took" : "no leak shows";
  console.log(`The second half of the gets added ${growth.toFixed(1)} MiB: ${verdict}.`);
  if (leaks) process.exitCode = 1;
}

async function main(gets) {
  if (!(gets >= STEPS)) fail(`Usage: npm run bench:leak [-- gets], ${STEPS} or more`);
  provide("keyring modules");
  build();
  const session = await startSession();
  try {
    // The package reads its environment when it is loaded.
    Object.assign(process.env, session.env);
    await measure(require("..").secrets, gets);
  } finally {
    await session.stop();
  }
}

main(Number(process.argv[2] ?? DEFAULT_GETS));
