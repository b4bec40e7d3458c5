"use strict";

// What is said where the native binary cannot be loaded: why, and what to do about it.

const { platform, arch } = process;

const CHECKOUT = "In a checkout of its repository, build it: npm run build";

/** What it is that keeps a binary from being loaded which is there, by the words of runtimes and systems. */
const causes = [
  {
    is: ({ code }) => code === "ERR_DLOPEN_DISABLED" || code === "ERR_ACCESS_DENIED",
    advice: [
      "This runtime was told not to load it. Run it without --no-addons; with --permission, also with --allow-addons and,",
      "for the folder of these packages, --allow-fs-read.",
    ],
  },
  {
    is: ({ name, message }) => name === "NotCapable" || /--allow-ffi/.test(message),
    advice: ["Deno was not permitted to load it. Run it with --allow-ffi."],
  },
  {
    is: ({ message }) => /\$bunfs|~BUN/.test(message),
    advice: [
      "A single-file executable of Bun unpacks it before it is loaded. The folder for temporary files (TMPDIR) has to be one",
      "that can be written to, and executed from.",
    ],
  },
  {
    is: ({ message }) => /failed to map segment|Operation not permitted/.test(message),
    advice: ["The file system that it lies on lets nothing be executed (noexec). Install it on another one."],
  },
  {
    is: ({ code }) => code === "ERR_SECRETS_VERSION",
    advice: [
      "The package and its binary have to be of one version. Where it was updated while this process runs, start that anew;",
      "otherwise remove node_modules/os-secrets and node_modules/@os-secrets, and install it afresh:",
      "  npm install --include=optional os-secrets",
      CHECKOUT,
    ],
  },
];

const BROKEN = [
  "What is there cannot be loaded here. Remove node_modules/os-secrets and node_modules/@os-secrets, and install it afresh,",
  "on the machine that uses it:",
  "  npm install --include=optional os-secrets",
  CHECKOUT,
];

const ABSENT = [
  "Platform packages are optional dependencies, which are left out with --omit=optional (--no-optional, " +
    "--ignore-optional) and where node_modules or the lock file come from another machine. Install it afresh:",
  "  npm install --include=optional --force os-secrets",
  "or, with another package manager: pnpm install --force, yarn install --force (Yarn 1), bun install --force",
  CHECKOUT,
];

const UNSUPPORTED = [
  "There is none: os-secrets is for Linux, Windows and macOS, each on x64 and arm64.",
  "Where the machine is one of those, run a 64-bit build of the runtime.",
];

/** What to do, by the error of a binary that is there, if one is. */
function advice(broken) {
  if (broken === undefined) return ABSENT;
  const error = Object(broken);
  return (
    causes.find(({ is }) => is({ name: error.name, code: error.code, message: String(error.message) }))
      ?.advice ?? BROKEN
  );
}

/** The error for what was tried; `libc` names the C library. */
module.exports = function notLoaded(failures, libc) {
  const here = `${platform}-${arch}`;
  const broken = failures.find(({ absent }) => !absent);
  const tried = failures.map(
    ({ path, error, absent }) => `  ${path}: ${absent ? "not there" : error?.message}`,
  );
  const library = platform === "linux" ? ` (C library: ${libc()})` : "";
  const isSupported = /^(linux|win32|darwin)-(x64|arm64)$/.test(here);
  const error = new Error(
    [
      `os-secrets cannot load its native binary for ${here}${library}.`,
      ...(isSupported ? ["It looked for:", ...tried, ...advice(broken?.error)] : UNSUPPORTED),
    ].join("\n"),
    { cause: (broken ?? failures[0]).error },
  );
  error.code = "ERR_SECRETS_PLATFORM_ERROR";
  return error;
};
