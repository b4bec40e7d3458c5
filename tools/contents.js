// What a release of the native programs contains: the program under all its names, manual pages, completions, and the
// documents of the npm package. It is laid out as below /usr/local.

const {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} = require("node:fs");
const { join, parse, relative } = require("node:path");
const { files, version } = require("../package.json");
const { packages, programNames } = require("./platforms.js");
const { output, root, run } = require("./process.js");

/** The name of a platform's archives without what it ends with, which is the name of the only folder in them. */
function archiveStem({ target }) {
  return `os-secrets-${version}-${target}`;
}

/**
 * The names of a platform's archives. In the second one of Linux and macOS, every name of the program is a file of its own,
 * because cargo binstall does not unpack links. With xz, that makes it no larger.
 */
function archiveNames(platform) {
  const ends = platform.suffix ? ["zip"] : ["tar.gz", "tar.xz"];
  return ends.map((end) => `${archiveStem(platform)}.${end}`);
}

/** The documents of the npm package: what it contains besides code. */
const documents = [
  ...["LICENSE", "README.md", "THIRD-PARTY-LICENSES.md"],
  ...files.filter((file) => /^docs$|\.md$/.test(file)),
];

/** The date of what is made, in seconds: that of the commit, so that everybody makes the same files of it. */
function epoch() {
  return Number(process.env.SOURCE_DATE_EPOCH || output("git", ["log", "-1", "--format=%ct"]));
}

/** The folder of the manual pages that are written by hand. */
const written = join(root, "crates", packages.programs, "man");

/** The files in the folder {@link written}: a page for each program whose page is not made from its command line. */
const writtenPages = readdirSync(written).filter((file) => file.endsWith(".1"));

/** Makes the manual pages and completions, which are the same for all platforms, in a folder that is missing. */
function makeShared(folder) {
  const date = new Date(epoch() * 1000).toISOString().slice(0, 10);
  const args = ["run", "--quiet", "--locked", "--package", packages.programs, "--example", "manual"];
  run("cargo", [...args, "--", folder, date]);
  for (const page of writtenPages.filter((file) => programNames().includes(parse(file).name))) {
    const text = readFileSync(join(written, page), "utf8");
    const filled = text.replaceAll("@VERSION@", version).replaceAll("@DATE@", date);
    writeFileSync(join(folder, "man", "man1", page), filled);
  }
  const documentation = join(folder, "doc", "os-secrets");
  for (const file of documents) cpSync(join(root, file), join(documentation, file), { recursive: true });
}

/** Fills a folder with what a platform's archive contains. `shared` is the folder of {@link makeShared}. */
function stage({ suffix, program }, shared, folder) {
  cpSync(shared, join(folder, "share"), { recursive: true });
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const [first, ...others] = programNames().map((name) => name + suffix);
  copyFileSync(program, join(bin, first));
  chmodSync(join(bin, first), 0o755);
  for (const name of others) {
    // Windows gives symbolic links to administrators only.
    if (suffix) copyFileSync(join(bin, first), join(bin, name));
    else symlinkSync(first, join(bin, name));
  }
  makeAlike(folder);
}

/** Gives everything in a folder the same modes and date, whatever the user's mask and the time are. */
function makeAlike(folder) {
  run("chmod", ["--recursive", "u=rwX,go=rX", folder]);
  run("find", [folder, "-exec", "touch", "--no-dereference", `--date=@${epoch()}`, "{}", "+"]);
}

/** The paths of all files in a folder and below, from that folder on, in their order. Links are none. */
function filesBelow(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => relative(folder, join(entry.parentPath, entry.name))).sort();
}

module.exports = { archiveNames, archiveStem, epoch, filesBelow, makeAlike, makeShared, stage, writtenPages };
