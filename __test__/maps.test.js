// The maps do not drift: every path that a document or the head of a module names is there, every script that a
// document tells to run is one of package.json, and CONTRIBUTING.md says what every folder is for.

const assert = require("node:assert/strict");
const { existsSync, readdirSync, readFileSync } = require("node:fs");
const { basename, dirname, join, relative } = require("node:path");
const { describe, it } = require("node:test");
const { scripts } = require("../package.json");
const { documents, prose, read } = require("./support/documents.js");
const { root } = require("./support/runtimes.js");

/** Folders that are made, not written. */
const MADE = ["node_modules", "target", "dist", ".git"];

/** What looks like a path of this repository, and is not: files of the reader's, and other texts with a slash. */
const OTHERS = [
  ".secrets.toml",
  "a/b",
  "apps/prod",
  "b/c",
  "compose.yaml",
  "datapackage.json",
  "mcp.json",
  "os-secrets/config.toml",
  "os-secrets/keytar",
  "os-secrets/secrets.age",
  "preferences.json",
  "service/name",
  "text/plain",
];

/** The files of Rust in a folder and below. */
function rustFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return MADE.includes(entry.name) ? [] : rustFiles(path);
    return entry.name.endsWith(".rs") ? [path] : [];
  });
}

const rust = rustFiles(root);
/** The folders of the crates' sources; documents name what is in them without the folder, as they do tests. */
const sources = [...new Set(rust.filter((file) => /[\\/]src[\\/](lib|main)\.rs$/.test(file)).map(dirname))];
const places = [root, ...sources, ...sources.map((folder) => join(folder, "..", "tests"))];

/** Whether there is such a file or folder; in its name * stands for any text. */
function isThere(path, folders) {
  const name = new RegExp(`^${basename(path).replaceAll(".", "\\.").replaceAll("*", ".*")}$`);
  return folders.some((folder) => {
    if (!path.includes("*")) return existsSync(join(folder, path));
    const parent = join(folder, dirname(path));
    return existsSync(parent) && readdirSync(parent).some((entry) => name.test(entry));
  });
}

/** The texts between backticks, which do not go beyond a paragraph. */
const spans = (text) =>
  text.split(/\n\s*\n/).flatMap((paragraph) => [...paragraph.matchAll(/`([^`]+)`/g)].map(([, span]) => span));

const isPath = (text) =>
  /^[\w.*-]+(\/[\w.*-]+)*\/?$/.test(text) &&
  (text.includes("/") || /\.([cm]?[jt]s|rs|py|md|json|toml|ya?ml|lock)$/.test(text));

/** The head of a file of Rust: its lines of module documentation. */
function head(file) {
  const lines = readFileSync(file, "utf8").matchAll(/^\/\/! ?(.*?)\r?$/gm);
  return [...lines].map(([, line]) => line);
}

/** Where the modules of a file of Rust lie. */
function modulesOf(file) {
  const name = basename(file, ".rs");
  return ["mod", "lib", "main"].includes(name) ? dirname(file) : join(dirname(file), name);
}

describe("every path is there that is named in", () => {
  for (const document of documents) {
    it(document, () => {
      const folders = [...places, join(root, dirname(document)), join(root, ".github", "workflows")];
      const named = spans(prose(document)).filter((span) => isPath(span) && !OTHERS.includes(span));
      for (const path of named) assert.ok(isThere(path, folders), path);
    });
  }

  it("the comments and commands of the documents", () => {
    const commands = documents.flatMap((document) => [...read(document).matchAll(/^```sh\n(.*?)^```/gms)]);
    const words = commands.flatMap(([, text]) => text.split(/\s+|;/));
    const ours = words.filter((word) => /^(__test__|scripts|tools|tests|bench|docs|src|\.ci)\//.test(word));
    assert.ok(ours.length > 1, "no such path");
    for (const path of ours.filter((path) => path !== "bench/results/"))
      assert.ok(isThere(path, [root]), path);
  });

  for (const file of rust.filter((path) => spans(head(path).join("\n")).some(isPath))) {
    it(`the head of ${relative(root, file)}`, () => {
      const folders = [root, dirname(file), modulesOf(file)];
      for (const path of spans(head(file).join("\n")).filter(isPath)) {
        if (!OTHERS.includes(path)) assert.ok(isThere(path, folders), path);
      }
    });
  }
});

describe("every module is there that is in the table of", () => {
  for (const file of rust) {
    const rows = head(file).filter((line) => line.startsWith("| ") && !/^\| (file|module|-)/.test(line));
    const names = rows.flatMap((row) => spans(row.split("|")[1])).filter((name) => /^\w+$/.test(name));
    if (names.length === 0) continue;
    it(relative(root, file), () => {
      const folder = modulesOf(file);
      const modules = names.map((name) => [`${name}.rs`, join(name, "mod.rs")]);
      for (const paths of modules)
        assert.ok(
          paths.some((path) => isThere(path, [folder])),
          paths[0],
        );
    });
  }

  it("one file at least", () => {
    const tables = rust.filter((file) => head(file).some((line) => line.startsWith("|---")));
    assert.ok(tables.length > 4, tables.join("\n"));
  });
});

it("every script is there that a document tells to run", () => {
  for (const document of documents) {
    for (const [, name] of read(document).matchAll(/\bnpm run ([\w:-]+)/g)) {
      assert.ok(scripts[name], `${document}: npm run ${name}`);
    }
  }
});

it("CONTRIBUTING.md says what every folder is for", () => {
  const [, map] = read("CONTRIBUTING.md").split("\n## Where things are\n");
  const named = spans(map.split("\n## ")[0]);
  const folders = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !MADE.includes(entry.name))
    .map(({ name }) => name);
  for (const folder of folders) {
    assert.ok(
      named.some((path) => path.startsWith(`${folder}/`)),
      folder,
    );
  }
});

it("what looks like a path, and is none, is still named somewhere", () => {
  const named = documents.flatMap((document) => spans(prose(document)));
  for (const other of OTHERS) assert.ok(named.includes(other), other);
});
