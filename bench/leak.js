// npm run bench:leak [-- gets]: makes many gets in one process, by default a million, and prints its memory
// while they run. Half of the gets are made one after another, and half of them a hundred at once. A leak
// shows as growth during the second half of the run.

const { startSession } = require("../__test__/support/session.js");
const { build } = require("../tools/build.js");
const { fail } = require("../tools/process.js");
const { provide } = require("../tools/provision.js");

const DEFAULT_GETS = 1_000_000;
/** How many times the memory is printed: by default, after every 50,000 gets. */
const STEPS = 20;
const AT_ONCE = 100;
const ITEMS = 10;
const SERVICE = "leak";
/** The maximum growth during the second half, in MiB. The garbage collector causes some. */
const GROWTH = 5;

const makeName = (index) => `name ${index % ITEMS}`;

function measureMemory() {
  globalThis.gc();
  return process.memoryUsage.rss() / 2 ** 20;
}

/** Makes at least `count` gets. */
async function makeGets(get, count) {
  for (let made = 0; made < count; made += 2 * AT_ONCE) {
    for (let index = 0; index < AT_ONCE; index++) await get(SERVICE, makeName(index));
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => get(SERVICE, makeName(index))));
  }
}

/** Makes all gets and prints the verdict. */
async function measureGets(secrets, gets) {
  for (let index = 0; index < ITEMS; index++) await secrets.set(SERVICE, makeName(index), "value");
  const measured = [];
  for (let step = 1; step <= STEPS; step++) {
    await makeGets(secrets.get, gets / STEPS);
    measured.push(measureMemory());
    const made = Math.round((gets / STEPS) * step).toLocaleString("en");
    console.log(`${made.padStart(9)} gets: ${measured.at(-1).toFixed(1)} MiB`);
  }
  const growth = measured.at(-1) - measured[STEPS / 2 - 1];
  const leaks = growth > GROWTH;
  const verdict = leaks ? "the process leaks memory" : "there is no sign of a leak";
  console.log(`The second half of the gets added ${growth.toFixed(1)} MiB: ${verdict}.`);
  if (leaks) process.exitCode = 1;
}

async function main(gets) {
  if (!(gets >= STEPS)) fail(`Usage: npm run bench:leak [-- gets]. gets must be at least ${STEPS}.`);
  provide("keyring modules");
  build();
  const session = await startSession();
  try {
    // The package reads its environment when it is loaded.
    Object.assign(process.env, session.env);
    await measureGets(require("..").secrets, gets);
  } finally {
    await session.stop();
  }
}

main(Number(process.argv[2] ?? DEFAULT_GETS));
