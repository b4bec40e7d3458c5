// The first example of README.md.

const { writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { examples } = require("./documents.js");

/** What an example prints, by the comments behind its calls of console.log; a call without one prints anything. */
function printedBy(source) {
  return [...source.matchAll(/^console\.log\(.*\);(?: \/\/ (.*))?$/gm)].map(([, line]) => line);
}

/**
 * Writes the first example of README.md into a project, as main.mjs. Returns the output that it must have.
 */
function writeExample(folder) {
  const [source] = examples("README.md", "js");
  writeFileSync(join(folder, "main.mjs"), source);
  return printedBy(source)
    .map((line) => `${line}\n`)
    .join("");
}

module.exports = { printedBy, writeExample };
