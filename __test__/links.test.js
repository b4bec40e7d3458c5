// Every link of the documents leads somewhere, in the repository and in the package.

const assert = require("node:assert/strict");
const { existsSync } = require("node:fs");
const { join, posix } = require("node:path");
const { describe, it } = require("node:test");
const { files } = require("../package.json");
const { documents, manual, prose } = require("./support/documents.js");
const { root } = require("./support/runtimes.js");

/** What tools/pack.js packs besides the files that package.json names. */
const packed = [...files, "README.md", "LICENSE"];
const isPacked = (path) => packed.some((file) => path === file || path.startsWith(`${file}/`));

/** The targets of a document's links. */
const targets = (document) => [...prose(document).matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target);

/** The links of a document that stay within the repository: [{ target, path, anchor }]. */
function links(document) {
  return targets(document)
    .filter((target) => !/^\w+:/.test(target))
    .map((target) => {
      const [path, anchor] = target.split("#");
      return { target, path: path ? posix.join(posix.dirname(document), path) : document, anchor };
    });
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchors(document) {
  const seen = new Map();
  return [...prose(document).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => {
    const slug = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-");
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
}

describe("the links of", () => {
  for (const document of documents) {
    it(`${document} lead to what is there`, () => {
      for (const { target, path, anchor } of links(document)) {
        assert.ok(existsSync(join(root, path)), target);
        if (anchor !== undefined) assert.ok(anchors(path).includes(anchor), target);
      }
      for (const target of targets(document)) {
        assert.match(target, /^(https:\/\/|[\w.#])/, "neither an address nor a relative path");
      }
    });
  }

  for (const document of documents.filter(isPacked)) {
    it(`${document} lead to what is in the package`, () => {
      for (const { target, path } of links(document)) assert.ok(isPacked(path), target);
    });
  }
});

it("README.md leads to every page of the manual, and every page is in the package", () => {
  const linked = links("README.md").map(({ path }) => path);
  for (const page of manual) {
    assert.ok(isPacked(page), page);
    assert.ok(page === "README.md" || linked.includes(page), page);
  }
});

it("anchors are found as GitHub makes them", () => {
  assert.ok(anchors("docs/api.md").includes("differences-from-bunsecrets"));
  assert.ok(anchors("docs/program.md").includes("set-get-list-delete"));
});
