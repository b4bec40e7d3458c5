// npm run licences [-- --check]: writes THIRD-PARTY-LICENSES.md, which is in every platform package: the crates that the
// binaries are made of, with their licences. With --check it fails if the committed file is out of date, as npm run
// lint:crates does.

const { readdirSync, readFileSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { packages, platforms } = require("./platforms.js");
const { fail, output, root } = require("./process.js");

const FILE = join(root, "THIRD-PARTY-LICENSES.md");

/** The accepted licences, the preferred one first, and how their terms begin after the copyright lines. */
const accepted = {
  MIT: /Permission is hereby granted, free of charge/,
  ISC: /Permission to use, copy, modify, and\/or distribute/,
  "BSD-3-Clause": /Redistribution and use in source and binary forms/,
  "Unicode-3.0": /Permission is hereby granted, free of charge/,
  "Apache-2.0": /Apache License/,
};

/** The crates that the binaries are made of, on any platform, sorted. Macros count, because code comes from them. */
function crates() {
  const forAll = (option) => platforms.map(({ target }) => `${option}=${target}`);
  const args = ["--locked", "--package", packages.addon, "--edges=normal", "--prefix=none", "--format={p}"];
  const tree = output("cargo", ["tree", ...args, ...forAll("--target")]);
  const used = new Set(tree.split("\n").map((line) => line.split(" ").slice(0, 2).join(" ")));
  const metadata = ["metadata", "--locked", "--format-version=1", ...forAll("--filter-platform")];
  return JSON.parse(output("cargo", metadata))
    .packages.filter(({ name, version, source }) => source !== null && used.has(`${name} v${version}`))
    .toSorted((a, b) => (`${a.name} ${a.version}` < `${b.name} ${b.version}` ? -1 : 1));
}

/** The licences that a crate is taken under: one of each choice that it offers. */
function choose({ name, license }) {
  return license.split(" AND ").map((choice) => {
    const offered = choice.replace(/^\(|\)$/g, "").split(/ OR |\//);
    const chosen = Object.keys(accepted).find((licence) => offered.includes(licence));
    return chosen ?? fail(`${name} offers none of the accepted licences: ${license}`);
  });
}

const collapse = (text) => text.replace(/\s+/g, " ").trim();

/** The copyright lines and the terms of a crate's licence: from the crate's files, or the MIT terms of our own. */
function find({ name, manifest_path, authors }, licence) {
  const folder = dirname(manifest_path);
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|unlicense)/i.test(file));
  const by = authors.join(", ").replace(/ <[^>]*>/g, "") || "its authors";
  for (const path of [...files.sort().map((file) => join(folder, file)), join(root, "LICENSE")]) {
    const text = readFileSync(path, "utf8").replaceAll("\r\n", "\n");
    const start = text.search(accepted[licence]);
    // MIT and Unicode-3.0 begin alike.
    if (start === -1 || /unicode/i.test(text) !== (licence === "Unicode-3.0")) continue;
    const head = dirname(path) === root ? [] : text.slice(0, start).split("\n").map(collapse);
    const copyright = head.filter((line) => /^(copyright(?! and permission)|©|\(c\))/i.test(line));
    return {
      by: copyright.join("; ") || by,
      terms: text
        .slice(start)
        .replace(/[ \t]+$/gm, "")
        .trim(),
    };
  }
  return fail(`${name} does not contain the text of its licence, ${licence}.`);
}

/** Generates the file's text: a section for all crates that are taken under the same terms. */
function generate() {
  const sections = new Map();
  for (const crate of crates()) {
    for (const licence of choose(crate)) {
      const { by, terms } = find(crate, licence);
      const key = `${licence} ${collapse(terms).toLowerCase()}`;
      if (!sections.has(key)) sections.set(key, { licence, terms, entries: [] });
      sections.get(key).entries.push(`- ${crate.name} ${crate.version}: ${by}`);
    }
  }
  const sorted = [...sections.values()].toSorted((a, b) => b.entries.length - a.entries.length);
  const texts = sorted.map(
    ({ licence, terms, entries }) =>
      `## ${licence}\n\n${entries.join("\n")}\n\n\`\`\`text\n${terms}\n\`\`\`\n`,
  );
  return `# Third-party licences

The binaries of os-secrets contain code of the Rust crates below and of Rust's standard library. The copyright of the
standard library is the Rust Project contributors', and it is taken under the MIT licence. On Linux the binaries also
contain LLVM's libunwind and compiler runtime, as Zig links them, under Apache-2.0 with the LLVM exception. If a crate
offers a choice of licences, it is listed under the one that is taken. Written by \`npm run licences\`.

${texts.join("\n")}`;
}

/** Fails if the committed file is not what would be written now. */
function checkLicences() {
  if (readFileSync(FILE, "utf8") !== generate())
    fail("THIRD-PARTY-LICENSES.md is out of date: npm run licences");
}

if (require.main === module) {
  if (process.argv.includes("--check")) checkLicences();
  else writeFileSync(FILE, generate());
}

module.exports = { checkLicences };
