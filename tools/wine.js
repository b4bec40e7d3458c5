// Runs programs for Windows on Debian, under Wine. What Wine takes for a Windows is a folder, its prefix.

const { spawn, spawnSync } = require("node:child_process");
const { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } = require("node:fs");
const { join } = require("node:path");
const { setTimeout } = require("node:timers/promises");
const { place } = require("./install.js");
const { isRunning, run } = require("./process.js");

/**
 * What programs are started with. Their addresses are not random: if the kernel puts something where Wine maps its own,
 * a new process ends before it has begun, and CreateProcess fails (ERROR_INTERNAL_ERROR). That was one start in 7,000.
 */
const WINE = ["setarch", "--addr-no-randomize", "wine"];

/** Debian's Wine: what starts a program, what serves the processes of a prefix, and the unused prefix in the cache. */
const usual = { start: WINE, server: "wineserver", prefix: place("windows", "prefix") };

/** A newer Wine, which runs 32-bit programs beside 64-bit ones: see `unpackWine` in recipes.js. */
const newer = {
  start: [...WINE.slice(0, -1), place("windows", "wine", "usr", "lib", "wine", "wine64")],
  server: place("windows", "wine", "usr", "lib", "wine", "wineserver64"),
  prefix: place("windows", "newer-prefix"),
};

/** The environment of programs that run under Wine in a prefix. */
function wineEnvironment(prefix, base = process.env) {
  // Without a display, and without an offer to install a browser or .NET.
  const { DISPLAY: _, ...env } = base;
  const wine = { WINEPREFIX: prefix, WINEDEBUG: "-all", WINEDLLOVERRIDES: "mscoree,mshtml=" };
  // The credentials in a prefix are nobody's.
  return { ...env, ...wine, OS_SECRETS_TEST_DISPOSABLE: "1" };
}

/** Runs one of Wine's own programs in a prefix, until nothing runs there any more and all files are written. */
function runWine(words, prefix, options = {}, wine = usual) {
  const env = wineEnvironment(prefix);
  const [command, ...args] = [...wine.start, ...words];
  run(command, args, { env, ...options });
  run(wine.server, ["-w"], { env });
}

/** Makes a new prefix for one run. It is removed when this process ends. */
function makePrefix(wine = usual) {
  const { prefix: pristine } = wine;
  const prefix = mkdtempSync(place("windows", "run-"));
  process.once("exit", () => removePrefix(prefix, wine));
  // The files are linked, except for the registry with the credentials, which Wine writes in place.
  run("cp", ["--archive", "--link", "--no-target-directory", pristine, prefix]);
  for (const name of readdirSync(prefix).filter((name) => name.endsWith(".reg"))) {
    rmSync(join(prefix, name));
    copyFileSync(join(pristine, name), join(prefix, name));
  }
  return prefix;
}

/**
 * Starts the server of a prefix, which all programs in it talk to. It runs until it is killed with the prefix: if it ends
 * before, it has crashed. Then the programs wait for it forever.
 */
async function startServer(prefix, wine = usual) {
  const env = wineEnvironment(prefix);
  // What ran in the prefix before may have started one, which goes on for some seconds.
  run(wine.server, ["--wait"], { env });
  const server = spawn(wine.server, ["--foreground", "--persistent"], { env, stdio: "ignore" });
  // It ends when the prefix is removed.
  server.unref();
  // It is in its own folder by then.
  const socket = join("/proc", String(server.pid), "cwd", "socket");
  // A program that finds no server would start one.
  while (!existsSync(socket) && isRunning(server)) await setTimeout(10);
  return server;
}

/** Kills the programs in a prefix whose server has crashed. */
function killPrograms(prefix) {
  for (const id of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const variables = readFileSync(join("/proc", id, "environ"), "latin1").split("\0");
      if (variables.includes(`WINEPREFIX=${prefix}`)) process.kill(Number(id), "SIGKILL");
    } catch {
      // It has ended, or is of another user.
    }
  }
}

/** Ends what runs in a prefix, and removes it. */
function removePrefix(prefix, wine) {
  const env = wineEnvironment(prefix);
  // These fail if nothing runs there.
  for (const option of ["-k", "-w"]) spawnSync(wine.server, [option], { env });
  rmSync(prefix, { recursive: true, force: true, maxRetries: 5 });
}

/** A path as programs under Wine see it. */
function inWine(path) {
  return `Z:${path.replaceAll("/", "\\")}`;
}

module.exports = {
  WINE,
  inWine,
  killPrograms,
  makePrefix,
  newer,
  runWine,
  startServer,
  usual,
  wineEnvironment,
};
