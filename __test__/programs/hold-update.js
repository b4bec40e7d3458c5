// A process that begins an update and never ends it: hold-update.js <options of openStore as JSON>. Prints "updating" when
// its function runs. With a second argument, a worker thread does that, which ends at a line of input; then it prints
// "ended".

const { once } = require("node:events");
const { Worker, isMainThread, parentPort, workerData } = require("node:worker_threads");
const { openStore } = require("../..");

const key = { service: "my-tool", name: "refresh-token" };

/** Begins the update. It lasts as long as its environment. */
function hold(options, announce) {
  openStore(options).update(key, () => {
    announce();
    return new Promise((resolve) => setTimeout(resolve, 2 ** 30));
  });
}

async function main() {
  const options = JSON.parse(process.argv[2]);
  if (process.argv[3] === undefined) return hold(options, () => console.log("updating"));
  const worker = new Worker(__filename, { workerData: options });
  await once(worker, "message");
  console.log("updating");
  await once(process.stdin, "data");
  await worker.terminate();
  console.log("ended");
}

if (isMainThread) main();
else hold(workerData, () => parentPort.postMessage("updating"));
