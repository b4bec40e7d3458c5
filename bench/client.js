// The program behind participants.js: one implementation in one runtime, which makes the calls it is
// told and prints how long each took, in milliseconds: client.js <implementation> <service>. A line of
// standard input is an operation, how often, and over how many names.

const { createInterface } = require("node:readline");

const [implementation, service] = process.argv.slice(2);
const { get, set, remove } = require("./implementations.js")[implementation]();

/** The gets that one measurement of the processor time goes over: the clock is not fine enough for one. */
const CPU_GETS = 20;
/** How many names were used up: each is new, or gone, once. */
let used = 0;

const now = () => performance.now();

function unused(count) {
  return Array.from({ length: count }, () => `new ${process.pid} ${used++}`);
}

function expect(outcome, expected, call) {
  if (outcome !== expected) throw new Error(`${call} gave ${JSON.stringify(outcome)}`);
}

/** What calls take, one after another; each must come to what is expected. */
async function timed(count, call, check) {
  const times = [];
  for (let index = 0; index < count; index++) {
    const start = now();
    const outcome = await call(index);
    times.push(now() - start);
    check(outcome);
  }
  return times;
}

const isValue = (value) => expect(typeof value, "string", "get");
const isDone = () => {};

/** Makes calls that overlap, and gives what they take together. */
async function together(size, call, check) {
  const start = now();
  const outcomes = await Promise.all(Array.from({ length: size }, (_, index) => call(index)));
  const time = now() - start;
  outcomes.forEach(check);
  return time;
}

/** Makes calls that overlap, and gives how long the event loop did not come round meanwhile. */
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
  // All may have ended in one turn, which is not over yet.
  turn();
  return gap;
}

async function repeated(count, measure) {
  const results = [];
  for (let index = 0; index < count; index++) results.push(await measure());
  return results;
}

/** Goes round the names from call to call, so that no name is read more than another. */
let next = 0;
const known = (names) => `name ${next++ % names}`;
const getKnown = (names) => () => get(service, known(names));

const operations = {
  get: (count, names) => timed(count, getKnown(names), isValue),
  missing: (count) =>
    timed(
      count,
      () => get(service, "missing"),
      (value) => expect(value ?? null, null, "get of nothing"),
    ),
  replace: (count, names) => timed(count, (index) => set(service, known(names), `value ${index}`), isDone),
  async new(count) {
    const added = unused(count);
    const times = await timed(count, (index) => set(service, added[index], "value"), isDone);
    for (const name of added) await remove(service, name);
    return times;
  },
  async delete(count) {
    const doomed = unused(count);
    for (const name of doomed) await set(service, name, "value");
    return timed(
      count,
      (index) => remove(service, doomed[index]),
      (removed) => expect(removed, true, "delete"),
    );
  },
  gets: (count, names, size) => repeated(count, () => together(size, getKnown(names), isValue)),
  sets: (count, names, size) =>
    repeated(count, () => together(size, (index) => set(service, known(names), `value ${index}`), isDone)),
  gap: (count, names, size) => repeated(count, () => gapDuring(size, getKnown(names))),
  cpu: (count, names) =>
    repeated(count, async () => {
      const before = process.cpuUsage();
      await timed(CPU_GETS, getKnown(names), isValue);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000 / CPU_GETS;
    }),
  async memory() {
    return [process.memoryUsage.rss() / 2 ** 20];
  },
  /** Stores what the others read. */
  async fill(_, names) {
    await Promise.all(Array.from({ length: names }, (_, index) => set(service, `name ${index}`, "value")));
    return [];
  },
};

createInterface(process.stdin).on("line", async (line) => {
  const [operation, ...numbers] = line.split(" ");
  // What earlier operations have left is not to be collected in the middle of this one.
  globalThis.gc();
  const answer = (outcome) => process.stdout.write(`${JSON.stringify(outcome)}\n`);
  try {
    answer({ values: await operations[operation](...numbers.map(Number)) });
  } catch (error) {
    answer({ error: String(error.message ?? error) });
  }
});
