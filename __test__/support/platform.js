// The reasons why a test is skipped on a platform. docs/platforms.md names every one of them.

const { existsSync } = require("node:fs");
const { join } = require("node:path");

const isWindows = process.platform === "win32";
/** The model of macOS' Security framework on which the tests run, in place of macOS: see tools/test-keychain.js. */
const keychainModel = process.env.OS_SECRETS_TEST_KEYCHAIN;
const isMac = process.platform === "darwin" || Boolean(keychainModel);

/** Whether the tests run under Wine, in place of Windows. */
const isWine = isWindows && existsSync(join(process.env.SystemRoot, "system32", "winecfg.exe"));

/** What tests need and only Linux has. */
const onLinuxAlone = [
  "a bus",
  "a file system of its own",
  "a full disk",
  "a preloaded library",
  "a pseudo-terminal",
  "a shell",
  "a store that lists all services",
  "a working directory that is gone",
  "arguments that are no text",
  "Docker's credential helpers",
  "file modes",
  "named pipes",
  "packages of Linux",
  "/proc",
  "recipes for Linux",
  "signals",
  "ssh-keygen",
  "symbolic links",
  "two C libraries",
];

/** What tests need and only Windows has. */
const onWindowsAlone = ["Credential Manager", "scripts of cmd"];

/** What tests need and only macOS has. */
const onMacAlone = ["Keychain"];

/** What tests need and Wine does not have. */
const notOnWine = [
  "a Bun that finds .env files",
  "a fetch in Node",
  "compilers, of Rust and TypeScript",
  "a Credential Manager that takes changes as a whole",
];

/** What tests need and the model of macOS does not have. */
const notOnModel = ["Bun.secrets"];

function makeOptions(skips, reasons, reason) {
  if (!reasons.includes(reason)) throw new Error(`unknown reason to skip a test: ${reason}`);
  return { skip: skips && `it needs ${reason}` };
}

/** Returns the options of a test that runs on Linux only. */
const linuxOnly = (reason) => makeOptions(isWindows || isMac, onLinuxAlone, reason);

/** Returns the options of a test that runs on Windows only. */
const windowsOnly = (reason) => makeOptions(!isWindows, onWindowsAlone, reason);

/** Returns the options of a test that runs on macOS only. */
const macOnly = (reason) => makeOptions(!isMac, onMacAlone, reason);

/** Returns the options of a test that does not run under Wine. */
const exceptOnWine = (reason) => makeOptions(isWine, notOnWine, reason);

/** Returns the options of a test that does not run on the model of macOS. */
const exceptOnModel = (reason) => makeOptions(Boolean(keychainModel), notOnModel, reason);

const reasons = [...onLinuxAlone, ...onWindowsAlone, ...onMacAlone, ...notOnWine, ...notOnModel];
module.exports = {
  exceptOnModel,
  exceptOnWine,
  isMac,
  isWindows,
  isWine,
  keychainModel,
  linuxOnly,
  macOnly,
  reasons,
  windowsOnly,
};
