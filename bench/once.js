// Loads an implementation, makes one get, and prints how long both took, in milliseconds: once.js
// <implementation> <service>. If the implementation is `bare`, it makes no get.

const implementations = require("./implementations.js");

const [implementation, service] = process.argv.slice(2);

async function main() {
  const start = performance.now();
  if (implementation !== "bare") {
    const { get } = implementations[implementation]();
    if (typeof (await get(service, "name 0")) !== "string") throw new Error("get gave nothing");
  }
  // Measured before the first use of standard output, which some runtimes open slowly.
  const time = performance.now() - start;
  process.stdout.write(`${time}\n`);
}

main();
