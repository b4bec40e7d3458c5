// The program behind participants.js: client.js <implementation> <service>. It makes calls with one
// implementation in one runtime and prints how long each took, in milliseconds. Each line of standard input
// has an operation, the maximum number of repetitions, the maximum time in milliseconds, the number of names,
// and the number of calls at once. Each operation runs at least once.

const { createInterface } = require("node:readline");

const [implementation, service] = process.argv.slice(2);
const { get, set, remove } = require("./implementations.js")[implementation]();

/** The number of gets per measurement of processor time. The clock is too coarse for a single one. */
const CPU_GETS = 20;
const now = () => performance.now();

function expect(outcome, expected, call) {
  if (outcome !== expected) throw new Error(`${call} gave ${JSON.stringify(outcome)}`);
}

const isValue = (value) => expect(typeof value, "string", "get");

const isDone = () => {};

/** Measures the time of a call and checks its outcome. */
async function timed(call, check) {
  const start = now();
  const outcome = await call();
  const time = now() - start;
  check(outcome);
  return time;
}

/** Makes calls at once and measures their whole time. */
function together(size, call, check) {
  return timed(
    () => Promise.all(Array.from({ length: size }, call)),
    (outcomes) => outcomes.forEach(check),
  );
}

/** Makes calls at once and measures the longest time between two turns of the event loop. */
async function gapDuring(size, call) {
  let gap = 0;
  let last = now();
  let watching = true;
  const turn = () => {
    const time = now();
    gap = Math.max(gap, time - last);
    last = time;
  };
  const watch = () => {
    turn();
    if (watching) setImmediate(watch);
  };
  setImmediate(watch);
  await together(size, call, isValue);
  watching = false;
  // All calls may have ended in one turn of the event loop, so the current turn counts too.
  turn();
  return gap;
}

let next = 0;
/** Returns each stored name in turn, so that all are read equally often. */
const known = (names) => `name ${next++ % names}`;
let used = 0;
/** Returns a name that was never used before. */
const unused = () => `new ${process.pid} ${used++}`;

const getKnown = (names) => get(service, known(names));
const setKnown = (names) => set(service, known(names), `value ${next}`);

/** For each operation, a function that makes one measurement. */
const operations = {
  get: (names) => timed(() => getKnown(names), isValue),
  missing: () =>
    timed(
      () => get(service, "missing"),
      (value) => expect(value ?? null, null, "get of nothing"),
    ),
  replace: (names) => timed(() => setKnown(names), isDone),
  async new() {
    const name = unused();
    const time = await timed(() => set(service, name, "value"), isDone);
    await remove(service, name);
    return time;
  },
  async delete() {
    const name = unused();
    await set(service, name, "value");
    return timed(
      () => remove(service, name),
      (removed) => expect(removed, true, "delete"),
    );
  },
  gets: (names, size) => together(size, () => getKnown(names), isValue),
  sets: (names, size) => together(size, () => setKnown(names), isDone),
  gap: (names, size) => gapDuring(size, () => getKnown(names)),
  async cpu(names) {
    const before = process.cpuUsage();
    for (let index = 0; index < CPU_GETS; index++) await getKnown(names);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 / CPU_GETS;
  },
  async memory() {
    return process.memoryUsage.rss() / 2 ** 20;
  },
  /** Stores the items that the other operations read. */
  async fill(names) {
    for (let index = 0; index < names; index++) await set(service, `name ${index}`, "value");
  },
};

async function repeated(operation, most, slice, ...numbers) {
  const values = [];
  const end = now() + slice;
  do values.push(await operations[operation](...numbers));
  while (values.length < most && now() < end);
  return values;
}

createInterface(process.stdin).on("line", async (line) => {
  const [operation, ...numbers] = line.split(" ");
  // Collects the garbage of earlier operations, so that this one is not interrupted.
  globalThis.gc();
  const answer = (outcome) => process.stdout.write(`${JSON.stringify(outcome)}\n`);
  try {
    answer({ values: await repeated(operation, ...numbers.map(Number)) });
  } catch (error) {
    answer({ error: String(error.message ?? error) });
  }
});
