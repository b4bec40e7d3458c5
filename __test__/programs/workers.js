// Worker threads that come and go while others, and the main thread, use the store:
// workers.js <scenario>. Prints what it found; the test knows what that must be.

const { Worker, isMainThread, parentPort, workerData } = require("node:worker_threads");

const load = () => require("../..").secrets;

/** Sets, reads and deletes credentials of one's own, each round all at once. */
async function work(id, rounds) {
  const secrets = load();
  let wrong = 0;
  for (let round = 0; round < rounds; round++) {
    const names = Array.from({ length: 10 }, (_, number) => `${number}`);
    await Promise.all(names.map((name) => secrets.set(`worker ${id}`, name, `${id}/${round}/${name}`)));
    const values = await Promise.all(names.map((name) => secrets.get(`worker ${id}`, name)));
    wrong += values.filter((value, number) => value !== `${id}/${round}/${names[number]}`).length;
    const deleted = await Promise.all(names.map((name) => secrets.delete(`worker ${id}`, name)));
    wrong += deleted.filter((was) => !was).length;
  }
  return wrong;
}

function start(id, task) {
  const worker = new Worker(__filename, { workerData: { id, task } });
  const ended = new Promise((resolve, reject) => {
    worker.once("error", reject);
    worker.once("exit", resolve);
  });
  const answer = new Promise((resolve) => worker.once("message", resolve));
  return { worker, ended, answer };
}

const scenarios = {
  async together() {
    const workers = Array.from({ length: 6 }, (_, id) => start(id, "work"));
    const own = await work("main", 5);
    const answers = await Promise.all(workers.map(({ answer }) => answer));
    await Promise.all(workers.map(({ ended }) => ended));
    return [own, ...answers];
  },

  async "one after another, while the main thread works"() {
    const own = work("main", 8);
    const answers = [];
    for (let id = 0; id < 8; id++) {
      const { answer, ended } = start(id, "work");
      answers.push(await answer);
      await ended;
    }
    return [await own, ...answers];
  },

  async "first used by a worker that has ended"() {
    const { answer, ended } = start(0, "work");
    const first = await answer;
    await ended;
    const { answer: second, ended: secondEnded } = start(1, "work");
    const answers = [first, await work("main", 2), await second];
    await secondEnded;
    return answers;
  },

  async "terminated in the middle of calls"() {
    const own = work("main", 8);
    for (let id = 0; id < 12; id++) {
      const { worker, answer, ended } = start(id, "flood");
      await answer;
      await worker.terminate();
      await ended;
    }
    return [await own, await work("main", 1)];
  },

  async "that exit with calls pending"() {
    const workers = Array.from({ length: 6 }, (_, id) => start(id, "flood and exit"));
    await Promise.all(workers.map(({ ended }) => ended));
    return [await work("main", 1)];
  },
};

const tasks = {
  async work(id) {
    parentPort.postMessage(await work(id, 3));
  },
  flood(id) {
    const secrets = load();
    for (let number = 0; number < 200; number++) secrets.get(`flood ${id}`, `${number}`);
    parentPort.postMessage("started");
  },
  "flood and exit"(id) {
    const secrets = load();
    for (let number = 0; number < 200; number++) secrets.get(`flood ${id}`, `${number}`);
    process.exit();
  },
};

if (isMainThread) {
  scenarios[process.argv[2]]().then((answers) => console.log(JSON.stringify(answers)));
} else {
  tasks[workerData.task](workerData.id);
}
