// Runs programs for Windows on Debian, under Wine. What Wine takes for a Windows is a folder, its prefix.

const { spawnSync } = require("node:child_process");
const { copyFileSync, mkdtempSync, readdirSync, rmSync } = require("node:fs");
const { join } = require("node:path");
const { place } = require("./install.js");
const { run } = require("./process.js");

/**
 * What programs are started with. Their addresses are not random: if the kernel puts something where Wine maps its own,
 * a new process ends before it has begun, and CreateProcess fails (ERROR_INTERNAL_ERROR). That was one start in 7,000.
 */
const WINE = ["setarch", "--addr-no-randomize", "wine"];

/** The environment of programs that run under Wine in a prefix. */
function wineEnvironment(prefix, base = process.env) {
  // Without a display, and without an offer to install a browser or .NET.
  const { DISPLAY: _, ...env } = base;
  const wine = { WINEPREFIX: prefix, WINEDEBUG: "-all", WINEDLLOVERRIDES: "mscoree,mshtml=" };
  // The credentials in a prefix are nobody's.
  return { ...env, ...wine, OS_SECRETS_TEST_DISPOSABLE: "1" };
}

/** Runs one of Wine's own programs in a prefix, until nothing runs there any more and all files are written. */
function runWine(words, prefix, options = {}) {
  const env = wineEnvironment(prefix);
  const [command, ...args] = [...WINE, ...words];
  run(command, args, { env, ...options });
  run("wineserver", ["-w"], { env });
}

/** Makes a new prefix for one run. It is removed when this process ends. */
function makePrefix() {
  const pristine = place("windows", "prefix");
  const prefix = mkdtempSync(place("windows", "run-"));
  process.once("exit", () => removePrefix(prefix));
  // The files are linked, except for the registry with the credentials, which Wine writes in place.
  run("cp", ["--archive", "--link", "--no-target-directory", pristine, prefix]);
  for (const name of readdirSync(prefix).filter((name) => name.endsWith(".reg"))) {
    rmSync(join(prefix, name));
    copyFileSync(join(pristine, name), join(prefix, name));
  }
  return prefix;
}

/** Ends what runs in a prefix, and removes it. */
function removePrefix(prefix) {
  const env = wineEnvironment(prefix);
  // These fail if nothing runs there.
  for (const option of ["-k", "-w"]) spawnSync("wineserver", [option], { env });
  rmSync(prefix, { recursive: true, force: true, maxRetries: 5 });
}

/** A path as programs under Wine see it. */
function inWine(path) {
  return `Z:${path.replaceAll("/", "\\")}`;
}

module.exports = { WINE, inWine, makePrefix, runWine, wineEnvironment };
