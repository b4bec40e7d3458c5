"use strict";

// Finds and loads the native binary. It reads no environment variable: none
// may choose what code is loaded.

const { platform, arch } = process;
/** Written by tools/version.js. */
const version = "0.1.0";

/** The C library, as far as the runtime tells: "glibc", "musl" or "unknown". */
function libc() {
  const { report, versions } = process;
  // There, a report asks the person for a permission.
  if (versions.deno) return "unknown";
  const asksTheNetwork = report?.excludeNetwork === false;
  try {
    // Else it looks up the names of whoever the process is connected to.
    if (asksTheNetwork) report.excludeNetwork = true;
    return report.getReport().header.glibcVersionRuntime ? "glibc" : "musl";
  } catch {
    // Not every runtime has reports.
    return "unknown";
  } finally {
    if (asksTheNetwork) report.excludeNetwork = false;
  }
}

/** Whether there can be musl; true where to find out is more work than `libc`. */
function mayHaveMusl() {
  // Deno asks the person before it looks for a file, and Bun takes long to load its node:fs.
  if (process.versions.deno || process.versions.bun) return true;
  const name = { x64: "x86_64", arm64: "aarch64" }[arch];
  try {
    return require("node:fs").existsSync(`/lib/ld-musl-${name}.so.1`);
  } catch {
    // Node's permissions may not let it look.
    return true;
  }
}

/** The platform packages that this process could use, by their folder's name in `npm/`, the fitting one first. */
function targets() {
  if (platform !== "linux") return [`${platform}-${arch}`];
  const names = [`linux-${arch}-gnu`, `linux-${arch}-musl`];
  // Some package managers install both, and glibc's may load and then fail under musl with a layer such as
  // gcompat. Node's report takes longer than all else here, and is wanted only where there can be musl.
  return mayHaveMusl() && libc() === "musl" ? names.reverse() : names;
}

function load() {
  const failures = [];
  for (const target of targets()) {
    // A build of this checkout first; a published package has no such folder.
    for (const path of [`./npm/${target}/os-secrets.node`, `@os-secrets/${target}`]) {
      try {
        // The packages stand here in full, so that bundlers see them and can take them along; within the try,
        // because that is where bundlers forgive those that are not installed.
        switch (path) {
          case "@os-secrets/linux-x64-gnu":
            return checked(require("@os-secrets/linux-x64-gnu"));
          case "@os-secrets/linux-x64-musl":
            return checked(require("@os-secrets/linux-x64-musl"));
          case "@os-secrets/linux-arm64-gnu":
            return checked(require("@os-secrets/linux-arm64-gnu"));
          case "@os-secrets/linux-arm64-musl":
            return checked(require("@os-secrets/linux-arm64-musl"));
          case "@os-secrets/darwin-x64":
            return checked(require("@os-secrets/darwin-x64"));
          case "@os-secrets/darwin-arm64":
            return checked(require("@os-secrets/darwin-arm64"));
          case "@os-secrets/win32-x64":
            return checked(require("@os-secrets/win32-x64"));
          case "@os-secrets/win32-arm64":
            return checked(require("@os-secrets/win32-arm64"));
          default:
            return checked(require(path));
        }
      } catch (error) {
        // The runtimes word it differently, but all name what they looked for.
        const message = String(error?.message).replaceAll("\\", "/");
        const absent = error?.code === "MODULE_NOT_FOUND" && message.includes(path.replace(/^\.\//, ""));
        failures.push({ path, error, absent });
      }
    }
  }
  throw require("./not-loaded.js")(failures, libc);
}

/** The binary, if it is of this package's version: calls of another may differ. */
function checked(native) {
  const { VERSION: own } = native;
  if (own === version) return native;
  const error = new Error(`it is of version ${own ?? "0.0"}, and this package of version ${version}`);
  throw Object.assign(error, { code: "ERR_SECRETS_VERSION" });
}

module.exports = load();
