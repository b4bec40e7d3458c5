// npm run bench:programs [-- rounds]: measures how long programs take to print one credential from a warm
// gnome-keyring with ten items: `secrets get` in its three ways, secret-tool, and `Bun.secrets`. The programs
// take turns, so that their times are comparable.

const { once } = require("node:events");
const { join } = require("node:path");
const { bun, root } = require("../__test__/support/runtimes.js");
const { build, targetDirectory } = require("../tools/build.js");
const { run } = require("../tools/process.js");
const { provide } = require("../tools/provision.js");
const { describeMachine } = require("./machine.js");
const { services, startService } = require("./services.js");
const { median, p99 } = require("./statistics.js");

const ROUNDS = 100;
const NAME = "token";
const VALUE = "value of the token";

/** The commands by their titles in the table. The others are compared with the first. */
function makeCommands() {
  const secrets = join(root, "bin", "secrets.js");
  const get = ["get", NAME];
  const item = ["xdg:schema", "com.oven-sh.bun.Secret", "service", "os-secrets", "account", NAME];
  const call = `console.log(await Bun.secrets.get({ service: "os-secrets", name: "${NAME}" }))`;
  return {
    "secret-tool lookup": ["secret-tool", "lookup", ...item],
    "secrets get, native": [join(targetDirectory(), "release", "secrets"), ...get],
    "secrets get, Node": [process.execPath, secrets, ...get],
    "secrets get, Bun": [bun, secrets, ...get],
    "Bun.secrets, bun -e": [bun, "-e", call],
  };
}

/** Runs a program until it ends. Returns the milliseconds. The program must print the value. */
async function measureProgram(session, [command, ...args]) {
  const start = performance.now();
  const child = session.start(command, args, { cwd: session.directory });
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    printed += text;
  });
  await once(child, "exit");
  const lived = performance.now() - start;
  if (child.stdout.readable) await once(child.stdout, "close");
  if (printed.trimEnd() !== VALUE) throw new Error(`${command} did not print the value`);
  return lived;
}

async function main() {
  const rounds = Number(process.argv[2] ?? ROUNDS);
  provide("keyring secret-tool modules");
  build();
  run("cargo", ["build", "--release", "--locked", "--bin", "secrets"]);
  const all = Object.entries(makeCommands());
  const session = await startService(services["gnome-keyring"], 10);
  try {
    const native = makeCommands()["secrets get, native"][0];
    const { code, stderr } = await session.run(native, ["set", NAME], { input: VALUE });
    if (code !== 0) throw new Error(stderr);
    const lives = all.map(() => []);
    for (let round = -2; round < rounds; round++) {
      for (let turn = 0; turn < all.length; turn++) {
        const which = (turn + Math.max(round, 0)) % all.length;
        const lived = await measureProgram(session, all[which][1]);
        // The first rounds warm up.
        if (round >= 0) lives[which].push(lived);
      }
    }
    const { processor, system } = describeMachine();
    console.log(`\n${processor}, ${system}; ${rounds} rounds\n`);
    console.log("| program | median, ms | 99th percentile | of secret-tool |\n| --- | --: | --: | --: |");
    for (const [index, [title]] of all.entries()) {
      const ratio = (median(lives[index]) / median(lives[0])).toFixed(2);
      const figures = [median(lives[index]), p99(lives[index])].map((value) => value.toFixed(1));
      console.log(`| ${[title, ...figures, ratio].join(" | ")} |`);
    }
  } finally {
    await session.stop();
  }
}

main();
