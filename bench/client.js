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

function expectOutcome(outcome, expected, call) {
  if (outcome !== expected) throw new Error(`${call} gave ${JSON.stringify(outcome)}`);
}

const expectValue = (value) => expectOutcome(typeof value, "string", "get");

const acceptAny = () => {};

/** Measures the time of a call and checks its outcome. */
async function measureTime(call, check) {
  const start = now();
  const outcome = await call();
  const time = now() - start;
  check(outcome);
  return time;
}

/** Makes calls at once and measures their whole time. */
function measureTogether(size, call, check) {
  return measureTime(
    () => Promise.all(Array.from({ length: size }, call)),
    (outcomes) => outcomes.forEach(check),
  );
}

/** Makes calls at once and measures the longest time between two turns of the event loop. */
async function measureGap(size, call) {
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
  await measureTogether(size, call, expectValue);
  watching = false;
  // All calls may have ended in one turn of the event loop, so the current turn counts too.
  turn();
  return gap;
}

let next = 0;
/** Returns each stored name in turn, so that all are read equally often. */
const nextName = (names) => `name ${next++ % names}`;
let used = 0;
/** Returns a name that was never used before. */
const makeNewName = () => `new ${process.pid} ${used++}`;

const getNext = (names) => get(service, nextName(names));
const replaceNext = (names) => set(service, nextName(names), `value ${next}`);

async function measureNewSet(name) {
  const time = await measureTime(() => set(service, name, "value"), acceptAny);
  await remove(service, name);
  return time;
}

/** For each operation, a function that makes one measurement. */
const operations = {
  get: (names) => measureTime(() => getNext(names), expectValue),
  missing: () =>
    measureTime(
      () => get(service, "missing"),
      (value) => expectOutcome(value ?? null, null, "get of nothing"),
    ),
  replace: (names) => measureTime(() => replaceNext(names), acceptAny),
  new: () => measureNewSet(makeNewName()),
  async "new-after-miss"() {
    const name = makeNewName();
    expectOutcome((await get(service, name)) ?? null, null, "get of nothing");
    return measureNewSet(name);
  },
  async delete() {
    const name = makeNewName();
    await set(service, name, "value");
    return measureTime(
      () => remove(service, name),
      (removed) => expectOutcome(removed, true, "delete"),
    );
  },
  gets: (names, size) => measureTogether(size, () => getNext(names), expectValue),
  sets: (names, size) => measureTogether(size, () => replaceNext(names), acceptAny),
  gap: (names, size) => measureGap(size, () => getNext(names)),
  async cpu(names) {
    const before = process.cpuUsage();
    for (let index = 0; index < CPU_GETS; index++) await getNext(names);
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

async function repeatOperation(operation, most, slice, ...numbers) {
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
    answer({ values: await repeatOperation(operation, ...numbers.map(Number)) });
  } catch (error) {
    answer({ error: String(error.message ?? error) });
  }
});
