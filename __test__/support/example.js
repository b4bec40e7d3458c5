const { readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { root } = require("./runtimes.js");

/**
 * Writes the first example of README.md into a project, as main.mjs. Returns the output that it must have.
 */
function writeExample(folder) {
  const [, source] = /```js\n(.*?)```/s.exec(readFileSync(join(root, "README.md"), "utf8"));
  writeFileSync(join(folder, "main.mjs"), source);
  return [...source.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, line]) => `${line}\n`).join("");
}

module.exports = { writeExample };
