// npm run lint:package: packs what is built here and asks publint and Are The Types Wrong about it.

const { mkdtempSync, readdirSync, readFileSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { version } = require("../../package.json");
const { build, ensureNodeModules, fail, root, run } = require("../tools.js");

/** Everything that publint says of a tarball, suggestions included. */
async function ask(file) {
  const { publint } = await import("publint");
  const { formatMessage } = await import("publint/utils");
  const bytes = readFileSync(file);
  const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
  return messages.map((message) => `${pkg.name}: ${formatMessage(message, pkg, { color: false })}`);
}

async function lint(folder) {
  run(process.execPath, [join(root, "tools", "pack.js"), "--built", folder]);
  const tarballs = readdirSync(folder);
  const said = (await Promise.all(tarballs.map((name) => ask(join(folder, name))))).flat();
  if (said.length > 0) fail(["publint says:", ...said].join("\n"));
  console.log(`publint: ${tarballs.join(", ")}: all good`);
  const attw = join(__dirname, "node_modules", "@arethetypeswrong", "cli", "dist", "index.js");
  // Types of its own are in it; what others have written for it is looked for on the network.
  run(process.execPath, [attw, "--no-definitely-typed", join(folder, `os-secrets-${version}.tgz`)]);
}

ensureNodeModules(__dirname);
build();
const folder = mkdtempSync(join(tmpdir(), "os-secrets-lint-"));
process.once("exit", () => rmSync(folder, { recursive: true }));
lint(folder);
