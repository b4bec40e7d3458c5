// The recipes of docs/servers.md for machines without a desktop, and those of docs/program.md, exactly as written there. The tests imitate the files
// and mounts of systemd and containers in a private file system. SSH is real.

const assert = require("node:assert/strict");
const { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } = require("node:fs");
const { createServer } = require("node:net");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { runIsolated } = require("./support/apart.js");
const { blocks: blocksOf, examples, read } = require("./support/documents.js");
const { linuxOnly } = require("./support/platform.js");
const { ways } = require("./support/programs.js");
const { root } = require("./support/runtimes.js");
const { scripts } = require("./support/package.js");
const { startSession } = require("./support/session.js");

/** Each recipe with its text. */
const recipes = new Map(
  read("docs/servers.md")
    .split("\n## ")
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf("\n")), text]),
);

/** Lists a recipe's code blocks in a language. */
function findBlocks(recipe, language) {
  const found = blocksOf(recipes.get(recipe)).filter((block) => block.language === language);
  return found.map(({ text }) => text);
}

/** Returns the commands of a recipe as a script. */
const readCommands = (recipe, index = 0) => findBlocks(recipe, "console")[index].replace(/^\$ /gm, "");

const [secrets] = ways.native("secrets");

/** Starts a session without a bus and with `secrets` on its path. */
async function prepareServer(t) {
  const session = await startSession({ bus: false });
  t.after(() => session.stop());
  session.env.PATH = `${join(secrets, "..")}:${session.env.PATH}`;
  session.env.XDG_CONFIG_HOME = "";
  session.env.XDG_DATA_HOME = "";
  // A server that uses the package and prints the value that it reads.
  const app = join(session.directory, "app");
  mkdirSync(join(app, "node_modules", ".bin"), { recursive: true });
  const installed = join(app, "node_modules", "os-secrets");
  mkdirSync(installed);
  for (const part of [...scripts, "package.json", "bin", "npm"]) {
    symlinkSync(join(root, part), join(installed, part));
  }
  symlinkSync(join(root, "bin", "os-secrets.js"), join(app, "node_modules", ".bin", "os-secrets"));
  const server = `require("os-secrets").secrets.get("my-server", "token").then(console.log)`;
  writeFileSync(join(app, "server.js"), server);
  return { session, app };
}

/** Runs a bash script. Returns its standard output and error. */
async function runBash(session, script, { cwd = session.env.HOME, env = {} } = {}) {
  const { code, stdout, stderr } = await session.run("bash", ["--norc", "-euc", `exec 2>&1\n${script}`], {
    cwd,
    env,
  });
  assert.equal(code, 0, stdout + stderr);
  return stdout;
}

/** Does the same as `runBash`, but with empty private folders in place of these. */
async function runWithEmptyFolders(session, folders, script) {
  const mounts = folders
    .map((folder) => `mkdir -p ${folder}; mount -t tmpfs -o mode=755 tmpfs ${folder}`)
    .join("\n");
  const whole = `exec 2>&1\n${mounts}\n${script}`;
  const { code, stdout, stderr } = await runIsolated(session, whole, [], { cwd: session.env.HOME });
  assert.equal(code, 0, stdout + stderr);
  return stdout;
}

it("the recipes are those that are tested here", () => {
  // Those for servers are in __test__/production.
  const own = [...recipes.keys()].filter((name) => !/cluster|Vault/.test(name));
  assert.deepEqual(own, ["systemd", "Docker", "GitHub Actions", "SSH", "WSL"]);
});

