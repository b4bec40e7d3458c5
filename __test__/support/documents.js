// The documents of this repository: the manual (README.md and docs/, which are in the package) and the others.

const { readdirSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const { root } = require("./runtimes.js");

/** The documents in a folder. */
const pagesIn = (folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => (folder === "." ? name : `${folder}/${name}`));

/** The examples that have a folder each. */
const exampleFolders = readdirSync(join(root, "examples"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => `examples/${name}`);

/** The pages of the manual. */
const manual = ["README.md", ...pagesIn("docs")];

/** All documents that people write; the licences are generated. */
const documents = [".", "docs", ...exampleFolders]
  .flatMap(pagesIn)
  .filter((name) => name !== "THIRD-PARTY-LICENSES.md");

/** The text of a document. */
const read = (document) => readFileSync(join(root, document), "utf8").replaceAll("\r\n", "\n");

/** The fenced blocks of a text: [{ language, text }]. The language is all that follows the fence. */
function blocks(text) {
  return [...text.matchAll(/^```([\w,]*)\n(.*?)^```$/gms)].map(([, language, block]) => ({
    language,
    text: block,
  }));
}

/** The texts of a document's blocks in a language. */
function examples(document, language) {
  const found = blocks(read(document)).filter((block) => block.language === language);
  return found.map(({ text }) => text);
}

/** The texts of the blocks in a language below a heading of the second level. */
function sectionExamples(document, heading, language) {
  const [, section] = read(document).split(`\n## ${heading}\n`);
  const found = blocks(section.split("\n## ")[0]).filter((block) => block.language === language);
  return found.map(({ text }) => text);
}

/** The text of a document without its fenced blocks. */
const prose = (document) => read(document).replaceAll(/^```.*?^```$/gms, "");

module.exports = { blocks, documents, examples, manual, prose, read, sectionExamples };
