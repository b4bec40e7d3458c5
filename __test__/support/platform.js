// What the tests of one system cannot have on another, and why. docs/platforms.md names every reason.

const { existsSync } = require("node:fs");
const { join } = require("node:path");

const isWindows = process.platform === "win32";
const isMac = process.platform === "darwin";

/** Wine stands in for Windows, where there is none. */
const isWine = isWindows && existsSync(join(process.env.SystemRoot, "system32", "winecfg.exe"));

/** What only Linux has, of what tests need. */
const onLinuxAlone = [
  "a bus",
  "a file system of its own",
  "a full disk",
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
  "symbolic links",
  "two C libraries",
];

/** What only Windows has. */
const onWindowsAlone = ["Credential Manager", "scripts of cmd"];

/** What only macOS has. */
const onMacAlone = ["Keychain"];

/** What Wine has not. */
const notOnWine = [
  "a Bun that finds .env files",
  "a fetch in Node",
  "compilers, of Rust and TypeScript",
  "a Credential Manager that takes changes as a whole",
];

function options(skips, reasons, reason) {
  if (!reasons.includes(reason)) throw new Error(`no such reason: ${reason}`);
  return { skip: skips && `it needs ${reason}` };
}

/** The options of a test that needs what only Linux has. */
const linuxOnly = (reason) => options(isWindows || isMac, onLinuxAlone, reason);

/** The options of a test that needs what only Windows has. */
const windowsOnly = (reason) => options(!isWindows, onWindowsAlone, reason);

/** The options of a test that needs what only macOS has. */
const macOnly = (reason) => options(!isMac, onMacAlone, reason);

/** The options of a test that needs what Wine does not have. */
const exceptOnWine = (reason) => options(isWine, notOnWine, reason);

const reasons = [...onLinuxAlone, ...onWindowsAlone, ...onMacAlone, ...notOnWine];
module.exports = { exceptOnWine, isMac, isWindows, isWine, linuxOnly, macOnly, reasons, windowsOnly };
