// npm run bench:windows: builds the addon as it is released for Windows, and compares its calls with those of `Bun.secrets`
// on Credential Manager, under Wine.

const { spawnSync } = require("node:child_process");
const { closeSync, openSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const { buildFor } = require("../tools/build.js");
const { place } = require("../tools/install.js");
const { platform } = require("../tools/platforms.js");
const { provide } = require("../tools/provision.js");
const { WINE, makePrefix, wineEnvironment } = require("../tools/wine.js");

provide("windows/prefix windows/node windows/bun");
const [node, bun] = [place("windows/node", "bin", "node.exe"), place("windows/bun", "bin", "bun.exe")];
const prefix = makePrefix();

function measureCalls(runtime) {
  const output = join(prefix, "output");
  const file = openSync(output, "w");
  const [command, ...args] = [...WINE, runtime, join(__dirname, "in-process.js")];
  spawnSync(command, args, { env: wineEnvironment(prefix), stdio: ["ignore", file, "inherit"] });
  closeSync(file);
  return JSON.parse(readFileSync(output, "utf8"));
}

async function main() {
  await buildFor(platform("win32-x64"));
  const [underNode, underBun] = [measureCalls(node), measureCalls(bun)];
  console.log("| operation | os-secrets, Node | os-secrets, Bun | `Bun.secrets` |\n|---|--:|--:|--:|");
  for (const [call, { ours, bun: theirs }] of Object.entries(underBun)) {
    const cell = (time) => `${time.toFixed(2)} (${(time / theirs).toFixed(2)})`;
    console.log(`| ${call} | ${cell(underNode[call].ours)} | ${cell(ours)} | ${theirs.toFixed(2)} |`);
  }
}

main();
