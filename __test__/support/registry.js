// A registry for a session that has all packages, so that package managers have the same choice as after a
// release. Platform packages that are not built here contain a placeholder for the binary.

const assert = require("node:assert/strict");
const { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { platforms } = require("../../tools/platforms.js");
const { root } = require("./runtimes.js");

/** Runs a program in the session, which must succeed. Returns its output. */
async function runSuccessfully(session, command, args, options) {
  const { code, stdout, stderr } = await session.run(command, args, options);
  assert.equal(code, 0, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
  return stdout;
}

/** Starts the registry and configures the session's package managers to use it. Returns its URL. */
async function startRegistry(session) {
  const folder = join(session.directory, "registry");
  mkdirSync(folder);
  const program = join(root, "__test__", "install", "registry.js");
  const server = session.start(process.execPath, [program, folder]);
  let complaints = "";
  server.stderr.setEncoding("utf8").on("data", (text) => {
    complaints += text;
  });
  const port = await new Promise((resolve, reject) => {
    server.stdout.setEncoding("utf8").on("data", (text) => {
      const [, number] = /^port (\d+)$/m.exec(text) ?? [];
      if (number) resolve(number);
    });
    server.once("exit", () => reject(new Error(`the registry has ended: ${complaints}`)));
  });
  const url = `http://127.0.0.1:${port}`;
  configureManagers(session, url);
  await publishPackages(session, join(folder, "packages"));
  return url;
}

/** Configures the package managers: they use the registry, and accept packages that were just published. */
function configureManagers(session, url) {
  const npm = [`registry=${url}/`, `${url.slice("http:".length)}/:_authToken=anybody`, "fund=false"];
  npm.push("audit=false", "update-notifier=false");
  writeFileSync(join(session.env.HOME, ".npmrc"), `${npm.join("\n")}\n`);
  const yarn = { npmRegistryServer: url, unsafeHttpWhitelist: ["127.0.0.1"], npmMinimalAgeGate: 0 };
  Object.assign(yarn, { enableTelemetry: false, enableScripts: false });
  writeFileSync(join(session.env.HOME, ".yarnrc.yml"), JSON.stringify(yarn));
  session.env.pnpm_config_minimum_release_age = "0";
}

/** Packs all packages and publishes them. */
async function publishPackages(session, folder) {
  await runSuccessfully(session, process.execPath, [join(root, "tools", "pack.js"), "--built", folder]);
  const main = /^os-secrets-\d[^/]*\.tgz$/;
  const tarballs = readdirSync(folder);
  const others = tarballs.filter((name) => !main.test(name)).map((name) => join(folder, name));
  for (const platform of platforms) {
    if (existsSync(join(platform.folder, "os-secrets.node"))) continue;
    const standIn = join(folder, platform.name);
    cpSync(platform.folder, standIn, { recursive: true });
    writeFileSync(join(standIn, "os-secrets.node"), "not built here");
    others.push(standIn);
  }
  const send = (path) => runSuccessfully(session, "npm", ["publish", path]);
  await Promise.all(others.map(send));
  // The main package comes last, as in a release, so that its dependencies are there when it is installed.
  await send(
    join(
      folder,
      tarballs.find((name) => main.test(name)),
    ),
  );
  rmSync(folder, { recursive: true });
}

module.exports = { startRegistry, runSuccessfully };
