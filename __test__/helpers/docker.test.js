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

/** The commands of each client that has `login` and `logout`, before and after the command's name. */
const clients = {
  skopeo: { command: "skopeo", login: ["login", "--tls-verify=false"], logout: ["logout"] },
  podman: { command: "podman", login: ["login", "--tls-verify=false"], logout: ["logout"] },
  buildah: { command: "buildah", login: ["login", "--tls-verify=false"], logout: ["logout"] },
  // It asks the registry itself if there is no daemon.
  docker: { command: docker, login: ["login"], logout: ["logout"] },
};

/** Sets up a client's session, with a registry. Returns it with functions for each client. */
async function prepare(start, t) {
  const client = await start(t);
  const { session } = client;
  const registry = await startRegistry(session);
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
      const { client, session, login } = await prepare(start, t);
      assert.equal((await login(name, "alice")).code, 0);
      await client.lock();
      const { code, stderr } = await login(name, "bob");
      assert.notEqual(code, 0);
      assert.match(stderr, /docker-credential-os-secrets|credential/i);
      assertNoPlainText(session);
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
