// One of several writers of an encrypted file: write.js <path> <identity> <name> <first> <count>. Stores
// <count> numbers from <first> on under the name, one after another. Prints each number when it is stored.

const { writeSync } = require("node:fs");
const { openStore } = require("../..");

async function main(path, identity, name, first, count) {
  const store = openStore({ provider: "file", path, identity });
  for (let value = Number(first); value < Number(first) + Number(count); value++) {
    await store.set("writers", name, String(value));
    // Written synchronously, so that the test sees it even if the process is killed next.
    writeSync(1, `${value}\n`);
  }
}

main(...process.argv.slice(2));