describe("the recipe for", linuxOnly("recipes for Linux"), () => {
  for (const [index, kind] of ["plain", "encrypted"].entries()) {
    it(`systemd, with ${kind} identity on the disk`, async (t) => {
      const { session, app } = await prepareServer(t);
      const [plain, encrypted] = findBlocks("systemd", "ini");
      const unit = kind === "plain" ? plain : plain.replace(/^LoadCredential=.*\n/m, encrypted);
      const readSetting = (name) => new RegExp(`^${name}=(.*)$`, "m").exec(unit)[1];
      // systemd itself checks the unit. The program that it names must exist.
      const file = join(session.directory, "my-server.service");
      writeFileSync(
        file,
        unit.replace("/usr/bin/node /opt", `${process.execPath} /opt`).replace(/^User=.*$/m, "User=root"),
      );
      const verified = await session.run("systemd-analyze", ["verify", "--man=no", file]);
      assert.deepEqual(verified, { code: 0, signal: null, stdout: "", stderr: "" });
      // As under systemd, the server runs as the service's user, with the unit's environment and the identity
      // in a file. If the test does not run as root, it cannot become another user and uses its own.
      const isRoot = process.getuid() === 0;
      const as = isRoot ? `runuser -u ${readSetting("User")} -- ` : "";
      // systemd-creds uses a key in a temporary file system only if it is told which key to use.
      const commands = readCommands("systemd", index).replace(
        "-creds encrypt",
        "-creds encrypt --with-key=host",
      );
      const recipe = isRoot ? commands : commands.replace(/runuser .*? -- | -o my-server/g, "");
      const change = recipe.slice(recipe.indexOf("printf")).replace("ghp_example", "ghp_second");
      const setting = kind === "plain" ? "LoadCredential" : "LoadCredentialEncrypted";
      const [name, source] = readSetting(setting).split(":");
      const [program] = readSetting("ExecStart").split(" ").slice(1);
      const credentials = "/run/credentials/my-server.service";
      const load =
        kind === "plain"
          ? `install -m 444 ${source} ${credentials}/${name}`
          : `systemd-creds decrypt --name=${name} ${source} ${credentials}/${name}
             chmod 444 ${credentials}/${name}
             [ ! -e /run/my-server.identity ]`;
      const accounts = join(session.directory, "etc");
      const script = `
      cp ${secrets} ${process.execPath} /opt
      cp -rL ${app} /opt/my-server
      export PATH="/opt:$PATH"
      ${recipe}
      ${change}
      [ -z "\${OS_SECRETS_IDENTITY-}" ]
      [ $(stat -c %a /var/lib/my-server) = ${readSetting("StateDirectoryMode").slice(1)} ]
      mkdir -p ${credentials}
      ${load}
      ${as}env -i CREDENTIALS_DIRECTORY=${credentials} ${readSetting("Environment")} /opt/node ${program}`;
      // Programs find users in /etc, so the test has a private /etc too.
      const known = `mkdir ${accounts}; cd /etc; cp -a passwd group shadow pam.d login.defs security ${accounts} || :
      echo "my-server:x:64321:64321::/nonexistent:/usr/sbin/nologin" >>${accounts}/passwd
      echo "my-server:x:64321:" >>${accounts}/group
      echo 0123456789abcdef0123456789abcdef >${accounts}/machine-id
      mount --bind ${accounts} /etc; cd ${session.env.HOME}`;
      const printed = await runWithEmptyFolders(session, ["/var/lib", "/run", "/opt"], `${known}\n${script}`);
      assert.match(printed, /^age1\w+\n/m);
      assert.equal(printed.trim().split("\n").at(-1), "ghp_second");
    });
  }

  it("Docker", async (t) => {
    const { session, app } = await prepareServer(t);
    const [image] = findBlocks("Docker", "dockerfile");
    const [compose] = findBlocks("Docker", "yaml");
    const environment = /^ENV (.*)$/m.exec(image)[1];
    const [, , secret] = /^secrets:\n {2}(\S+):\n {4}file: (\S+)$/m.exec(compose).map((each) => each);
    const name = /^secrets:\n {2}(\S+):/m.exec(compose)[1];
    assert.ok(compose.includes(`secrets: ["${name}"]`) && compose.includes('["data:/data"]'));
    const store = /\| docker compose run .*? my-server (npx .*)$/m.exec(readCommands("Docker"))[1];
    const value = /^(.*?) \|/.exec(readCommands("Docker"))[1];
    const script = `
      cd ${session.directory}; secrets init identity
      mkdir /run/secrets; touch /run/secrets/${name}; mount --bind ${secret} /run/secrets/${name}
      ${/mkdir .*$/m.exec(image)[0]}
      cd ${app}
      ${value} | env -i PATH="$PATH" HOME="$HOME" npm_config_offline=true ${environment} ${store}
      env -i ${environment} ${process.execPath} ${app}/server.js`;
    // The image has /data in its root folder. Here the root folder is the machine's, so it is /srv/data.
    const moved = script.replaceAll("/data", "/srv/data");
    const printed = await runWithEmptyFolders(session, ["/run", "/srv"], moved);
    assert.equal(printed.trim().split("\n").at(-1), "ghp_example");
  });

  it("GitHub Actions", async (t) => {
    const { session, app } = await prepareServer(t);
    const [workflow] = findBlocks("GitHub Actions", "yaml");
    const [job, ...steps] = workflow.split(/^ {6}- /m);
    assert.doesNotMatch(job, /env:/);
    const commands = steps
      .filter((step) => step.startsWith("run: "))
      .map((step) => ({
        script: /^run: (.*)$/m.exec(step)[1],
        env: Object.fromEntries(
          [...step.matchAll(/^ {10}([A-Z_]+): (.*)$/gm)].map(([, name, value]) => [name, value]),
        ),
      }));
    // A dependency whose install script shows what it can see.
    const dependency = join(app, "dependency");
    mkdirSync(dependency);
    const install = `node -p "Object.keys(process.env).filter((name) => /SECRETS|TOKEN/.test(name)).join()" >seen`;
    const describeIn = (folder, manifest) =>
      writeFileSync(join(folder, "package.json"), JSON.stringify({ version: "1.0.0", ...manifest }));
    describeIn(dependency, { name: "dependency", scripts: { install } });
    describeIn(app, { name: "app", dependencies: { dependency: "file:./dependency" } });
    const git = `git init -q; git config user.name x; git config user.email x@example.com`;
    const lock = "npm install --package-lock-only --offline --silent; git add package*.json dependency";
    await runBash(
      session,
      `secrets init; ${git}; ${lock}; ${readCommands("GitHub Actions")} git commit -qm store`,
      { cwd: app },
    );
    // The runner has a clone, with git's file modes, and the identity as text.
    writeFileSync(
      join(app, "deploy.js"),
      `console.log("deploying with", process.env.DEPLOY_TOKEN.length, process.env.DEPLOY_TOKEN)`,
    );
    // That of the reader stays with the reader.
    const identity = readFileSync(join(session.env.HOME, "ci.identity"), "utf8");
    const clone = join(session.directory, "clone");
    await runBash(
      session,
      `umask 022; git clone -q . ${clone}; cp deploy.js ${clone}; rm -r "$HOME/.config" "$HOME/ci.identity"`,
      {
        cwd: app,
      },
    );
    let printed;
    for (const { script, env } of commands) {
      if (env.OS_SECRETS_IDENTITY) env.OS_SECRETS_IDENTITY = identity;
      printed = await runBash(session, script, { cwd: clone, env });
      if (script !== "npm ci") continue;
      // npm would have installed the package from the registry.
      assert.equal(readFileSync(join(clone, "dependency", "seen"), "utf8"), "\n");
      await runBash(session, `cp -r node_modules/. ${clone}/node_modules`, { cwd: app });
    }
    assert.match(printed, /^deploying with 11 \*\*\*$/m);
  });

  it("SSH", async (t) => {
    const { session } = await prepareServer(t);
    const port = await new Promise((resolve) => {
      const server = createServer().listen(0, "127.0.0.1", () => {
        const { port: free } = server.address();
        server.close(() => resolve(free));
      });
    });
    const at = (name) => join(session.directory, name);
    await runBash(
      session,
      `ssh-keygen -q -t ed25519 -N '' -f ${at("host")}; ssh-keygen -q -t ed25519 -N '' -f ${at("user")}`,
    );
    const { HOME, PATH } = session.env;
    chmodSync(HOME, 0o700);
    writeFileSync(
      at("sshd_config"),
      `ListenAddress 127.0.0.1\nPort ${port}\nHostKey ${at("host")}\nAuthorizedKeysFile ${at("user.pub")}\nStrictModes no\n` +
        `UsePAM no\nPidFile none\nPermitRootLogin yes\nSetEnv HOME=${HOME} PATH=${PATH}\n`,
    );
    const [sshd] = (await runBash(session, "command -v sshd || echo /usr/sbin/sshd")).split("\n");
    // sshd needs this folder if root runs it.
    await runBash(session, '[ -d /run/sshd ] || [ "$(id -u)" != 0 ] || mkdir -m 755 /run/sshd');
    const server = session.start(sshd, ["-D", "-e", "-f", at("sshd_config")]);
    await new Promise((resolve, reject) => {
      let said = "";
      server.stderr.on("data", (text) => {
        said += text;
        if (said.includes("Server listening")) resolve();
      });
      server.once("exit", () => reject(new Error(said)));
    });
    const runOverSsh = (script) =>
      runBash(
        session,
        `ssh -q -F none -i ${at("user")} -p ${port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null 127.0.0.1 'bash -l -eu' <<'REMOTE'\n[ "$HOME" = ${HOME} ]\nexport PATH="${PATH}"\n${script}\nREMOTE`,
      );
    // ssh mixes standard output and error in any order.
    assert.match(await runOverSsh(readCommands("SSH")), /^ghp_example$/m);
    // Another login finds the secret, because the profile has the settings.
    assert.match(await runOverSsh("secrets get github_token 2>/dev/null"), /^ghp_example$/m);
  });

  it("WSL", async (t) => {
    const { session } = await prepareServer(t);
    const env = { WSL_DISTRO_NAME: "Debian" };
    const bare = await session.run("secrets", ["doctor"], { env });
    assert.equal(bare.code, 1);
    assert.match(bare.stdout, /This is WSL.*use an encrypted file \(OS_SECRETS_PROVIDER=file\)/);
    const printed = await runBash(session, readCommands("WSL"), { env });
    assert.match(printed, /^works {7}yes\nstore {7}encrypted file$/m);
  });
});

