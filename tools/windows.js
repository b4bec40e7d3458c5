// What building for Windows needs on Debian.

const { cpSync, mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { cache, ensureFolder } = require("./cache.js");
const { ensureCompiler, ensureZig } = require("./toolchain.js");
const { ensureDebian, output, run } = require("./tools.js");

const TARGET = "x86_64-pc-windows-gnu";
/** On arm64 there is no Mingw: its linker is Zig. */
const ARM64_TARGET = "aarch64-pc-windows-gnullvm";
const GCC = "x86_64-w64-mingw32-gcc";

/** Compiles a library for Windows from a text in C. */
function compile(folder, name, text, ...args) {
  ensureDebian({ [GCC]: "gcc-mingw-w64-x86-64" });
  const source = join(folder, `${name}.c`);
  writeFileSync(source, text);
  run(GCC, ["-shared", "-O2", "-o", join(folder, `${name}.dll`), source, ...args]);
}

/** The folder of a library that napi-build wants to be there. Nothing of it is used, and nothing is in it. */
function ensureNothing() {
  return ensureFolder("windows/nothing", (folder) => {
    writeFileSync(join(folder, "libnode.dll"), "");
    writeFileSync(join(folder, "libnode.a"), "!<arch>\n");
  });
}

/** What cargo needs to build for Windows, as ensureCompiler gives it. */
function windowsCompiler() {
  ensureDebian({ [GCC]: "gcc-mingw-w64-x86-64" });
  const { env, ...rest } = ensureCompiler(TARGET);
  const own = { CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER: GCC, LIBNODE_PATH: ensureNothing() };
  return { target: TARGET, env: { ...env, ...own }, ...rest };
}

/** The same for Windows on arm64, where it is cargo-zigbuild that builds. */
function windowsArm64Compiler() {
  const { env, ...rest } = ensureCompiler(ARM64_TARGET);
  return { target: ARM64_TARGET, env: ensureZig({ ...env, LIBNODE_PATH: ensureNothing() }), ...rest };
}

/** The same for what is only tested, with a target folder of its own. */
function testCompiler() {
  const { env, ...rest } = windowsCompiler();
  const own = {
    CARGO_TARGET_DIR: join(cache, "windows", "target"),
    // Mingw's linker takes its time with it.
    CARGO_PROFILE_DEV_DEBUG: "0",
    // A test encrypts 200 MB.
    CARGO_PROFILE_DEV_OPT_LEVEL: "1",
  };
  return { env: { ...env, ...own }, ...rest };
}

/** The folder of the programs age and age-keygen for Windows, built from Debian's source of them. */
function ensureAge() {
  ensureDebian({
    go: "golang-go",
    "/usr/share/gocode/src/filippo.io/age": "golang-filippo-age-dev",
    "/usr/share/gocode/src/filippo.io/edwards25519": "golang-filippo-edwards25519-dev",
    "/usr/share/gocode/src/golang.org/x/crypto": "golang-golang-x-crypto-dev",
    "/usr/share/gocode/src/golang.org/x/sys": "golang-golang-x-sys-dev",
    "/usr/share/gocode/src/golang.org/x/term": "golang-golang-x-term-dev",
    "/usr/share/gocode/src/golang.org/x/text": "golang-golang-x-text-dev",
  });
  return ensureFolder("windows/age", (folder) => {
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

module.exports = { compile, ensureAge, testCompiler, windowsArm64Compiler, windowsCompiler };
