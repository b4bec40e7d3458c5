// npm run licences [-- --check]: writes THIRD-PARTY-LICENSES.md, which every platform package holds: what the
// binary is made of, and the licences of that. With --check it fails where the committed file says something else.

const { readdirSync, readFileSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { platforms } = require("./platforms.js");
const { fail, output, root } = require("./process.js");

const FILE = "THIRD-PARTY-LICENSES.md";

/** The licences that are taken, the preferred first, each with what begins its terms, after its copyright lines. */
const accepted = new Map([
  ["MIT", /Permission is hereby granted, free of charge/],
  ["ISC", /Permission to use, copy, modify, and\/or distribute/],
  ["BSD-3-Clause", /Redistribution and use in source and binary forms/],
  ["Unicode-3.0", /Permission is hereby granted, free of charge/],
  ["Apache-2.0", /Apache License/],
]);

/** The crates that the binaries are made of, on whatever platform, sorted; macros count, as code comes from them. */
function crates() {
  const targets = platforms.map(({ target }) => target);
  const tree = output("cargo", [
    ...["tree", "--locked", "--edges=normal", "--prefix=none", "--format={p}"],
    ...targets.map((target) => `--target=${target}`),
  ]);
  const used = new Set(tree.split("\n").map((line) => line.split(" ").slice(0, 2).join(" ")));
  const metadata = output("cargo", [
    ...["metadata", "--locked", "--format-version=1"],
    ...targets.map((target) => `--filter-platform=${target}`),
  ]);
  return JSON.parse(metadata)
    .packages.filter(({ name, version, source }) => source !== null && used.has(`${name} v${version}`))
    .toSorted((a, b) => (`${a.name} ${a.version}` < `${b.name} ${b.version}` ? -1 : 1));
}

/** Which of the licences that a crate offers are taken: one of each choice. */
function choose({ name, license }) {
  return license.split(" AND ").map((choice) => {
    const offered = choice.replace(/^\(|\)$/g, "").split(/ OR |\//);
    const chosen = [...accepted.keys()].find((licence) => offered.includes(licence));
    return chosen ?? fail(`${name} offers none of the licences that are taken: ${license}`);
  });
}

const collapse = (text) => text.replace(/\s+/g, " ").trim();

/** The copyright lines and the terms of a licence, as a crate's own files have them; undefined where none has. */
function find({ manifest_path }, licence) {
  const folder = dirname(manifest_path);
  for (const file of readdirSync(folder).sort()) {
    if (!/^(licen[cs]e|copying|unlicense)/i.test(file)) continue;
    const text = readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n");
    // Both begin alike.
    if (/unicode/i.test(text) !== (licence === "Unicode-3.0")) continue;
    const start = text.search(accepted.get(licence));
    if (start === -1) continue;
    const head = text.slice(0, start).split("\n");
    const copyright = head
      .map(collapse)
      .filter((line) => /^(copyright(?! and permission)|©|\(c\))/i.test(line));
    const terms = text
      .slice(start)
      .replace(/[ \t]+$/gm, "")
      .trim();
    return { copyright: copyright.join("; "), terms };
  }
  return undefined;
}

/** What stands for a licence whose text a crate does not bring along. */
function general(licence) {
  if (licence !== "MIT") fail(`There is no text of ${licence}.`);
  const own = readFileSync(join(root, "LICENSE"), "utf8");
  return own.slice(own.search(accepted.get(licence))).trim();
}

/** The crates by the terms under which they are taken: [{ licence, terms, entries }]. */
function group(crates) {
  const groups = new Map();
  for (const crate of crates) {
    for (const licence of choose(crate)) {
      const found = find(crate, licence);
      const terms = found?.terms ?? general(licence);
      const key = `${licence} ${collapse(terms).toLowerCase()}`;
      if (!groups.has(key)) groups.set(key, { licence, terms, entries: [] });
      const by = found?.copyright || crate.authors.join(", ").replace(/ <[^>]*>/g, "") || "its authors";
      groups.get(key).entries.push(`- ${crate.name} ${crate.version}: ${by}`);
    }
  }
  return [...groups.values()].toSorted((a, b) => b.entries.length - a.entries.length);
}

function document() {
  const sections = group(crates()).map(
    ({ licence, terms, entries }) =>
      `## ${licence}\n\n${entries.join("\n")}\n\n\`\`\`text\n${terms}\n\`\`\`\n`,
  );
  return `# Third-party licences

The binaries of os-secrets hold code of the Rust crates below, and of Rust's standard library, whose copyright is the
Rust Project contributors' and which is taken under the MIT licence; on Linux also of LLVM's libunwind and compiler
runtime, as Zig links them, under Apache-2.0 with the LLVM exception. Where a crate offers a choice of licences, it is
listed under the one that is taken. Written by \`npm run licences\`.

${sections.join("\n")}`;
}

const path = join(root, FILE);

/** Fails if the committed file is out of date. */
function checkLicences() {
  if (readFileSync(path, "utf8") !== document()) fail(`${FILE} is out of date: npm run licences`);
}

if (require.main === module) {
  if (process.argv.includes("--check")) checkLicences();
  else writeFileSync(path, document());
}

module.exports = { checkLicences };