describe("the recipes of the program", linuxOnly("recipes for Linux"), () => {
  /** Starts a session with these secrets and a project, and with `secrets` on its path. */
  async function prepareProject(t, names) {
    const session = await startSession();
    t.after(() => session.stop());
    session.env.PATH = `${join(secrets, "..")}:${session.env.PATH}`;
    const project = join(session.home, "project");
    mkdirSync(project);
    for (const name of names) {
      const { code, stderr } = await session.run(secrets, ["set", name], { input: `value of ${name}` });
      assert.equal(code, 0, stderr);
    }
    return { session, project };
  }

  it("project file", async (t) => {
    const { session, project } = await prepareProject(t, ["openai_api_key", "tls_key"]);
    writeFileSync(join(project, ".secrets.toml"), examples("docs/program.md", "toml")[0]);
    const show = 'echo "$OPENAI_API_KEY, $PORT, $DATABASE_URL, $SENTRY_DSN, $(cat "$TLS_KEY")"';
    assert.match(
      await runBash(session, `secrets run -- sh -c '${show}'`, { cwd: project }),
      /^value of openai_api_key, 8080, postgres:\/\/localhost\/dev, , value of tls_key$/m,
    );
    const checked = await session.run(secrets, ["check", "--profile", "production"], { cwd: project });
    assert.equal(checked.code, 1);
    assert.match(checked.stderr, /the secret production_database_url is missing/);
  });

  it("project file of README", async (t) => {
    const { session, project } = await prepareProject(t, ["openai_api_key"]);
    writeFileSync(join(project, ".secrets.toml"), examples("README.md", "toml")[0]);
    assert.match(
      await runBash(session, `secrets run -- sh -c 'echo "$OPENAI_API_KEY, $PORT"'`, { cwd: project }),
      /^value of openai_api_key, 8080$/m,
    );
  });

  it("direnv", async (t) => {
    const { session, project } = await prepareProject(t, ["openai_api_key"]);
    writeFileSync(join(project, ".secrets.toml"), '[env]\nOPENAI_API_KEY = "secret:openai_api_key"\n');
    writeFileSync(join(project, ".envrc"), examples("docs/program.md", "bash")[0]);
    const env = { SHELL: "/usr/bin/fish" };
    const script = "direnv allow; direnv exec . sh -c 'echo \"got $OPENAI_API_KEY\"'";
    assert.match(await runBash(session, script, { cwd: project, env }), /^got value of openai_api_key$/m);
  });

  it("MCP servers", async (t) => {
    const { session, project } = await prepareProject(t, ["openai_api_key"]);
    const bin = join(session.directory, "bin");
    mkdirSync(bin);
    // In place of the npx that starts a server: it answers one line of its input.
    const server = '#!/bin/sh\nread -r line\necho "$* $API_KEY $line"\n';
    writeFileSync(join(bin, "npx"), server, { mode: 0o700 });
    const { mcpServers } = JSON.parse(examples("docs/program.md", "json")[0]);
    const { command, args, env } = mcpServers["my-server"];
    const answer = await session.run(command, args, {
      cwd: project,
      env: { ...env, PATH: `${bin}:${session.env.PATH}` },
      input: "ping\n",
    });
    const stdout = "-y my-server value of openai_api_key ping\n";
    assert.deepEqual(answer, { code: 0, signal: null, stdout, stderr: "" });
  });
});
