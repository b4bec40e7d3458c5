// Keeps the version the same wherever it stands.
//
// npm runs it on `npm version <new>`, when it has changed package.json and package-lock.json: the rest follows, and
// what CHANGELOG.md has under Unreleased becomes that version's. npm then commits and tags it.
//
//   version.js --check [tag]   fails where a place says another version, or the tag does
//   version.js --notes         prints what CHANGELOG.md says of the version

const { readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { platforms } = require("./platforms.js");
const { fail, root } = require("./process.js");

/** Each file that says the version, and what stands before it. */
const places = [
  ["package.json", /(?<=^ {2}"version": ")[^"]+/gm],
  ["load.js", /(?<=^const version = ")[^"]+/gm],
  ["package-lock.json", /(?<="name": "os-secrets",\s+"version": ")[^"]+/g],
  ["Cargo.toml", /(?<=^version = ")[^"]+/gm],
  ["Cargo.lock", /(?<=name = "os-secrets"\s+version = ")[^"]+/g],
  ...platforms.map(({ name }) => [`npm/${name}/package.json`, /(?<=^ {2}"version": ")[^"]+/gm]),
];

const read = (file) => readFileSync(join(root, file), "utf8");
const { version } = JSON.parse(read("package.json"));

/** The places that say another version than package.json, each with what it says. */
function differing() {
  return places.flatMap(([file, pattern]) => {
    const found = read(file).match(pattern) ?? ["none"];
    return found.filter((other) => other !== version).map((other) => `${file} says ${other}`);
  });
}

function check(tag = `v${version}`) {
  const wrong = differing();
  if (tag !== `v${version}`) wrong.push(`the tag says ${tag}`);
  if (wrong.length > 0) fail(`package.json says ${version}, but ${wrong.join(", ")}.`);
}

function set() {
  for (const [file, pattern] of places) {
    writeFileSync(join(root, file), read(file).replaceAll(pattern, version));
  }
  const today = new Date().toISOString().slice(0, 10);
  const changelog = read("CHANGELOG.md");
  if (!changelog.includes(`\n## [${version}]`)) {
    const dated = `## [Unreleased]\n\n## [${version}] - ${today}`;
    writeFileSync(join(root, "CHANGELOG.md"), changelog.replace("## [Unreleased]", dated));
  }
}

/** What CHANGELOG.md says of the version. */
function notes() {
  const sections = read("CHANGELOG.md").split(/^## /m);
  const own = sections.find((section) => section.startsWith(`[${version}]`));
  const text = own?.slice(own.indexOf("\n")).trim();
  return text || fail(`CHANGELOG.md says nothing of ${version}.`);
}

const [command, tag] = process.argv.slice(2);
if (command === "--check") check(tag);
else if (command === "--notes") console.log(notes());
else set();
