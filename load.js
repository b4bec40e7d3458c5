"use strict";

// Finds and loads the native binary. It reads no environment variable, so that the environment cannot choose
// which code is loaded.

const { platform, arch } = process;
/** Written by tools/version.js. */
const version = "0.1.0";

/** The C library that the runtime reports: "glibc", "musl" or "unknown". */
function libc() {
  const { report, versions } = process;
  // In Deno, a report asks the user for a permission.
  if (versions.deno) return "unknown";
  const asksTheNetwork = report?.excludeNetwork === false;
  try {
    // Otherwise the report looks up the host names of the process's connections.
    if (asksTheNetwork) report.excludeNetwork = true;
    return report.getReport().header.glibcVersionRuntime ? "glibc" : "musl";
  } catch {
    // Not every runtime has reports.
    return "unknown";
  } finally {
    if (asksTheNetwork) report.excludeNetwork = false;
  }
}

/** Whether the system may use musl. Returns true if finding out takes longer than `libc`. */
function mayHaveMusl() {
  // Deno asks the user before it looks for a file, and Bun takes long to load its node:fs.
  if (process.versions.deno || process.versions.bun) return true;
  const name = { x64: "x86_64", arm64: "aarch64" }[arch];
  try {
    return require("node:fs").existsSync(`/lib/ld-musl-${name}.so.1`);
  } catch {
    // Node's permission model may forbid the check.
    return true;
  }
}

/**
 * The platform packages that this process can use, as names of folders in `npm/`. The best match comes first.
 */
function targets() {
  if (platform !== "linux") return [`${platform}-${arch}`];
  if (arch === "arm") return ["linux-arm-gnueabihf"];
  if (arch === "riscv64") return ["linux-riscv64-gnu"];
  const names = [`linux-${arch}-gnu`, `linux-${arch}-musl`];
  // Some package managers install both packages. Under musl with a compatibility layer such as gcompat, the
  // glibc package may load and fail later. The report is the slowest step, so it is only made if the system
  // may use musl.
  return mayHaveMusl() && libc() === "musl" ? names.reverse() : names;
}

function load() {
  const failures = [];
  for (const target of targets()) {
    // First the binary built in this checkout. A published package has no such folder.
    for (const path of [`./npm/${target}/os-secrets.node`, `@os-secrets/${target}`]) {
      try {
        if (path.startsWith("./")) return checked(require(path));
        // The package names are literals, so that bundlers find them and can include them. They are within the try
        // because bundlers ignore packages that are not installed only there. Bun's bundler evaluates each of these
        // conditions for the target of an executable, if it is an `if` spelled like this, and leaves the others out.
        if (process.platform === "linux" && process.arch === "x64") {
          if (target === "linux-x64-musl") return checked(require("@os-secrets/linux-x64-musl"));
          return checked(require("@os-secrets/linux-x64-gnu"));
        }
        if (process.platform === "linux" && process.arch === "arm64") {
          if (target === "linux-arm64-musl") return checked(require("@os-secrets/linux-arm64-musl"));
          return checked(require("@os-secrets/linux-arm64-gnu"));
        }
        if (process.platform === "linux" && process.arch === "arm")
          return checked(require("@os-secrets/linux-arm-gnueabihf"));
        if (process.platform === "linux" && process.arch === "riscv64")
          return checked(require("@os-secrets/linux-riscv64-gnu"));
        if (process.platform === "darwin" && process.arch === "x64")
          return checked(require("@os-secrets/darwin-x64"));
        if (process.platform === "darwin" && process.arch === "arm64")
          return checked(require("@os-secrets/darwin-arm64"));
        if (process.platform === "win32" && process.arch === "x64")
          return checked(require("@os-secrets/win32-x64"));
        if (process.platform === "win32" && process.arch === "ia32")
          return checked(require("@os-secrets/win32-ia32"));
        if (process.platform === "win32" && process.arch === "arm64")
          return checked(require("@os-secrets/win32-arm64"));
        return checked(require(path));
      } catch (error) {
        // Each runtime has its own message, but all of them name the module that they looked for.
        const message = String(error?.message).replaceAll("\\", "/");
        const absent = error?.code === "MODULE_NOT_FOUND" && message.includes(path.replace(/^\.\//, ""));
        failures.push({ path, error, absent });
      }
    }
  }
  try {
    const native = require("./load-asset.js")();
    if (native !== undefined) return checked(native);
  } catch (error) {
    // The first failure is the one that is explained.
    failures.unshift({ path: "the asset os-secrets.node", error, absent: false });
  }
  throw require("./not-loaded.js")(failures, libc);
}

/** Returns the binary if it has this package's version. Another version may have other functions. */
function checked(native) {
  const { VERSION: own } = native;
  if (own === version) return native;
  const error = new Error(`its version is ${own ?? "0.0"}, but the version of this package is ${version}`);
  throw Object.assign(error, { code: "ERR_SECRETS_VERSION" });
}

module.exports = load();
