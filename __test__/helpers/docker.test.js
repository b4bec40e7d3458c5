// Real clients of docker-credential-os-secrets, against a registry that demands a password.

const assert = require("node:assert/strict");
const { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { it } = require("node:test");
const { place } = require("../../tools/install.js");
const { describeClient } = require("../support/clients.js");
const { blocks, read } = require("../support/documents.js");
const { makeImage, startRegistry, users } = require("../support/registry-server.js");

const docker = place("docker-cli", "usr", "bin", "docker");
const helm = place("oci-clients", "helm");
const oras = place("oci-clients", "oras");

/** The commands of each client that has `login` and `logout`, before and after the command's name. */
const clients = {
  skopeo: { command: "skopeo", login: ["login", "--tls-verify=false"], logout: ["logout"] },
  podman: { command: "podman", login: ["login", "--tls-verify=false"], logout: ["logout"] },
  buildah: { command: "buildah", login: ["login", "--tls-verify=false"], logout: ["logout"] },
  // It asks the registry itself if there is no daemon.
  docker: { command: docker, login: ["login"], logout: ["logout"] },
  oras: { command: oras, login: ["login", "--plain-http"], logout: ["logout"] },
  helm: { command: helm, login: ["registry", "login", "--plain-http"], logout: ["registry", "logout"] },
};

/** Sets up a client's session, with a registry. Returns it with functions for each client. */
async function prepare(start, t) {
  const client = await start(t);
  const { session } = client;
  const registry = await startRegistry(session);
  // Helm has a configuration of its own, and the setup changes it if Helm is installed.
  symlinkSync(helm, join(client.bin, "helm"));
  await client.succeed("secrets", ["setup", "docker"]);
  const login = (name, user, password = users[user]) =>
    client.run(clients[name].command, [...clients[name].login, "-u", user, "--password-stdin", registry], {
      input: password,
    });
  const logout = (name) => client.run(clients[name].command, [...clients[name].logout, registry]);
  const stored = async () => {
    const { code, stdout } = await client.run("docker-credential-os-secrets", ["list"]);
    assert.equal(code, 0, stdout);
    return JSON.parse(stdout);
  };
  return { client, session, registry, login, logout, stored };
}

/** Asserts that no file of a client has a password, in any spelling. */
function assertNoPlainText(session) {
  const paths = [
    join(session.home, ".docker", "config.json"),
    join(session.home, ".config", "containers", "auth.json"),
    join(session.configuration, "containers", "auth.json"),
    join(session.env.XDG_RUNTIME_DIR, "containers", "auth.json"),
    join(session.configuration, "helm", "registry", "config.json"),
  ];
  for (const path of paths.filter((path) => existsSync(path)))
    assert.doesNotMatch(readFileSync(path, "utf8"), /"(auth|password|identitytoken)"/, path);
}

describeClient("the clients of Docker's protocol", (start) => {
  for (const name of Object.keys(clients)) {
    it(`${name} stores its login, replaces it and erases it`, async (t) => {
      const { client, session, registry, login, logout, stored } = await prepare(start, t);
      const wrong = await login(name, "alice", "wrong");
      assert.notEqual(wrong.code, 0);
      assert.deepEqual(await stored(), {});

      const right = await login(name, "alice");
      assert.equal(right.code, 0, right.stderr);
      assert.deepEqual(await stored(), { [registry]: "alice" });
      assert.equal(await client.read(`docker:${registry}`, "alice"), users.alice);

      // Another password that is wrong does not take the right one away.
      assert.notEqual((await login(name, "alice", "wrong")).code, 0);
      assert.equal(await client.read(`docker:${registry}`, "alice"), users.alice);

      assert.equal((await login(name, "bob")).code, 0);
      assert.deepEqual(await stored(), { [registry]: "bob" });
      assert.equal(await client.read(`docker:${registry}`, "alice"), null);
      assertNoPlainText(session);

      assert.equal((await logout(name)).code, 0);
      assert.deepEqual(await stored(), {});
    });

    it(`${name} fails to log in, and stores nothing in plain text, if the store fails`, async (t) => {
      const { client, session, login, logout } = await prepare(start, t);
      assert.equal((await login(name, "alice")).code, 0);
      await client.lock();
      const { code, stderr } = await login(name, "bob");
      assert.notEqual(code, 0);
      assert.match(stderr, /credential|the store/i);
      assertNoPlainText(session);
      // Docker asks us four times to erase it, and does not say that all of them failed.
      if (name !== "docker") assert.notEqual((await logout(name)).code, 0);
      await client.end();
      assert.notEqual((await login(name, "bob")).code, 0);
      assertNoPlainText(session);
    });
  }

  it("skopeo pushes, reads and pulls images, also several at once", async (t) => {
    const { client, session, registry, login, logout } = await prepare(start, t);
    const image = makeImage(join(session.directory, "image"));
    const copy = (from, to) =>
      client.run("skopeo", ["copy", "--src-tls-verify=false", "--dest-tls-verify=false", from, to]);
    const remote = (name) => `docker://${registry}/${name}`;
    const refused = await copy(image, remote("one:tag"));
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /unauthorized|authentication required/);

    assert.equal((await login("skopeo", "alice")).code, 0);
    const pushed = await copy(image, remote("one:tag"));
    assert.equal(pushed.code, 0, pushed.stderr);
    const told = await client.succeed("skopeo", ["inspect", "--tls-verify=false", remote("one:tag")]);
    assert.equal(JSON.parse(told).Name, `${registry}/one`);
    const pulls = Array.from({ length: 6 }, (_, index) =>
      copy(remote("one:tag"), `oci:${join(session.directory, `pulled${index}`)}:tiny`),
    );
    for (const { code, stderr } of await Promise.all(pulls)) assert.equal(code, 0, stderr);

    await logout("skopeo");
    assert.notEqual((await copy(remote("one:tag"), `dir:${join(session.directory, "no")}`)).code, 0);
  });

  it("the login of one client serves the others", async (t) => {
    const { client, session, registry, login, logout, stored } = await prepare(start, t);
    const image = makeImage(join(session.directory, "image"));
    assert.equal((await login("docker", "alice")).code, 0);
    await client.succeed("skopeo", ["copy", "--dest-tls-verify=false", image, `docker://${registry}/a:b`]);
    const user = await client.succeed("podman", ["login", "--get-login", registry]);
    assert.equal(user, "alice\n");
    assert.equal((await logout("podman")).code, 0);
    assert.deepEqual(await stored(), {});
  });

  it("podman pulls an image", async (t) => {
    const { client, session, registry, login } = await prepare(start, t);
    assert.equal((await login("podman", "alice")).code, 0);
    const image = makeImage(join(session.directory, "image"));
    await client.succeed("skopeo", ["copy", "--dest-tls-verify=false", image, `docker://${registry}/a:b`]);
    const folders = ["--root", "--runroot"].flatMap((flag) => [flag, join(session.directory, flag.slice(2))]);
    const words = [...folders, "--storage-driver=vfs", "pull", "--quiet", "--tls-verify=false"];
    await client.succeed("podman", [...words, `${registry}/a:b`]);
  });

  it("oras pushes and pulls files", async (t) => {
    const { client, session, registry, login, logout } = await prepare(start, t);
    const folder = join(session.directory, "files");
    mkdirSync(folder);
    writeFileSync(join(folder, "file.txt"), "pushed\n");
    const at = `${registry}/files:one`;
    const push = () => client.run(oras, ["push", "--plain-http", at, "file.txt"], { cwd: folder });
    const pull = (output) => client.run(oras, ["pull", "--plain-http", "--output", output, at]);
    const refused = await push();
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /\b401\b|unauthorized|basic credential not found/i);

    assert.equal((await login("oras", "alice")).code, 0);
    const pushed = await push();
    assert.equal(pushed.code, 0, pushed.stderr);
    const output = join(session.directory, "pulled");
    const pulled = await pull(output);
    assert.equal(pulled.code, 0, pulled.stderr);
    assert.equal(readFileSync(join(output, "file.txt"), "utf8"), "pushed\n");

    // It does not go on without a login if the store fails.
    await client.lock();
    const locked = await pull(join(session.directory, "locked"));
    assert.notEqual(locked.code, 0);
    assert.doesNotMatch(locked.stderr, /basic credential not found|\b401\b/i);
    await client.end();
    assert.notEqual((await logout("oras")).code, 0);
  });

  it("helm pushes and pulls charts", async (t) => {
    const { client, session, registry, login, stored } = await prepare(start, t);
    await client.succeed("helm", ["create", "demo"]);
    await client.succeed("helm", ["package", "demo"]);
    const push = () =>
      client.run("helm", ["push", "--plain-http", "demo-0.1.0.tgz", `oci://${registry}/charts`]);
    const pull = (folder) => {
      mkdirSync(join(session.directory, folder));
      const chart = `oci://${registry}/charts/demo`;
      return client.run("helm", ["pull", "--plain-http", "--version=0.1.0", chart], {
        cwd: join(session.directory, folder),
      });
    };
    const refused = await push();
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /\b401\b|unauthorized|basic credential not found/i);

    assert.equal((await login("helm", "bob")).code, 0);
    const pushed = await push();
    assert.equal(pushed.code, 0, pushed.stderr);
    // The login of another client serves Helm, too, and Helm's logout ends it.
    assert.equal((await login("docker", "alice")).code, 0);
    const pulled = await pull("pulled");
    assert.equal(pulled.code, 0, pulled.stderr);
    const chart = readFileSync(join(session.directory, "pulled", "demo-0.1.0.tgz"));
    assert.deepEqual(chart, readFileSync(join(session.home, "demo-0.1.0.tgz")));
    await client.succeed("helm", ["registry", "logout", registry]);
    assert.deepEqual(await stored(), {});
    assert.notEqual((await pull("refused")).code, 0);

    assert.equal((await login("helm", "bob")).code, 0);
    await client.lock();
    const locked = await pull("locked");
    assert.notEqual(locked.code, 0);
    assert.doesNotMatch(locked.stderr, /basic credential not found|\b401\b/i);
  });

  it("skopeo fails while the store is locked, instead of going on without a login", async (t) => {
    const { client, session, registry, login } = await prepare(start, t);
    assert.equal((await login("skopeo", "alice")).code, 0);
    await client.lock();
    const from = `docker://${registry}/a:b`;
    const { code, stderr } = await client.run("skopeo", ["inspect", "--tls-verify=false", from]);
    assert.notEqual(code, 0);
    assert.match(stderr, /error getting credentials/);
    assert.doesNotMatch(stderr, /credentials not found/);
    assertNoPlainText(session);
  });

  it("the examples of the manual work", async (t) => {
    const client = await start(t);
    const { session } = client;
    const registry = await startRegistry(session);
    const [, section] = read("docs/helpers.md").split("\n## Docker, Podman and others\n");
    const found = blocks(section.split("\n## ")[0]);
    const blocksIn = (language) =>
      found.filter((block) => block.language === language).map(({ text }) => text);
    const at = (...parts) => join(session.home, ...parts);
    mkdirSync(at(".docker"));
    mkdirSync(at(".config", "containers"), { recursive: true });
    // The registry of the example, which this one stands for, has a certificate.
    const insecure = `[[registry]]\nlocation = "${registry}"\ninsecure = true\n`;
    writeFileSync(at(".config", "containers", "registries.conf"), insecure);
    const auth = Buffer.from(`bob:${users.bob}`).toString("base64");
    writeFileSync(at(".docker", "config.json"), JSON.stringify({ auths: { "other.example": { auth } } }));
    writeFileSync(at("password.txt"), users.alice);
    symlinkSync(docker, join(client.bin, "docker"));
    const image = makeImage(join(session.directory, "image"));
    const push = `skopeo copy --dest-creds alice:"$(cat password.txt)" ${image} docker://${registry}/image`;
    const run = async (script) => {
      const command = script.replaceAll("registry.example.com", registry);
      const { code, stdout, stderr } = await client.run("bash", ["--norc", "-euc", command]);
      assert.equal(code, 0, stdout + stderr);
      return stdout;
    };
    await run(push);
    const [setup, set, wsl] = blocksIn("bash");
    assert.match(await run(setup), /"Tag": "latest"|"Name": "127|Login Succeeded/);
    assert.equal(await client.read("docker:other.example", "bob"), users.bob);
    assert.equal(await client.read(`docker:${registry}`, "alice"), null);
    assert.equal(JSON.parse(readFileSync(at(".docker", "config.json"), "utf8")).credsStore, "os-secrets");
    assert.deepEqual(blocksIn("json").map(JSON.parse), [{ credsStore: "os-secrets" }]);
    const dropIn = at(".config", "containers", "registries.conf.d", "os-secrets.conf");
    assert.deepEqual(blocksIn("toml"), [readFileSync(dropIn, "utf8")]);

    await run(set);
    assert.equal(await client.read(`docker:${registry}`, "alice"), users.alice);
    assert.equal(await client.succeed("podman", ["login", "--get-login", registry]), "alice\n");

    mkdirSync(at("bin"));
    const windows = join(session.directory, "docker-credential-os-secrets.exe");
    symlinkSync(join(client.bin, "docker-credential-os-secrets"), windows);
    await run(wsl.replace("/mnt/c/Users/me/bin/docker-credential-os-secrets.exe", windows));
    const told = await client.succeed(at("bin", "docker-credential-os-secrets"), ["list"]);
    assert.deepEqual(JSON.parse(told), { [registry]: "alice", "other.example": "bob" });
  });

  it("skopeo logs out of all registries", async (t) => {
    const { client, login, stored } = await prepare(start, t);
    assert.equal((await login("skopeo", "alice")).code, 0);
    await client.store("docker:registry.example.com", "bob", "one");
    await client.store("git:https://registry.example.com", "bob", "stays");
    await client.succeed("skopeo", ["logout", "--all"]);
    assert.deepEqual(await stored(), {});
    assert.equal(await client.read("git:https://registry.example.com", "bob"), "stays");
  });
});
