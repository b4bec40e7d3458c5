// One of several writers of an encrypted file: write.js <path> <identity> <name> <first> <count>. Stores the
// numbers from the first on under the name, one after the other, and prints each when it is stored.

const { writeSync } = require("node:fs");
const { openStore } = require("../..");

async function main(path, identity, name, first, count) {
  const store = openStore({ provider: "file", path, identity });
  for (let value = Number(first); value < Number(first) + Number(count); value++) {
    await store.set("writers", name, String(value));
    // At once, so that it is known also where the process is killed next.
    writeSync(1, `${value}\n`);
  }
}

main(...process.argv.slice(2));
