// npm run test:prebuilt: the quick start's round trip with the binary that lies in npm/, under the Node that runs
// this, Bun and Deno. On Linux in a session of its own, elsewhere in the user's own store.

const { spawnSync } = require("node:child_process");
const { existsSync, readdirSync } = require("node:fs");
const { join } = require("node:path");
const { startSession } = require("../__test__/support/session.js");
const { ownPlatform } = require("./platforms.js");
const { fail, root, run } = require("./tools.js");

/** The first of several programs that runs: in a package, or in whichever npm has chosen of a scope's. */
function find(scope, ...paths) {
  const modules = join(root, "node_modules");
  const chosen = existsSync(join(modules, scope)) ? readdirSync(join(modules, scope)) : [];
  return paths
    .flatMap((path) =>
      path.startsWith("*") ? chosen.map((name) => join(scope, path.replace("*", name))) : path,
    )
    .map((path) => join(modules, path))
    .find((path) => existsSync(path) && spawnSync(path, ["--version"]).status === 0);
}

function findRuntimes(platform) {
  const bun =
    find("@oven", "bun/bin/bun.exe", "*/bin/bun", "*/bin/bun.exe") ?? fail("There is no Bun: npm ci");
  const deno = find("@deno", "*/deno", "*/deno.exe");
  // The only platform without it.
  if (!deno && !platform.name.endsWith("-musl")) fail("There is no Deno: npm ci");
  return {
    bun,
    commands: [[process.execPath], [bun], ...(deno ? [[deno, "run", "--allow-all", "--no-lock"]] : [])],
  };
}

async function main() {
  const platform = ownPlatform();
  if (!existsSync(join(platform.folder, "os-secrets.node"))) fail(`No binary yet for ${platform.name}.`);
  const { bun, commands } = findRuntimes(platform);
  const session = process.platform === "linux" ? await startSession() : undefined;
  // A round trip that fails ends this process.
  process.once("exit", () => session?.stop());
  for (const [command, ...args] of commands) {
    run(command, [...args, join(root, "scripts", "round-trip.js"), bun], {
      env: session?.env ?? process.env,
    });
  }
  await session?.stop();
}

main();
