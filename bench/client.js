// The program behind participants.js: one implementation in one runtime, which makes the calls it is
// told and prints how long each took, in milliseconds: client.js <implementation> <service>. A line of
// standard input is an operation; how often at most and for how many milliseconds, but once in any case;
// over how many names; and how many calls at once.

const { createInterface } = require("node:readline");

const [implementation, service] = process.argv.slice(2);
const { get, set, remove } = require("./implementations.js")[implementation]();

/** The gets that one measurement of the processor time goes over: the clock is not fine enough for one. */
const CPU_GETS = 20;
const now = () => performance.now();

function expect(outcome, expected, call) {
  if (outcome !== expected) throw new Error(`${call} gave ${JSON.stringify(outcome)}`);
}

const isValue = (value) => expect(typeof value, "string", "get");

const isDone = () => {};

/** What a call takes, which must come to what is expected. */
async function timed(call, check) {
  const start = now();
  const outcome = await call();
  const time = now() - start;
  check(outcome);
  return time;
}

/** Makes calls that overlap, and gives what they take together. */
function together(size, call, check) {
  return timed(
    () => Promise.all(Array.from({ length: size }, call)),
    (outcomes) => outcomes.forEach(check),
  );
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

/** The next name that is known, round all of them, so that none is read more than another. */
let next = 0;
const known = (names) => `name ${next++ % names}`;
/** A name that is new, or gone, once. */
let used = 0;
const unused = () => `new ${process.pid} ${used++}`;

const getKnown = (names) => get(service, known(names));
const setKnown = (names) => set(service, known(names), `value ${next}`);

/** Each makes one measurement. */
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
  /** Stores what the others read. */
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
  // What earlier operations have left is not to be collected in the middle of this one.
  globalThis.gc();
  const answer = (outcome) => process.stdout.write(`${JSON.stringify(outcome)}\n`);
  try {
    answer({ values: await repeated(operation, ...numbers.map(Number)) });
  } catch (error) {
    answer({ error: String(error.message ?? error) });
  }
});
