// What the scripts fetch or make once for all clones: folders in the user's cache.

const { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } = require("node:fs");
const { homedir } = require("node:os");
const { join } = require("node:path");
const { run } = require("./tools.js");

/** The folder of them all. */
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "os-secrets");

/** Makes a folder of the cache by a function that fills it; in one step, so that none is half full. */
function ensureFolder(name, fill) {
  const folder = join(cache, name);
  if (existsSync(folder)) return folder;
  const parent = join(folder, "..");
  mkdirSync(parent, { recursive: true });
  const made = mkdtempSync(join(parent, "new-"));
  fill(made);
  renameSync(made, folder);
  return folder;
}

/** Fetches a package of the npm registry, whatever platform it is for, and gives the folder of its files. */
function ensureNpmPackage(name) {
  const folder = ensureFolder(join("npm", name.replace(/^@/, "").replaceAll(/[@/]/g, "-")), (made) => {
    run("npm", ["pack", "--silent", name], { cwd: made });
    const [tarball] = readdirSync(made);
    run("tar", ["xzf", tarball], { cwd: made });
    rmSync(join(made, tarball));
  });
  return join(folder, "package");
}

/** Fetches packages of Debian and unpacks them into a folder, without installing them. */
function unpackDebian(folder, packages, options = []) {
  const downloads = mkdtempSync(`${folder}-`);
  run("apt-get", [...options, "download", "-qq", ...packages], { cwd: downloads });
  for (const file of readdirSync(downloads)) run("dpkg", ["-x", join(downloads, file), folder]);
  rmSync(downloads, { recursive: true });
}

module.exports = { cache, ensureFolder, ensureNpmPackage, unpackDebian };
