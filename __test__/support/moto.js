// Starts moto, a server with the API of AWS.

const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { join } = require("node:path");
const { createInterface } = require("node:readline");
const { place } = require("../../tools/install.js");

/** Returns { url, stop() }. */
async function startMoto() {
  const child = spawn(join(place("aws"), "bin", "moto_server"), ["-H", "127.0.0.1", "-p", "0"], {
    env: { PATH: process.env.PATH },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const url = await new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`moto_server ended with ${code}`)));
    createInterface(child.stderr).on("line", (line) => {
      const found = /Running on (http:\S+)/.exec(line);
      if (found) resolve(found[1]);
    });
  });
  const stop = async () => {
    const gone = once(child, "exit");
    child.kill();
    await gone;
  };
  return { url, stop };
}

module.exports = { startMoto };
