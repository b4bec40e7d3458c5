// Writes the version of package.json into all other files that contain it, and dates what CHANGELOG.md has under
// Unreleased. `npm version <new>` runs this before it commits and tags the new version.
//
//   version.js --check [tag]   fails if a file or the tag has another version
//   version.js --notes         prints what CHANGELOG.md says about the version

const { readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { platforms } = require("./platforms.js");
const { fail, root } = require("./process.js");

/** Each file that contains the version, and a pattern that finds it there. */
const places = [
  ["package.json", /(?<=^ {2}"version": ")[^"]+/gm],
  ["load.js", /(?<=^const version = ")[^"]+/gm],
  ["package-lock.json", /(?<="name": "os-secrets",\s+"version": ")[^"]+/g],
  ["Cargo.toml", /(?<=^version = "|^os-secrets.* version = ")[^"]+/gm],
  ["Cargo.lock", /(?<=name = "os-secrets(-cli|-node)?"\s+version = ")[^"]+/g],
  ...["README.md", "docs/keytar.md", "npm/keytar/README.md"].map((file) => [
    file,
    /(?<="npm:@os-secrets\/keytar@\^)[^"]+/g,
  ]),
  ["npm/keytar/package.json", /(?<=^ {2}"version": ")[^"]+/gm],
  ...platforms.map(({ name }) => [`npm/${name}/package.json`, /(?<=^ {2}"version": ")[^"]+/gm]),
];

const read = (file) => readFileSync(join(root, file), "utf8");
const { version } = JSON.parse(read("package.json"));

/** Fails if a file or the tag has another version than package.json. */
function check(tag = `v${version}`) {
  const wrong = places.flatMap(([file, pattern]) => {
    const found = read(file).match(pattern) ?? ["none"];
    return found.filter((other) => other !== version).map((other) => `${file} says ${other}`);
  });
  if (tag !== `v${version}`) wrong.push(`the tag says ${tag}`);
  if (wrong.length > 0) fail(`package.json says ${version}, but ${wrong.join(", ")}.`);
}

/** Writes the version everywhere. */
function set() {
  for (const [file, pattern] of places) {
    writeFileSync(join(root, file), read(file).replaceAll(pattern, version));
  }
  const changelog = read("CHANGELOG.md");
  if (changelog.includes(`\n## [${version}]`)) return;
  const dated = `## [Unreleased]\n\n## [${version}] - ${new Date().toISOString().slice(0, 10)}`;
  writeFileSync(join(root, "CHANGELOG.md"), changelog.replace("## [Unreleased]", dated));
}

/** What CHANGELOG.md says about the version. */
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
