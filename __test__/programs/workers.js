// Starts and ends worker threads while others, and the main thread, use the store: workers.js <scenario>.
// Prints the results, which the test checks.

const { once } = require("node:events");
const { existsSync, readFileSync } = require("node:fs");
const { setTimeout } = require("node:timers/promises");
const { Worker, isMainThread, parentPort, workerData } = require("node:worker_threads");

const loadSecrets = () => require("../..").secrets;

/**
 * Sets, reads and deletes credentials that no other thread uses, all at once per round. Counts wrong results.
 */
async function makeCalls(id, rounds) {
  const secrets = loadSecrets();
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

function startWorker(id, task) {
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
    const workers = Array.from({ length: 6 }, (_, id) => startWorker(id, "work"));
    const own = await makeCalls("main", 5);
    const answers = await Promise.all(workers.map(({ answer }) => answer));
    await Promise.all(workers.map(({ ended }) => ended));
    return [own, ...answers];
  },

  async "one after another, while the main thread works"() {
    const own = makeCalls("main", 8);
    const answers = [];
    for (let id = 0; id < 8; id++) {
      const { answer, ended } = startWorker(id, "work");
      answers.push(await answer);
      await ended;
    }
    return [await own, ...answers];
  },

  async "first used by a worker that has ended"() {
    const { answer, ended } = startWorker(0, "work");
    const first = await answer;
    await ended;
    const { answer: second, ended: secondEnded } = startWorker(1, "work");
    const answers = [first, await makeCalls("main", 2), await second];
    await secondEnded;
    return answers;
  },

  async "terminated in the middle of calls"() {
    const own = makeCalls("main", 8);
    for (let id = 0; id < 12; id++) {
      const { worker, answer, ended } = startWorker(id, "flood");
      await answer;
      await worker.terminate();
      await ended;
    }
    return [await own, await makeCalls("main", 1)];
  },

  async "terminated while a helper runs for them"() {
    const { answer, worker, ended } = startWorker(0, "helper");
    await answer;
    const child = Number(await waitForFile(`${process.env.HELPER}.started`));
    await worker.terminate();
    await ended;
    await waitForEnd(child);
    return [await makeCalls("main", 1)];
  },

  async "terminated while the user is asked for them"() {
    const { answer, worker, ended } = startWorker(0, "ask");
    await answer;
    // The test writes a line when the prompt is shown.
    await once(process.stdin, "data");
    await worker.terminate();
    await ended;
    process.stdin.destroy();
    const silent = { service: "services", name: "name", interactive: false };
    const { code } = await loadSecrets()
      .get(silent)
      .catch((error) => error);
    return [code];
  },

  async "that exit with calls pending"() {
    const workers = Array.from({ length: 6 }, (_, id) => startWorker(id, "flood and exit"));
    await Promise.all(workers.map(({ ended }) => ended));
    return [await makeCalls("main", 1)];
  },
};

/** Waits until a file exists. Returns its text. */
async function waitForFile(path) {
  for (;;) {
    if (existsSync(path)) return readFileSync(path, "utf8");
    await setTimeout(10);
  }
}

/** Waits until a process has ended. It must end soon. */
async function waitForEnd(child) {
  for (let left = 2000; left > 0; left--) {
    try {
      process.kill(child, 0);
    } catch {
      return;
    }
    await setTimeout(10);
  }
  throw new Error(`process ${child} does not end`);
}

const tasks = {
  async work(id) {
    parentPort.postMessage(await makeCalls(id, 3));
  },
  ask() {
    loadSecrets().get({ service: "services", name: "name" });
    parentPort.postMessage("started");
  },
  helper() {
    const store = require("../..").openStore(JSON.parse(process.env.STORE));
    store.get("service", "name");
    parentPort.postMessage("started");
  },
  flood(id) {
    const secrets = loadSecrets();
    for (let number = 0; number < 200; number++) secrets.get(`flood ${id}`, `${number}`);
    parentPort.postMessage("started");
  },
  "flood and exit"(id) {
    const secrets = loadSecrets();
    for (let number = 0; number < 200; number++) secrets.get(`flood ${id}`, `${number}`);
    process.exit();
  },
};

if (isMainThread) {
  scenarios[process.argv[2]]().then((answers) => console.log(JSON.stringify(answers)));
} else {
  tasks[workerData.task](workerData.id);
}
