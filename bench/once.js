// A process that makes one get, and prints how long it took from before the implementation was loaded,
// in milliseconds: once.js <implementation> <service>. With `bare` it prints the same and makes none.

const implementations = require("./implementations.js");

const [implementation, service] = process.argv.slice(2);

async function main() {
  const start = performance.now();
  if (implementation !== "bare") {
    const { get } = implementations[implementation]();
    if (typeof (await get(service, "name 0")) !== "string") throw new Error("get gave nothing");
  }
  // Taken first: some runtimes open standard output only when it is asked for, and slowly.
  const time = performance.now() - start;
  process.stdout.write(`${time}\n`);
}

main();
