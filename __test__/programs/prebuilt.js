// npm run test:prebuilt: the quick start's round trip with the binary that lies in npm/, under the Node that runs
// this, Bun and Deno. On Linux in a session of its own, on macOS with a keychain of its own, and on Windows in the
// user's own store.

const { existsSync } = require("node:fs");
const { join } = require("node:path");
const { makeKeychain } = require("../support/keychain.js");
const { bun, findDeno } = require("../support/runtimes.js");
const { startSession } = require("../support/session.js");
const { ownPlatform } = require("../../tools/platforms.js");
const { fail, root, run } = require("../../tools/process.js");

/** The store for the round trips: the environment that leads to it, and what ends it. */
async function makeStore() {
  if (process.platform === "linux") {
    const session = await startSession();
    return { env: session.env, end: () => session.stop() };
  }
  if (process.platform !== "darwin") return { env: process.env, end() {} };
  const keychain = makeKeychain();
  return { env: keychain.env, end: () => keychain.remove() };
}

async function main() {
  const platform = ownPlatform();
  if (!existsSync(platform.binary)) fail(`No binary yet for ${platform.name}.`);
  const commands = [[process.execPath], [bun]];
  // There is none for musl.
  if (!platform.name.endsWith("-musl")) commands.push([findDeno(), "run", "--allow-all", "--no-lock"]);
  const { env, end } = await makeStore();
  // A round trip that fails ends this process.
  process.once("exit", end);
  for (const [command, ...args] of commands) {
    run(command, [...args, join(root, "__test__", "programs", "round-trip.js"), bun], { env });
  }
  process.off("exit", end);
  await end();
}

main();
