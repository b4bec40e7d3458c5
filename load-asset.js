"use strict";

// Loads the native binary from a single executable application of Node that has it as an asset. A system loads a
// library only from a file, so the asset is written to one, in the user's cache. All processes and worker threads load
// the same file, because each copy of the binary would have its own connection to the store.

/** A built-in module, or `undefined` if this runtime has none. A bundle that is an ES module has no `require`. */
const builtin = (name) => process.getBuiltinModule?.(name);

const crypto = builtin("node:crypto");
const fs = builtin("node:fs");
const os = builtin("node:os");
const path = builtin("node:path");
const sea = builtin("node:sea");

const ASSET = "os-secrets.node";
const isWindows = process.platform === "win32";

/** Bits of a file's mode: who can write to it, and that only owners can rename and remove what is in a folder. */
const [WRITABLE_BY_GROUP, WRITABLE_BY_ALL, STICKY] = [0o020, 0o002, 0o1000];

/** Returns the bytes of the asset, or `undefined` if this is no such application, or one without the asset. */
function readAsset() {
  if (!sea?.isSea()) return undefined;
  try {
    return new Uint8Array(sea.getRawAsset(ASSET));
  } catch (error) {
    if (error?.code === "ERR_SINGLE_EXECUTABLE_APPLICATION_ASSET_NOT_FOUND") return undefined;
    throw error;
  }
}

/** The folder for the caches of the user's programs. */
function cacheFolder() {
  const chosen = isWindows ? process.env.LOCALAPPDATA : process.env.XDG_CACHE_HOME;
  if (chosen && path.isAbsolute(chosen)) return chosen;
  return path.join(os.homedir(), ...(isWindows ? ["AppData", "Local"] : [".cache"]));
}

/** Whether only this user can change a file, or what is in a folder. On Windows, the user's folders inherit that. */
function isPrivate({ uid, mode }) {
  return isWindows || (uid === process.geteuid() && (mode & (WRITABLE_BY_GROUP | WRITABLE_BY_ALL)) === 0);
}

/**
 * Returns the number that stands for the owners that this process's user namespace does not know, of which root outside
 * is one. Returns `undefined` if there are no such owners, or if a user has the same number.
 */
function unknownOwner() {
  if (process.platform !== "linux") return undefined;
  const numbersIn = (file) => fs.readFileSync(file, "utf8").trim().split(/\s+/).map(Number);
  const [number] = numbersIn("/proc/sys/kernel/overflowuid");
  const map = numbersIn("/proc/self/uid_map");
  for (let at = 0; at < map.length; at += 3) {
    const [first, , count] = map.slice(at);
    if (number >= first && number < first + count) return undefined;
  }
  return number;
}

/**
 * Whether no other user can replace a folder that is in this one. A group may have other members, and the mode does not
 * tell the group from an access control list.
 */
function keepsFolders({ uid, mode }) {
  const isTrusted = uid === 0 || uid === process.geteuid() || uid === unknownOwner();
  const isWritable = (mode & (WRITABLE_BY_GROUP | WRITABLE_BY_ALL)) !== 0;
  return isTrusted && (!isWritable || (mode & STICKY) !== 0);
}

/** Finds a folder above this one in which another user could replace it. `undefined` if there is none. */
function findUnsafeAncestor(folder) {
  if (isWindows) return undefined;
  for (let at = folder; at !== path.dirname(at); ) {
    at = path.dirname(at);
    if (!keepsFolders(fs.statSync(at))) return at;
  }
  return undefined;
}

/** Makes the folder for the file. Refuses one in which another user could put a file of their own. */
function makeFolder() {
  const parent = cacheFolder();
  fs.mkdirSync(path.join(parent, "os-secrets"), { recursive: true, mode: 0o700 });
  // Without links, so that the folders that are checked are those that lead to the file.
  const folder = path.join(fs.realpathSync(parent), "os-secrets");
  const stats = fs.lstatSync(folder);
  if (!stats.isDirectory() || !isPrivate(stats)) {
    throw new Error(`other users can change ${folder}, or it is no folder of this user`);
  }
  const unsafe = findUnsafeAncestor(folder);
  if (unsafe === undefined) return folder;
  throw new Error(`other users can change ${folder}, because they own ${unsafe} or can write to it`);
}

/** Whether a file has these bytes, and only this user can change them. */
function holds(file, bytes) {
  let descriptor;
  try {
    descriptor = fs.openSync(file, "r");
    return isPrivate(fs.fstatSync(descriptor)) && fs.readFileSync(descriptor).equals(bytes);
  } catch (error) {
    if (error.code === "ENOENT") return false;
    throw error;
  } finally {
    if (descriptor !== undefined) fs.closeSync(descriptor);
  }
}

/** Writes the bytes to the file that is named after them, unless it holds them already. Returns its path. */
function writeBinary(bytes) {
  const digest = crypto.createHash("sha256").update(bytes).digest("hex");
  const file = path.join(makeFolder(), `${digest}.node`);
  if (holds(file, bytes)) return file;
  const unfinished = `${file}.${crypto.randomUUID()}`;
  try {
    fs.writeFileSync(unfinished, bytes, { flag: "wx", mode: 0o600 });
    // The file appears only when it is complete, so that no process loads a part of it.
    fs.renameSync(unfinished, file);
  } catch (error) {
    fs.rmSync(unfinished, { force: true });
    // On Windows this fails if another process has written the file at the same time, and has loaded it.
    if (!holds(file, bytes)) throw error;
  }
  return file;
}

/**
 * Returns the binary in the asset `os-secrets.node`, or `undefined` if this process is no single executable application
 * of Node that has one. Throws an error with the code `ERR_SECRETS_ASSET` if the asset cannot be loaded.
 */
module.exports = function loadAsset() {
  const bytes = readAsset();
  if (bytes === undefined) return undefined;
  try {
    const loaded = { exports: {} };
    process.dlopen(loaded, writeBinary(bytes));
    return loaded.exports;
  } catch (cause) {
    throw Object.assign(new Error(cause?.message, { cause }), { code: "ERR_SECRETS_ASSET" });
  }
};
