"use strict";

// Finds and loads the native binary, or says what is wrong. It reads no environment variable: none
// may choose what code is loaded.

const { platform, arch } = process;

/** The platform packages that this process could use, by their folder's name in `npm/`. */
const targets = platform === "linux" ? [`linux-${arch}-gnu`, `linux-${arch}-musl`] : [`${platform}-${arch}`];

/** The C library, as far as the runtime tells. */
function libc() {
  if (platform !== "linux") return "";
  let header;
  try {
    header = process.report.getReport().header;
  } catch {
    // Not every runtime has reports, and Deno wants a permission for them.
  }
  if (!header) return " (C library unknown)";
  return header.glibcVersionRuntime ? " (glibc)" : " (not glibc, probably musl)";
}

function load() {
  const failures = [];
  for (const target of targets) {
    // A build of this checkout first; a published package has no such folder.
    for (const path of [`./npm/${target}/os-secrets.node`, `@os-secrets/${target}`]) {
      try {
        // The packages stand here in full, so that bundlers see them and can take them along; within the try,
        // because that is where bundlers forgive those that are not installed.
        switch (path) {
          case "@os-secrets/linux-x64-gnu":
            return require("@os-secrets/linux-x64-gnu");
          case "@os-secrets/linux-x64-musl":
            return require("@os-secrets/linux-x64-musl");
          case "@os-secrets/linux-arm64-gnu":
            return require("@os-secrets/linux-arm64-gnu");
          case "@os-secrets/linux-arm64-musl":
            return require("@os-secrets/linux-arm64-musl");
          case "@os-secrets/darwin-x64":
            return require("@os-secrets/darwin-x64");
          case "@os-secrets/darwin-arm64":
            return require("@os-secrets/darwin-arm64");
          case "@os-secrets/win32-x64":
            return require("@os-secrets/win32-x64");
          case "@os-secrets/win32-arm64":
            return require("@os-secrets/win32-arm64");
          default:
            return require(path);
        }
      } catch (error) {
        // The runtimes word it differently, but all name what they looked for.
        const absent =
          error?.code === "MODULE_NOT_FOUND" && String(error.message).includes(path.replace(/^\.\//, ""));
        failures.push({ path, error, absent });
      }
    }
  }
  throw failure(failures);
}

function failure(failures) {
  const broken = failures.find(({ absent }) => !absent);
  const tried = failures.map(
    ({ path, error, absent }) => `  ${path}: ${absent ? "not there" : error?.message}`,
  );
  const error = new Error(
    [
      `os-secrets cannot load its native binary for ${platform}-${arch}${libc()}.`,
      "It looked for:",
      ...tried,
      broken
        ? "What is there cannot be loaded here. Install it afresh, on the machine that uses it:"
        : "Platform packages are optional dependencies, which npm leaves out with --omit=optional and where " +
          "node_modules or the lock file come from another machine. Install it afresh:",
      "  npm install --include=optional --force os-secrets",
      "In a checkout of its repository, build it: npm run build",
    ].join("\n"),
    { cause: (broken ?? failures[0]).error },
  );
  error.code = "ERR_SECRETS_PLATFORM_ERROR";
  return error;
}

module.exports = load();
