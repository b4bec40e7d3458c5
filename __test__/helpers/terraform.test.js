// Terraform asks os-secrets: the package of Go that is its client for credentials helpers, and Terraform itself, which no
// registry of packages has, if it is installed. Then the server is a registry of modules that checks the token.

const assert = require("node:assert/strict");
const { once } = require("node:events");
const {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} = require("node:fs");
const { createServer } = require("node:https");
const { tmpdir } = require("node:os");
const { dirname, join } = require("node:path");
const { after, before, it } = require("node:test");
const { place } = require("../../tools/install.js");
const { isInstalled } = require("../../tools/process.js");
const { makeAuthority } = require("../support/certificates.js");
const { describeClient } = require("../support/clients.js");
const { sectionExamples } = require("../support/documents.js");

const credentials = place("go-clients", "terraform-credentials");
const needsTerraform = { skip: isInstalled("terraform") ? false : "Terraform is not installed" };
const PROGRAM = "terraform-credentials-os-secrets";
const BLOCK = 'credentials_helper "os-secrets" {}\n';

let folder;
let server;
let authority;
/** The host of the server. */
let host;
/** The tokens that the server was given. */
const given = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "os-secrets-terraform-"));
  authority = makeAuthority(folder);
  const { certificate, key } = authority.issue("server", "subjectAltName = IP:127.0.0.1");
  const module = join(folder, "module");
  mkdirSync(module);
  writeFileSync(join(module, "main.tf"), 'output "x" {\n  value = "from the registry"\n}\n');
  const answers = {
    "/.well-known/terraform.json": { "modules.v1": "/v1/" },
    "/v1/a/b/c/versions": { modules: [{ versions: [{ version: "1.0.0" }] }] },
  };
  server = createServer({ cert: certificate, key }, ({ url, headers }, response) => {
    const isPublic = url === "/.well-known/terraform.json";
    if (!isPublic) given.push(headers.authorization);
    const isKnown = isPublic || headers.authorization === "Bearer token-of-terraform";
    response.setHeader("Content-Type", "application/json");
    if (!isKnown) response.writeHead(401).end("{}");
    else if (answers[url]) response.end(JSON.stringify(answers[url]));
    else response.writeHead(204, { "X-Terraform-Get": `file://${module}` }).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  host = `127.0.0.1:${server.address().port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

describeClient("Terraform", (start) => {
  async function begin(t) {
    const client = await start(t);
    const { home } = client.session;
    const at = (...name) => join(home, ...name);
    Object.assign(client.session.env, { SSL_CERT_FILE: authority.path, CHECKPOINT_DISABLE: "1" });
    return {
      ...client,
      at,
      plugin: at(".terraform.d", "plugins", PROGRAM),
      stored: (service) => client.read(service, "token"),
      read: (name) => readFileSync(at(name), "utf8"),
      write(name, text) {
        mkdirSync(dirname(at(name)), { recursive: true });
        writeFileSync(at(name), text);
      },
      /** Runs Terraform's client with our program. */
      ask: (verb, name, input) => client.run(credentials, [join(client.bin, PROGRAM), verb, name], { input }),
      /** Runs terraform init in a project with a module of the server. */
      async init() {
        const project = join(client.session.directory, "project");
        rmSync(project, { recursive: true, force: true });
        mkdirSync(project);
        const module = `module "m" {\n  source = "${host}/a/b/c"\n  version = "1.0.0"\n}\n`;
        writeFileSync(join(project, "main.tf"), module);
        return client.run("terraform", ["init", "-no-color"], { cwd: project });
      },
    };
  }

  it("stores, gives and forgets the token of each host", async (t) => {
    const client = await begin(t);
    const succeed = async (...args) => {
      const { code, stdout, stderr } = await client.ask(...args);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    assert.equal(await succeed("get", "example.com"), "null\n");
    await succeed("store", "example.com", "token-1");
    await succeed("store", "example.com:8443", "token-2");
    await succeed("store", "example.com", "token-3");
    assert.equal(await succeed("get", "Example.com"), '"token-3"\n');
    assert.equal(await succeed("get", "example.com:8443"), '"token-2"\n');
    assert.equal(await client.stored("terraform:example.com"), "token-3");
    await succeed("forget", "example.com");
    await succeed("forget", "example.com");
    assert.equal(await succeed("get", "example.com"), "null\n");
    assert.equal(await succeed("get", "example.com:8443"), '"token-2"\n');
    await client.store("terraform:xn--bcher-kva.example", "token", "token-4");
    assert.equal(await succeed("get", "bücher.example"), '"token-4"\n');
  });

  it("speaks the protocol of the documentation", async (t) => {
    const client = await begin(t);
    const run = (args, input) => client.run(PROGRAM, args, { input });
    assert.deepEqual(await run(["get", "h"]), { code: 0, signal: null, stdout: "{}\n", stderr: "" });
    const stored = await run(["store", "h"], '{"token": "t"}');
    assert.deepEqual(stored, { code: 0, signal: null, stdout: "", stderr: "" });
    assert.equal((await run(["get", "h"])).stdout, '{"token":"t"}\n');
    // args of the block in the configuration come first.
    await client.run("secrets", ["init"]);
    assert.equal((await run(["--store=file", "get", "other"])).stdout, "{}\n");
    for (const [args, input] of [
      [["store", "h"], '{"token": "hunter2", "user": "x"}'],
      [["store", "h"], '{"token": "hunter2\\nx"}'],
      [["store", "h"], "hunter2"],
      [["store", "h"], '{"token": ["hunter2"]}'],
      [["store", "h"], ""],
      [["store", "h"], `{"token": "${"x".repeat(20_000_000)}"}`],
      [["delete", "h"]],
      [["get"]],
      [["get", ""]],
      [[]],
    ]) {
      const { code, stdout, stderr } = await run(args, input);
      assert.notEqual(code, 0);
      assert.equal(stdout, "");
      assert.match(stderr, /^secrets: /);
      assert.doesNotMatch(stderr, /hunter2/);
    }
    assert.equal((await run(["get", "h"])).stdout, '{"token":"t"}\n');
    await client.store("terraform:h", "token", "hunter2\r\nX-Other: 1");
    const { code, stdout, stderr } = await run(["get", "h"]);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /the stored token of h has a space/);
  });

  it("fails if the store is locked, and if it is gone", async (t) => {
    const client = await begin(t);
    await client.store("terraform:example.com", "token", "t");
    const tell = async () => {
      for (const verb of ["get", "store", "forget"]) {
        const { code, stderr } = await client.ask(verb, "example.com", "new");
        assert.equal(code, 1, verb);
        assert.match(stderr, /error in .*terraform-credentials-os-secrets|secrets: /);
      }
    };
    await client.lock();
    await tell();
    await client.end();
    await tell();
  });

  it("lets Terraform read a registry, and forget its token", needsTerraform, async (t) => {
    const client = await begin(t);
    await client.succeed("secrets", ["setup", "terraform"]);
    given.length = 0;
    assert.notEqual((await client.init()).code, 0);
    assert.deepEqual([...new Set(given)], [undefined]);
    given.length = 0;
    await client.store(`terraform:${host}`, "token", "token-of-terraform");
    const { code, stdout, stderr } = await client.init();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /successfully initialized/);
    assert.deepEqual([...new Set(given)], ["Bearer token-of-terraform"]);
    await client.succeed("terraform", ["logout", host]);
    assert.equal(await client.stored(`terraform:${host}`), null);
    await client.store(`terraform:${host}`, "token", "token-of-terraform");
    await client.lock();
    const locked = await client.init();
    assert.notEqual(locked.code, 0);
  });

  it("takes its changes back byte for byte, and removes what it has made", async (t) => {
    const client = await begin(t);
    const text = 'plugin_cache_dir = "x" # credentials_helper "a" {}\r\nhost "h" {\r\n}';
    client.write(".tofurc", text);
    const dry = await client.succeed("secrets", ["setup", "terraform", "--dry-run"]);
    assert.match(dry, /\+ credentials_helper "os-secrets" \{\}/);
    assert.ok(!existsSync(client.plugin) && !existsSync(client.at(".terraformrc")));
    await client.succeed("secrets", ["setup", "terraform"]);
    assert.equal(client.read(".terraformrc"), BLOCK);
    assert.equal(client.read(".tofurc"), `${text}\r\n${BLOCK.trim()}\r\n`);
    assert.equal(statSync(client.plugin).mode & 0o777, 0o700);
    assert.equal(lstatSync(client.plugin).isFile(), true);
    await client.store("terraform:example.com", "token", "t");
    const { stdout } = await client.run(credentials, [client.plugin, "get", "example.com"]);
    assert.equal(stdout, '"t"\n');
    assert.equal(
      await client.succeed("secrets", ["setup", "terraform"]),
      "terraform asks os-secrets already\n",
    );
    client.write(".tofurc", `# first\r\n${client.read(".tofurc")}`);
    await client.succeed("secrets", ["setup", "terraform", "--undo"]);
    assert.equal(client.read(".tofurc"), `# first\r\n${text}`);
    assert.equal(existsSync(client.at(".terraformrc")), false);
    assert.equal(existsSync(client.plugin), false);
  });

  it("takes a block back that others have changed", async (t) => {
    const client = await begin(t);
    client.write(".terraformrc", "disable_checkpoint = true\n");
    await client.succeed("secrets", ["setup", "terraform"]);
    const changed = client.read(".terraformrc").replace("{}", '{\n  args = ["--store=file"]\n}');
    client.write(".terraformrc", changed);
    await client.succeed("secrets", ["setup", "terraform", "--undo"]);
    assert.equal(client.read(".terraformrc"), "disable_checkpoint = true\n");
  });

  it("refuses a second helper and JSON, and leaves a program of the same name", async (t) => {
    const client = await begin(t);
    for (const [text, reason] of [
      ['credentials_helper "other" {}\n', /names the credentials helper other already/],
      ['{"credentials_helper": {"other": {}}}', /is JSON/],
    ]) {
      client.write(".terraformrc", text);
      const { code, stderr } = await client.run("secrets", ["setup", "terraform"]);
      assert.equal(code, 1);
      assert.match(stderr, reason);
      assert.equal(client.read(".terraformrc"), text);
      assert.equal(existsSync(client.plugin), false);
    }
    client.write(".terraformrc", "");
    client.write(join(".terraform.d", "plugins", PROGRAM), "#!/bin/bash\nmine\n");
    await client.succeed("secrets", ["setup", "terraform"]);
    await client.succeed("secrets", ["setup", "terraform", "--undo"]);
    assert.equal(readFileSync(client.plugin, "utf8"), "#!/bin/bash\nmine\n");
  });

  it("changes the configuration that OpenTofu reads", async (t) => {
    const client = await begin(t);
    const folder = join(client.session.configuration, "opentofu");
    mkdirSync(folder);
    writeFileSync(join(folder, "tofurc"), "");
    await client.succeed("secrets", ["setup", "terraform"]);
    assert.equal(readFileSync(join(folder, "tofurc"), "utf8"), BLOCK);
    assert.equal(existsSync(client.at(".terraformrc")), false);
    // OpenTofu looks there as long as there is no ~/.terraform.d.
    assert.ok(existsSync(join(client.session.data, "opentofu", "plugins", PROGRAM)));
    assert.equal(existsSync(client.at(".terraform.d")), false);
    await client.succeed("secrets", ["setup", "terraform", "--undo"]);
    const TF_CLI_CONFIG_FILE = client.at("own.tfrc");
    await client.run("secrets", ["setup", "terraform"], { env: { TF_CLI_CONFIG_FILE } });
    assert.equal(client.read("own.tfrc"), BLOCK);
  });

  it("works as the manual says", async (t) => {
    const client = await begin(t);
    const [commands] = sectionExamples("docs/helpers.md", "Terraform and OpenTofu", "bash");
    await client.succeed("bash", ["-euc", commands]);
    const [block] = sectionExamples("docs/helpers.md", "Terraform and OpenTofu", "hcl");
    assert.equal(client.read(".terraformrc"), block);
    const { stdout } = await client.run(credentials, [client.plugin, "get", "app.terraform.io"]);
    assert.match(stdout, /^"[\w.]+"\n$/);
  });
});
