"use strict";

// Makes the error for a native binary that cannot be loaded: why, and what to do.

const { platform, arch } = process;

const CHECKOUT = "In a checkout of the repository, build the binary instead: npm run build";

/** Whether a bundler has put this file into another one. Bun's leaves the file's name as it was. */
const isBundled = typeof __filename !== "string" || !__filename.endsWith("not-loaded.js");

/** What the paths of files in a single-file executable of Bun begin with. */
const IN_EXECUTABLE = /\$bunfs|~BUN/;

const MORE = 'docs/platforms.md of the package says more: "Bundles and single executables".';

const BUNDLED = [
  "This program is a bundle that has no binary for this machine. Leave os-secrets out of the bundle (esbuild:",
  "--external:os-secrets), and install it beside the bundle, on the machine that runs it. Or install it for that machine",
  "before bundling, if the bundler takes .node files along.",
  MORE,
];

/** The reasons why an installed binary does not load, by the messages of runtimes and systems. */
const causes = [
  {
    is: ({ code }) => code === "ERR_DLOPEN_DISABLED" || code === "ERR_ACCESS_DENIED",
    advice: [
      "This runtime was told not to load native addons. Run it without --no-addons. If it needs --permission, run it also",
      "with --allow-addons, and with --allow-fs-read for the folder of these packages.",
    ],
  },
  {
    is: ({ name, message }) => name === "NotCapable" || /--allow-ffi/.test(message),
    advice: ["Deno has no permission to load the binary. Run it with --allow-ffi."],
  },
  {
    is: ({ code, message }) =>
      code === "ERR_UNKNOWN_BUILTIN_MODULE" || /^No such built-in module/.test(message),
    advice: [
      "In a single executable application of Node, require finds built-in modules only. Leave the platform packages out of",
      "the bundle (esbuild: --external:@os-secrets/*), and give the application the binary for this machine as an asset:",
      '  "assets": { "os-secrets.node": "node_modules/@os-secrets/…/os-secrets.node" }',
      "Or have the bundler copy the binary (esbuild: --loader:.node=copy), ship the copy beside the executable, and begin the",
      "main script with:",
      '  require = require("node:module").createRequire(process.execPath);',
      MORE,
    ],
  },
  {
    is: ({ code }) => code === "ERR_SECRETS_ASSET",
    advice: [
      "The asset is written to a file before it is loaded: in the folder os-secrets of XDG_CACHE_HOME or ~/.cache, on Windows",
      "of LOCALAPPDATA. This user must be able to write there and no other user, and the file system must allow programs to",
      "run. The asset must be the binary for this machine and its C library.",
      MORE,
    ],
  },
  {
    is: ({ message }) =>
      /^(Dynamic require of|Could not dynamically require)|^require is not defined/.test(message),
    advice: [
      "A bundler has made an ES module of this program, and ES modules have no require. Leave os-secrets out of the bundle",
      "(esbuild: --external:os-secrets), and install it beside the bundle. Or have the bundler copy the binary (esbuild:",
      "--loader:.node=copy), and begin the bundle with (--banner:js=…):",
      '  import { createRequire as from } from "node:module"; const require = from(import.meta.url);',
      MORE,
    ],
  },
  {
    is: ({ code, message }) => code === "MODULE_NOT_FOUND" && /^Cannot find module '.*\.node'/.test(message),
    advice: [
      "The bundler has copied the binary, and the copy is missing. Ship the .node file that it has written with the bundle,",
      "in the same place beside it.",
      MORE,
    ],
  },
  {
    // Bun's words for a module that was missing when it made the bundle.
    is: ({ message }) => /^Cannot require module/.test(message),
    advice: BUNDLED,
  },
  {
    is: ({ code }) => code === "ERR_SECRETS_VERSION",
    advice: [
      "The package and its binary must have the same version. If the package was updated while this process was running,",
      "restart the process. Otherwise remove node_modules/os-secrets and node_modules/@os-secrets, and reinstall the package:",
      "  npm install --include=optional os-secrets",
      CHECKOUT,
    ],
  },
  {
    // Windows' errors do not name the file that is in the executable.
    is: ({ message }) => IN_EXECUTABLE.test(message) || IN_EXECUTABLE.test(globalThis.Bun?.main),
    advice: [
      "A single-file executable of Bun unpacks the binary before it loads it. The folder for temporary files (TMPDIR, on",
      "Windows TEMP) must be writable, and its file system must allow programs to run.",
    ],
  },
  {
    is: ({ message }) => /failed to map segment|Operation not permitted/.test(message),
    advice: [
      "The file system of the binary does not allow programs to run (noexec). Install the package on another file system.",
    ],
  },
];

const BROKEN = [
  "The binary is installed but cannot be loaded. Remove node_modules/os-secrets and node_modules/@os-secrets, and reinstall",
  "the package on the machine that uses it:",
  "  npm install --include=optional os-secrets",
  CHECKOUT,
];

const ABSENT = [
  "The binary is in a platform package, which is an optional dependency. It is missing if optional dependencies were left out",
  "(--omit=optional, --no-optional, --ignore-optional), or if node_modules or the lock file come from another machine.",
  "Reinstall the package:",
  "  npm install --include=optional --force os-secrets",
  "or, with another package manager: pnpm install --force, yarn install --force (Yarn 1), bun install --force",
  CHECKOUT,
];

const UNSUPPORTED = [
  "There is no such binary: os-secrets supports Linux, Windows and macOS, each on x64 and arm64, Linux with glibc also",
  "on arm (ARMv7) and riscv64, and Windows also on ia32. If the machine has 64 bits, use a 64-bit build of the runtime.",
];

/** The advice for the error of an installed binary, or for missing binaries if `broken` is undefined. */
function advice(broken) {
  if (broken === undefined) return isBundled ? BUNDLED : ABSENT;
  const error = Object(broken);
  const cause = causes.find(({ is }) =>
    is({ name: error.name, code: error.code, message: String(error.message) }),
  );
  return cause?.advice ?? (isBundled ? BUNDLED : BROKEN);
}

/** Returns the error for failed attempts to load the binary. `libc` returns the name of the C library. */
module.exports = function notLoaded(failures, libc) {
  const here = `${platform}-${arch}`;
  const broken = failures.find(({ absent }) => !absent);
  const tried = failures.map(
    ({ path, error, absent }) => `  ${path}: ${absent ? "not found" : error?.message}`,
  );
  const library = platform === "linux" ? ` (C library: ${libc()})` : "";
  const isSupported = /^((linux|win32|darwin)-(x64|arm64)|linux-(arm|riscv64)|win32-ia32)$/.test(here);
  const error = new Error(
    [
      `os-secrets cannot load its native binary for ${here}${library}.`,
      ...(isSupported ? ["It tried to load:", ...tried, ...advice(broken?.error)] : UNSUPPORTED),
    ].join("\n"),
    { cause: (broken ?? failures[0]).error },
  );
  return Object.assign(error, { code: "ERR_SECRETS_PLATFORM_ERROR", reason: "no-binary" });
};
