// The commands of docs/servers.md for Vault and OpenBao, with the program `vault`.

const assert = require("node:assert/strict");
const { symlinkSync, mkdirSync, writeFileSync } = require("node:fs");
const { delimiter, join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { place } = require("../../tools/install.js");
const { makeAuthority } = require("../support/certificates.js");
const { sectionExamples } = require("../support/documents.js");
const { ways } = require("../support/programs.js");
const { root } = require("../support/runtimes.js");
const { startSession } = require("../support/session.js");
const { collect, startTokenReview, startVault } = require("./server.js");

/** The commands of a section's blocks, without the prompts. */
const commandsOf = (heading) =>
  sectionExamples("docs/servers.md", heading, "console").map((text) => text.replaceAll(/^\$ /gm, ""));

describe("the manual's commands for servers", () => {
  const started = collect();
  let server, session;

  before(async () => {
    server = await startVault(started);
    session = await startSession();
    started.after(() => session.stop());
    const bin = join(session.directory, "bin");
    mkdirSync(bin);
    symlinkSync(ways.native("secrets")[0], join(bin, "secrets"));
    symlinkSync(join(place("vault"), "vault"), join(bin, "vault"));
    session.env.PATH = `${bin}${delimiter}${session.env.PATH}`;
  });
  after(started.end);

  /** Runs commands in a shell, with this server. Returns what they print. */
  const run = async (commands, env = {}) => {
    const script = commands.replaceAll("https://vault.example.com:8200", server.address);
    const { code, stdout, stderr } = await session.run("bash", ["--norc", "-euc", script], { env });
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };

  it("copy the store of a laptop to the server", async () => {
    await run("printf sk-example | secrets set --service my-app api_key");
    const [copy] = commandsOf("From the laptop to the cluster");
    await run(copy.replace("-method=oidc", server.token));
    const [read] = commandsOf("Vault and OpenBao");
    assert.equal((await run(read, { VAULT_ADDR: server.address })).trim(), "sk-example");
  });

  it("let a pod log in by its service account, and read its own secrets only", async () => {
    await server.api("POST", "secret/data/my-app", { data: { api_key: "sk-example" } });
    const review = await startTokenReview(started);
    const certificate = makeAuthority(session.directory).path;
    const [, setup] = commandsOf("Vault and OpenBao");
    // A pod of the cluster has these; the API is not reached by TLS here.
    const ofCluster = `${review.url} disable_local_ca_jwt=true kubernetes_ca_cert=@${certificate} token_reviewer_jwt=${review.makeToken("reviewer")}`;
    await run(setup.replace("https://kubernetes.default.svc", ofCluster), {
      VAULT_ADDR: server.address,
      VAULT_TOKEN: server.token,
    });
    const [manifest] = sectionExamples("docs/servers.md", "Vault and OpenBao", "yaml");
    assert.match(manifest, /kind: ServiceAccount\nmetadata: \{ name: my-app, namespace: prod \}/);
    assert.match(manifest, /serviceAccountName: my-app/);
    const variables = [...manifest.matchAll(/\{ name: ([A-Z_]+), value: "?([^"}]+?)"? \}/g)];
    const env = Object.fromEntries(variables.map(([, name, value]) => [name, value]));
    assert.deepEqual(Object.keys(env), [
      "OS_SECRETS_PROVIDER",
      "VAULT_ADDR",
      "OS_SECRETS_VAULT_KUBERNETES_ROLE",
    ]);
    // A pod has the file at its usual place.
    const file = join(session.directory, "token");
    writeFileSync(file, review.makeToken("pod"));
    Object.assign(env, { VAULT_ADDR: server.address, OS_SECRETS_VAULT_KUBERNETES_JWT_FILE: file });
    const [example] = sectionExamples("docs/servers.md", "From the laptop to the cluster", "js");
    const program = join(session.directory, "program.mjs");
    const more = `import { openStore } from ${JSON.stringify(join(root, "index.js"))};
      console.log(key, await openStore().has("my-app", "api_key"));
      for (const call of [() => secrets.get("other", "api_key"), () => secrets.set("my-app", "api_key", "new")])
        await call().catch((error) => console.log(error.code));`;
    writeFileSync(program, example.replace('"os-secrets"', JSON.stringify(join(root, "index.js"))) + more);
    const { stdout, stderr } = await session.run(process.execPath, [program], { env });
    const refused = "ERR_SECRETS_ACCESS_DENIED\n";
    assert.equal(stdout, `sk-example true\n${refused}${refused}`, stderr);
  });
});
