// npm run bench:programs [-- rounds]: measures how long programs take to print one credential from a warm
// gnome-keyring with ten items: `secrets get` in its three ways, secret-tool, and `Bun.secrets`. The programs
// take turns, so that their times are comparable.

const { join } = require("node:path");
const { bun, root } = require("../__test__/support/runtimes.js");
const { build, targetDirectory } = require("../tools/build.js");
const { run } = require("../tools/process.js");
const { provide } = require("../tools/provision.js");
const { compareLives } = require("./lives.js");
const { services, startService } = require("./services.js");

const ROUNDS = 100;
const NAME = "token";
const VALUE = "value of the token";

/** The commands by their titles in the table. */
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

async function main() {
  const rounds = Number(process.argv[2] ?? ROUNDS);
  provide("keyring secret-tool modules");
  build();
  run("cargo", ["build", "--release", "--locked", "--bin", "secrets"]);
  const commands = makeCommands();
  const session = await startService(services["gnome-keyring"], 10);
  try {
    const native = commands["secrets get, native"][0];
    const { code, stderr } = await session.run(native, ["set", NAME], { input: VALUE });
    if (code !== 0) throw new Error(stderr);
    const programs = Object.entries(commands).map(([title, command]) => [title, { command, prints: VALUE }]);
    await compareLives(session, Object.fromEntries(programs), "secret-tool lookup", rounds);
  } finally {
    await session.stop();
  }
}

main();
