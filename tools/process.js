// Runs the programs that the tools need. If one fails, the tool ends and says which one.

const { spawn, spawnSync } = require("node:child_process");
const { once } = require("node:events");
const { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { delimiter, isAbsolute, join } = require("node:path");

/** The folder of this repository. */
const root = join(__dirname, "..");

/** Prints a message for the user and ends the tool. */
function fail(message) {
  console.error(`\n${message}`);
  process.exit(1);
}

/** Ends the tool if a command failed. */
function check(command, { error, status, signal }) {
  if (error) fail(`${command} cannot be run: ${error.message}`);
  if (status !== 0) fail(`${command} failed with ${signal ?? `exit code ${status}`}.`);
}

/** Runs a command in the repository and shows its output. Ends the tool if the command fails. */
function run(command, args, options = {}) {
  console.log(`$ ${[command, ...args].join(" ")}`);
  // On Windows npm is a script of cmd.
  const shell = command === "npm" && process.platform === "win32";
  check(command, spawnSync(command, args, { cwd: root, stdio: "inherit", shell, ...options }));
}

/** Returns the output of a command. Ends the tool if the command fails. */
function output(command, args, options = {}) {
  const own = { cwd: root, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] };
  const result = spawnSync(command, args, { ...own, ...options });
  check([command, ...args].join(" "), result);
  return result.stdout.trim();
}

const temporary = [];
process.on("exit", () => {
  for (const folder of temporary) rmSync(folder, { recursive: true, force: true });
});

/** Makes a temporary folder, which is removed when this process ends. */
function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "os-secrets-"));
  temporary.push(folder);
  return folder;
}

/**
 * Runs a command while the tool goes on, and shows its output when it has ended. Resolves to { status, signal, text }.
 * The option `until` is a process: if it ends, the command is killed. The output goes through a file, because programs under Wine cannot use pipes from outside.
 */
async function runAside(command, args, { until, ...options } = {}) {
  const path = join(temporaryFolder(), "output");
  const file = openSync(path, "w");
  const child = spawn(command, args, { cwd: root, stdio: ["ignore", file, file], ...options });
  closeSync(file);
  const kill = () => child.kill("SIGKILL");
  until?.once("exit", kill);
  if (until !== undefined && !isRunning(until)) kill();
  const [status, signal] = await once(child, "exit");
  until?.removeListener("exit", kill);
  const text = readFileSync(path, "utf8");
  console.log(`$ ${[command, ...args].join(" ")}\n${text}`);
  return { status, signal, text };
}

/** Returns whether a process that was started here is running. */
function isRunning({ exitCode, signalCode }) {
  return exitCode === null && signalCode === null;
}

/** Returns whether a program is on the PATH, or whether a file exists if the name is an absolute path. */
function isInstalled(name) {
  const folders = isAbsolute(name) ? [""] : process.env.PATH.split(delimiter);
  return folders.some((folder) => existsSync(join(folder, name)) || existsSync(join(folder, `${name}.exe`)));
}

module.exports = { check, fail, isInstalled, isRunning, output, root, run, runAside, temporaryFolder };
