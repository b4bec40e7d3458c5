// npm run bench:programs [-- rounds]: how long a program lives that prints one credential, warm, from a
// gnome-keyring of ten: `secrets get` in its three ways, secret-tool, and Bun's own. They take turns, round
// by round, so that they are comparable.

const { once } = require("node:events");
const { join } = require("node:path");
const { bun, root } = require("../__test__/support/runtimes.js");
const { build, targetDirectory } = require("../tools/build.js");
const { run } = require("../tools/process.js");
const { provide } = require("../tools/provision.js");
const { machine } = require("./machine.js");
const { services, startService } = require("./services.js");
const { median, p99 } = require("./statistics.js");

const ROUNDS = 100;
const NAME = "token";
const VALUE = "value of the token";

/** The programs, by what the table calls them; the first is what the others are compared with. */
function programs() {
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

/** Runs a program to its end: milliseconds. Whoever prints something else than the value is wrong. */
async function live(session, [command, ...args]) {
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
  const all = Object.entries(programs());
  const session = await startService(services["gnome-keyring"], 10);
  try {
    const native = programs()["secrets get, native"][0];
    const { code, stderr } = await session.run(native, ["set", NAME], { input: VALUE });
    if (code !== 0) throw new Error(stderr);
    const lives = all.map(() => []);
    for (let round = -2; round < rounds; round++) {
      for (let turn = 0; turn < all.length; turn++) {
        const which = (turn + Math.max(round, 0)) % all.length;
        const lived = await live(session, all[which][1]);
        // The first rounds warm up.
        if (round >= 0) lives[which].push(lived);
      }
    }
    const { processor, system } = machine();
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
