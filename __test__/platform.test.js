// docs/platforms.md says which tests do not run everywhere, and why.

const assert = require("node:assert/strict");
const { readdirSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const { it } = require("node:test");
const { read } = require("./support/documents.js");
const { reasons } = require("./support/platform.js");

it("docs/platforms.md names every reason for which a test is left out", () => {
  const [, section] = read("docs/platforms.md").split("\n## Tests\n");
  const [text] = section.split("\n## ");
  for (const reason of reasons) assert.ok(text.includes(reason), reason);
});

it("every such reason is that of a test", () => {
  const files = readdirSync(__dirname).filter((name) => name.endsWith(".test.js"));
  const sources = files.map((name) => readFileSync(join(__dirname, name), "utf8")).join("\n");
  for (const reason of reasons) assert.ok(sources.includes(`("${reason}")`), reason);
});
