// Checks the addon's file for macOS, a Mach-O library: with Apple's tools on macOS, with LLVM's on Debian.
//
// On Debian the library is linked against tools/frameworks/, which lists the functions and constants of Apple's
// frameworks that the addon may use. That shows that it can be linked, and is never published.

const { createHash } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { fail, output, run } = require("./process.js");
const { provide } = require("./provision.js");

/** The folder that contains the lists of frameworks, for a linker. */
const frameworks = join(__dirname, "frameworks");
/** The oldest macOS that a binary runs on, by architecture: the oldest that Node 20 runs on. */
const OLDEST_MACOS = { x64: "10.15", arm64: "11.0" };
/** What the library is called by those that link against it. Nobody does, but a path would name the machine of its build. */
const OWN_NAME = "@rpath/os-secrets.node";
/** The libraries of macOS that the addon needs, and those that Rust's standard library may bring with it. */
const NEEDED = [path("Security"), path("CoreFoundation"), "/usr/lib/libSystem.B.dylib"];
const POSSIBLE = ["/usr/lib/libiconv.2.dylib", "/usr/lib/libcharset.1.dylib"];

/** The path of a framework's library on macOS. */
function path(framework) {
  return `/System/Library/Frameworks/${framework}.framework/Versions/A/${framework}`;
}

/** The output of a developer's tool that is called the same by Apple and LLVM. */
function inspect(tool, args) {
  if (process.platform === "darwin") return output(tool, args);
  provide("llvm");
  return output(`llvm-${tool}-14`, args);
}

/** The names that a framework's list contains. */
function listed(framework) {
  const text = readFileSync(join(frameworks, `${framework}.framework`, `${framework}.tbd`), "utf8");
  return [...text.matchAll(/^ +- (_\w+)$/gm)].map(([, name]) => name);
}

/** The load commands of a file: their kinds, each with the text that describes it. */
function loadCommands(file) {
  const [, ...commands] = inspect("otool", ["-l", file]).split(/^Load command \d+$/m);
  return commands.map((text) => ({ kind: /^ *cmd (\w+)$/m.exec(text)[1], text }));
}

/** The names that a file takes from libraries: [name, library] each. The library is undefined if any may have the name. */
function importsOf(file) {
  const lines = inspect("nm", ["-m", "-u", file]).split("\n");
  return lines.map((line) => (/ (\S+)(?: \(from (\S+)\))?$/.exec(line) ?? fail(`nm says: ${line}`)).slice(1));
}

/**
 * Checks the signature that the linker makes without a key ("ad hoc"): each page must have the hash that it names. Apple's
 * own processors run nothing else.
 */
function checkSignature(file, command) {
  const bytes = readFileSync(file);
  // Its numbers are big-endian. It is a list of parts, and the first part is the code directory.
  const start = Number(/dataoff (\d+)/.exec(command.text)[1]);
  const directory = bytes.subarray(start + bytes.readUInt32BE(start + 16));
  const number = (index) => directory.readUInt32BE(4 * index);
  if (number(0) !== 0xfade0c02) fail(`${file} has no code directory.`);
  if ((number(3) & 2) === 0) fail(`${file} is not signed ad hoc.`);
  const [hashes, count, limit, size, page] = [
    number(4),
    number(7),
    number(8),
    directory[36],
    2 ** directory[39],
  ];
  if (count === 0 || count !== Math.ceil(limit / page))
    fail(`The signature of ${file} does not cover the file.`);
  for (let index = 0; index < count; index++) {
    const content = bytes.subarray(index * page, Math.min((index + 1) * page, limit));
    const hash = directory.subarray(hashes + index * size, hashes + (index + 1) * size);
    if (!createHash("sha256").update(content).digest().equals(hash))
      fail(`Page ${index} of ${file} was changed.`);
  }
}

/** Ends the tool if there are such names. `describe` gets them in a text. */
function expectNone(names, describe) {
  if (names.length > 0) fail(describe(names.join(", ")));
}

/** Checks the addon's file for a platform of macOS, and ends the tool with the first thing that is wrong with it. */
function checkMachO(file, { name }) {
  const commands = loadCommands(file);
  const ofKind = (kind) => commands.filter((command) => command.kind === kind);
  const names = (kind) => ofKind(kind).map(({ text }) => /^ *name (.+) \(offset \d+\)$/m.exec(text)[1]);

  const oldest = ofKind("LC_BUILD_VERSION").map(({ text }) => /^ *minos (\S+)$/m.exec(text)[1]);
  const expected = OLDEST_MACOS[name.split("-")[1]];
  if (`${oldest}` !== expected) fail(`${file} is for macOS ${oldest}, not for ${expected}.`);
  if (`${names("LC_ID_DYLIB")}` !== OWN_NAME)
    fail(`${file} is called ${names("LC_ID_DYLIB")}, not ${OWN_NAME}.`);

  const libraries = names("LC_LOAD_DYLIB");
  const missing = NEEDED.filter((library) => !libraries.includes(library));
  expectNone(missing, (names) => `${file} does not name ${names}.`);
  const others = libraries.filter((library) => ![...NEEDED, ...POSSIBLE].includes(library));
  expectNone(others, (names) => `${file} needs ${names}.`);

  const imports = importsOf(file);
  const from = (wanted) => imports.filter(([, library]) => library === wanted).map(([symbol]) => symbol);
  expectNone(from(undefined), (names) => `No library of ${file} has ${names}.`);
  for (const framework of ["Security", "CoreFoundation"]) {
    const [used, known] = [from(framework), listed(framework)];
    const unlisted = used.filter((symbol) => !known.includes(symbol));
    expectNone(unlisted, (names) => `tools/frameworks does not list ${names} of ${framework}.`);
    const unused = known.filter((symbol) => !used.includes(symbol));
    expectNone(
      unused,
      (names) => `${file} does not use ${names} of ${framework}. Remove them from the list.`,
    );
  }

  const list = ofKind("LC_SEGMENT_64").flatMap(
    ({ text }) => /sectname \.dep-v0\n(?:.*\n){2} *size (\S+)/.exec(text) ?? [],
  );
  if (!(Number(list[1]) > 0)) fail(`${file} does not list its crates.`);

  const signatures = ofKind("LC_CODE_SIGNATURE");
  // Processors by Intel also run what is not signed.
  if (signatures.length === 0 && name === "darwin-arm64") fail(`${file} is not signed.`);
  for (const signature of signatures) checkSignature(file, signature);
  if (process.platform === "darwin" && signatures.length > 0)
    run("codesign", ["--verify", "--verbose", file]);
  const counts = `${libraries.length} libraries, ${imports.length} symbols`;
  const signed = signatures.length > 0 ? "signed ad hoc" : "not signed";
  console.log(`${name}: for macOS ${expected} and later, ${counts}, crates listed, ${signed}`);
}

module.exports = { OLDEST_MACOS, checkMachO, frameworks };
