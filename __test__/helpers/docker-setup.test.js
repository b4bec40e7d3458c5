// secrets setup docker, and secrets import --from docker.

const assert = require("node:assert/strict");
const {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} = require("node:fs");
const { dirname, join } = require("node:path");
const { it } = require("node:test");
const { place } = require("../../tools/install.js");
const { describeClient } = require("../support/clients.js");
const { startRegistry, users } = require("../support/registry-server.js");

const docker = place("docker-cli", "usr", "bin", "docker");
const helm = place("oci-clients", "helm");

const write = (path, content) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content, { mode: 0o600 });
};
const encode = (user, password) => Buffer.from(`${user}:${password}`).toString("base64");

async function prepare(start, t) {
  const client = await start(t);
  const { session } = client;
  const config = join(session.home, ".docker", "config.json");
  const dropIn = join(session.home, ".config", "containers", "registries.conf.d", "os-secrets.conf");
  const run = (...words) => client.run("secrets", words);
  const succeed = (...words) => client.succeed("secrets", words);
  return { client, session, config, dropIn, run, succeed };
}

describeClient("secrets setup docker", (start) => {
  it("makes the files that name us, and takes them back", async (t) => {
    const { config, dropIn, run, succeed } = await prepare(start, t);
    const shown = await succeed("setup", "docker", "--dry-run");
    assert.match(shown, /would change .*config\.json\n(.*\n)*\+ \s*"credsStore": "os-secrets"/);
    assert.match(shown, /would change .*os-secrets\.conf\n\+ credential-helpers = \["os-secrets"\]/);
    assert.ok(!existsSync(config) && !existsSync(dropIn));

    assert.equal((await succeed("setup", "docker")).replaceAll("changed ", "would change "), shown);
    assert.deepEqual(JSON.parse(readFileSync(config, "utf8")), { credsStore: "os-secrets" });
    assert.equal(readFileSync(dropIn, "utf8"), 'credential-helpers = ["os-secrets"]\n');

    const again = await run("setup", "docker");
    assert.deepEqual([again.code, again.stdout], [0, "docker asks os-secrets already\n"]);
    assert.match(await succeed("setup"), /^docker +asks os-secrets/m);

    await succeed("setup", "docker", "--undo", "--dry-run");
    assert.ok(existsSync(config) && existsSync(dropIn));
    await succeed("setup", "docker", "--undo");
    assert.ok(!existsSync(config) && !existsSync(dropIn));
    assert.match(await succeed("setup"), /^docker +(?!asks)/m);
  });

  it("changes nothing else in the file, and restores it byte for byte", async (t) => {
    const { config, succeed } = await prepare(start, t);
    for (const [content, changed] of [
      ["", '{\n\t"credsStore": "os-secrets"\n}\n'],
      ["{}", '{\n\t"credsStore": "os-secrets"\n}'],
      [
        '{\n\t"auths": {\n\t\t"a": {}\n\t}\n}',
        '{\n\t"auths": {\n\t\t"a": {}\n\t},\n\t"credsStore": "os-secrets"\n}',
      ],
      [
        '{\r\n  "x" : 1.0,\r\n  "x" : [ 1E5,"\\u00e9" ]\r\n}\r\n',
        '{\r\n  "x" : 1.0,\r\n  "x" : [ 1E5,"\\u00e9" ],\r\n  "credsStore" : "os-secrets"\r\n}\r\n',
      ],
      ['{"a":1}', '{"a":1,"credsStore":"os-secrets"}'],
      ['\ufeff{"a": {}, "b": 2}\n', '\ufeff{"a": {}, "b": 2, "credsStore": "os-secrets"}\n'],
      ['{"credsStore": "desktop","z":0}', '{"credsStore": "os-secrets","z":0}'],
      ['{"credsStore":null}', '{"credsStore":"os-secrets"}'],
    ]) {
      write(config, content);
      chmodSync(config, 0o640);
      await succeed("setup", "docker");
      assert.equal(readFileSync(config, "utf8"), changed);
      assert.equal(statSync(config).mode & 0o777, 0o640);
      await succeed("setup", "docker", "--undo");
      assert.equal(readFileSync(config, "utf8"), content);
      assert.equal(statSync(config).mode & 0o777, 0o640);
    }
  });

  it("follows a symbolic link, and keeps it", async (t) => {
    const { session, config, succeed } = await prepare(start, t);
    const real = join(session.home, "dotfiles", "docker.json");
    write(real, '{"a": 1}\n');
    mkdirSync(dirname(config));
    symlinkSync(real, config);
    await succeed("setup", "docker");
    assert.deepEqual(JSON.parse(readFileSync(real, "utf8")), { a: 1, credsStore: "os-secrets" });
    await succeed("setup", "docker", "--undo");
    assert.equal(readlinkSync(config), real);
    assert.equal(readFileSync(real, "utf8"), '{"a": 1}\n');
  });

  it("uses the directory that DOCKER_CONFIG names", async (t) => {
    const { session, client, config, succeed } = await prepare(start, t);
    session.env.DOCKER_CONFIG = join(session.home, "elsewhere");
    await succeed("setup", "docker");
    assert.ok(!existsSync(config));
    const registry = await startRegistry(session);
    await client.run(docker, ["login", "-u", "alice", "--password-stdin", registry], { input: users.alice });
    assert.equal(await client.read(`docker:${registry}`, "alice"), users.alice);
    await succeed("setup", "docker", "--undo");
    assert.deepEqual(JSON.parse(readFileSync(join(session.env.DOCKER_CONFIG, "config.json"), "utf8")), {
      auths: { [registry]: {} },
    });
  });

  it("takes back its setting after docker has rewritten the file, and keeps what docker has added", async (t) => {
    const { session, client, config, succeed } = await prepare(start, t);
    const registry = await startRegistry(session);
    for (const [before, after] of [
      [null, {}],
      ["{}", {}],
      ['{"zeta": 1, "HttpHeaders": {"b": "c"}}', { HttpHeaders: { b: "c" } }],
      [
        '{"credsStore": "missing", "aliases": {"builder": "b"}}',
        { credsStore: "missing", aliases: { builder: "b" } },
      ],
    ]) {
      rmSync(config, { force: true });
      if (before !== null) write(config, before);
      await succeed("setup", "docker");
      await client.run(docker, ["login", "-u", "alice", "--password-stdin", registry], {
        input: users.alice,
      });
      assert.ok(registry in JSON.parse(readFileSync(config, "utf8")).auths);
      await succeed("setup", "docker", "--undo");
      assert.deepEqual(JSON.parse(readFileSync(config, "utf8")), { ...after, auths: { [registry]: {} } });
    }
  });

  it("says what was replaced, which other helpers stay, and where plain text is left", async (t) => {
    const { session, config, run } = await prepare(start, t);
    const auth = join(session.env.XDG_RUNTIME_DIR, "containers", "auth.json");
    write(auth, JSON.stringify({ auths: { "registry.example.com": { auth: encode("alice", "hunter2") } } }));
    write(
      config,
      JSON.stringify({
        auths: { a: {} },
        credsStore: "desktop",
        credHelpers: { "gcr.io": "gcloud", "b.example": "os-secrets" },
      }),
    );
    for (const words of [["--dry-run"], []]) {
      const { code, stdout, stderr } = await run("setup", "docker", ...words);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /- "credsStore":"desktop"\n\+ "credsStore":"os-secrets"/);
      assert.match(stderr, /docker asked desktop until now/);
      assert.match(stderr, /other helpers .*: gcr\.io$/m);
      assert.match(stderr, /containers.auth\.json has logins in plain text/);
      assert.doesNotMatch(stderr, /config\.json has logins/);
      assert.doesNotMatch(stdout + stderr, /hunter2|YWxpY2U/);
    }
    assert.equal(JSON.parse(readFileSync(config, "utf8")).credHelpers["gcr.io"], "gcloud");
  });

  it("changes Helm's file if Helm is installed or has made the file, and no other time", async (t) => {
    const { session, client, config, succeed, run } = await prepare(start, t);
    // The Helm of this machine, if it has one, is not in this PATH.
    session.env.PATH = `${client.bin}:/usr/bin:/bin`;
    const folder = join(session.configuration, "helm");
    const own = join(folder, "registry", "config.json");
    await succeed("setup", "docker");
    assert.ok(!existsSync(folder));
    assert.match(await succeed("setup"), /^docker +asks os-secrets/m);

    symlinkSync(helm, join(client.bin, "helm"));
    assert.match(await succeed("setup"), /^docker +does not ask/m);
    await succeed("setup", "docker");
    assert.deepEqual(JSON.parse(readFileSync(own, "utf8")), { credsStore: "os-secrets" });
    const again = await run("setup", "docker");
    assert.deepEqual([again.code, again.stdout], [0, "docker asks os-secrets already\n"]);
    await succeed("setup", "docker", "--undo");
    assert.ok(!existsSync(folder) && !existsSync(config));

    rmSync(join(client.bin, "helm"));
    const content = '{"credsStore":"desktop","credHelpers":{"gcr.io":"gcloud"}}\n';
    write(own, content);
    const { code, stderr } = await run("setup", "docker");
    assert.equal(code, 0, stderr);
    assert.match(stderr, /helm asked desktop until now/);
    assert.match(stderr, /helm still asks other helpers .*: gcr\.io$/m);
    assert.equal(readFileSync(own, "utf8"), content.replace("desktop", "os-secrets"));
    await succeed("setup", "docker", "--undo");
    assert.equal(readFileSync(own, "utf8"), content);
  });

  it("uses the files that Helm's variables name", async (t) => {
    const { session, client, config, succeed } = await prepare(start, t);
    symlinkSync(helm, join(client.bin, "helm"));
    const registry = await startRegistry(session);
    for (const [name, path] of [
      ["HELM_CONFIG_HOME", join("registry", "config.json")],
      ["HELM_REGISTRY_CONFIG", "."],
    ]) {
      const named = join(session.home, name);
      session.env[name] = named;
      await succeed("setup", "docker");
      assert.deepEqual(JSON.parse(readFileSync(join(named, path), "utf8")), { credsStore: "os-secrets" });
      const login = ["registry", "login", "--plain-http", "-u", "alice", "--password-stdin", registry];
      await client.succeed("helm", login, { input: users.alice });
      assert.equal(await client.read(`docker:${registry}`, "alice"), users.alice);
      await client.succeed("helm", ["registry", "logout", registry]);
      assert.equal(await client.read(`docker:${registry}`, "alice"), null);
    }
    // Docker's own file is changed once if Helm uses it as well.
    await succeed("setup", "docker", "--undo");
    session.env.HELM_REGISTRY_CONFIG = config;
    await succeed("setup", "docker");
    assert.deepEqual(JSON.parse(readFileSync(config, "utf8")), { credsStore: "os-secrets" });
    await succeed("setup", "docker", "--undo");
    assert.ok(!existsSync(config));
  });

  it("says which later file of registries.conf.d takes precedence", async (t) => {
    const { dropIn, run } = await prepare(start, t);
    write(join(dirname(dropIn), "zz.conf"), 'credential-helpers = ["pass"]\n');
    write(join(dirname(dropIn), "aa.conf"), 'credential-helpers = ["secretservice"]\n');
    const { code, stderr } = await run("setup", "docker");
    assert.equal(code, 0, stderr);
    assert.match(stderr, /zz\.conf also sets credential-helpers/);
    assert.doesNotMatch(stderr, /aa\.conf/);
  });

  it("leaves the settings of the system and of the user in place for podman", async (t) => {
    const { session, client, succeed } = await prepare(start, t);
    const folder = join(session.home, ".config", "containers");
    write(join(folder, "registries.conf"), 'unqualified-search-registries = ["search.example"]\n');
    await succeed("setup", "docker");
    const info = JSON.parse(await client.succeed("podman", ["info", "--format", "json"]));
    assert.deepEqual(info.registries.search, ["search.example"]);
    await succeed("setup", "docker", "--undo");
    assert.equal(
      readFileSync(join(folder, "registries.conf"), "utf8"),
      'unqualified-search-registries = ["search.example"]\n',
    );
  });

  it("changes nothing if the program is not in PATH, and says what to do", async (t) => {
    const { session, client, config, dropIn, run } = await prepare(start, t);
    const program = join(client.bin, "docker-credential-os-secrets");
    const aside = join(session.directory, "docker-credential-os-secrets");
    renameSync(program, aside);
    const { code, stderr } = await run("setup", "docker");
    assert.equal(code, 1);
    assert.match(stderr, /docker looks for docker-credential-os-secrets in PATH.*(Add|Install)/);
    assert.ok(!existsSync(config) && !existsSync(dropIn));
  });

  it("refuses a file that docker cannot read, without its content", async (t) => {
    const { config, dropIn, run } = await prepare(start, t);
    for (const content of ["[]", '{"auths": hunter2}', '{"credsStore": ["hunter2"]}', '"hunter2"']) {
      write(config, content);
      const { code, stdout, stderr } = await run("setup", "docker");
      assert.equal(code, 1);
      assert.match(stderr, /config\.json/);
      assert.doesNotMatch(stdout + stderr, /hunter2/);
      assert.equal(readFileSync(config, "utf8"), content);
      assert.ok(!existsSync(dropIn));
    }
  });

  it("leaves the setting to another helper that was chosen since", async (t) => {
    const { config, succeed, run } = await prepare(start, t);
    write(config, '{"credsStore": "desktop"}\n');
    await succeed("setup", "docker");
    write(config, '{"credsStore": "pass", "credHelpers": {"a": "os-secrets"}}\n');
    const { code } = await run("setup", "docker", "--undo");
    assert.equal(code, 0);
    assert.equal(
      readFileSync(config, "utf8"),
      '{"credsStore": "pass", "credHelpers": {"a": "os-secrets"}}\n',
    );
  });
});

describeClient("secrets import --from docker", (start) => {
  const logins = (registry) => `{
\t"HttpHeaders": {"x": "y"},
\t"auths": {
\t\t"${registry}": { "auth": "${encode("alice", users.alice)}" },
\t\t"https://index.docker.io/v1/": {
\t\t\t"auth": "${encode("carol", "hunter2")}",
\t\t\t"email": "carol@example.com"
\t\t},
\t\t"moved.example": {},
\t\t"token.example": {"auth": "${encode("00000000-0000-0000-0000-000000000000", "")}", "identitytoken": "hunter2-token"},
\t\t"quay.io/team": {"auth": "${encode("dave", "stays")}"},
\t\t"names.example": {"username": "erin", "password": "hunter2-erin"}
\t}
}
`;

  it("stores what docker keeps in plain text, so that docker uses it", async (t) => {
    const { client, session, config, succeed, run } = await prepare(start, t);
    const registry = await startRegistry(session);
    write(config, logins(registry));
    assert.match(await succeed("setup"), new RegExp(`${registry} \\(alice\\)`));
    const { code, stdout, stderr } = await run("import", "--from", "docker", "--delete");
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stdout + stderr, /hunter2|pässwörd/);
    for (const [server, user, value] of [
      [registry, "alice", users.alice],
      ["https://index.docker.io/v1/", "carol", "hunter2"],
      ["token.example", "<token>", "hunter2-token"],
      ["names.example", "erin", "hunter2-erin"],
    ]) {
      assert.equal(await client.read(`docker:${server}`, user), value);
    }
    assert.equal(
      readFileSync(config, "utf8"),
      `{
\t"HttpHeaders": {"x": "y"},
\t"auths": {
\t\t"moved.example": {},
\t\t"quay.io/team": {"auth": "${encode("dave", "stays")}"}
\t}
}
`,
    );
    await succeed("setup", "docker");
    const list = `docker://${registry}/missing`;
    const told = await client.run("skopeo", ["list-tags", "--tls-verify=false", list]);
    // The registry has let it in.
    assert.match(told.stderr, /unknown|\b404\b/i);
    assert.doesNotMatch(told.stderr, /unauthorized|authentication/);
    const again = await run("import", "--from", "docker", "--delete");
    assert.equal(again.code, 0);
    assert.match(again.stderr, /skipped quay\.io\/team in \S+: it is for a part of a registry/);
  });

  it("reads what docker login itself writes, and the auth.json of podman and skopeo", async (t) => {
    const { client, session, config, succeed } = await prepare(start, t);
    const registry = await startRegistry(session);
    // Without logins and a helper, docker would look for the helpers that it knows.
    write(config, '{"auths": {"moved.example": {}}}');
    const login = (program, user, ...words) =>
      client.succeed(program, ["login", ...words, "-u", user, "--password-stdin", registry], {
        input: users[user],
      });
    await login(docker, "alice");
    await login("skopeo", "bob", "--tls-verify=false");
    const auth = join(session.env.XDG_RUNTIME_DIR, "containers", "auth.json");
    const kept = join(session.configuration, "containers", "auth.json");
    write(kept, readFileSync(auth, "utf8").replaceAll(registry, "kept.example"));
    await succeed("import", "--from", "docker", "--delete");
    assert.equal(await client.read(`docker:${registry}`, "alice"), users.alice);
    assert.equal(await client.read(`docker:${registry}`, "bob"), users.bob);
    assert.equal(await client.read("docker:kept.example", "bob"), users.bob);
    for (const path of [config, auth, kept]) {
      const { auths } = JSON.parse(readFileSync(path, "utf8"));
      assert.deepEqual(auths, path === config ? { "moved.example": {} } : {}, path);
    }
  });

  it("reads what helm registry login writes, so that helm uses it", async (t) => {
    const { client, session, succeed } = await prepare(start, t);
    symlinkSync(helm, join(client.bin, "helm"));
    const registry = await startRegistry(session);
    const own = join(session.configuration, "helm", "registry", "config.json");
    // Without logins and a helper, Helm would look for the helpers that it knows.
    write(own, '{"auths": {"moved.example": {}}}');
    const login = ["registry", "login", "--plain-http", "-u", "alice", "--password-stdin", registry];
    await client.succeed("helm", login, { input: users.alice });
    assert.equal(JSON.parse(readFileSync(own, "utf8")).auths[registry].auth, encode("alice", users.alice));
    const { code, stderr } = await client.run("secrets", ["setup", "docker"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /helm\S+config\.json has logins in plain text/);
    await succeed("import", "--from", "docker", "--delete");
    assert.deepEqual(JSON.parse(readFileSync(own, "utf8")).auths, { "moved.example": {} });
    assert.equal(await client.read(`docker:${registry}`, "alice"), users.alice);
    const pull = ["pull", "--plain-http", "--version=1.0.0", `oci://${registry}/missing`];
    const told = await client.run("helm", pull);
    // The registry has let it in.
    assert.match(told.stderr, /not found/i);
    assert.doesNotMatch(told.stderr, /\b401\b|unauthorized|basic credential/i);
  });

  it("leaves an entry whose different value is stored, and goes on with the others", async (t) => {
    const { client, config, run } = await prepare(start, t);
    const content = `{"auths": {"a": {"auth": "${encode("u", "new")}"}, "b": {"auth": "${encode("u", "one")}"}}}`;
    write(config, content);
    await client.store("docker:a", "u", "old");
    const dry = await run("import", "--from", "docker", "--dry-run");
    assert.equal(dry.code, 1);
    assert.equal(await client.read("docker:b", "u"), null);
    const { code, stderr } = await run("import", "--from", "docker", "--delete");
    assert.equal(code, 1);
    assert.match(stderr, /a \(u\).*different value/);
    assert.equal(await client.read("docker:a", "u"), "old");
    assert.equal(await client.read("docker:b", "u"), "one");
    assert.equal(readFileSync(config, "utf8"), `{"auths": {"a": {"auth": "${encode("u", "new")}"}}}`);
    const forced = await run("import", "--from", "docker", "--delete", "--force");
    assert.equal(forced.code, 0, forced.stderr);
    assert.equal(await client.read("docker:a", "u"), "new");
    assert.equal(readFileSync(config, "utf8"), '{"auths": {}}');
  });

  it("changes nothing if the store is locked", async (t) => {
    const { client, config, run } = await prepare(start, t);
    await client.store("docker:other", "u", "x");
    const content = `{"auths": {"a": {"auth": "${encode("u", "hunter2")}"}}}\n`;
    write(config, content);
    await client.lock();
    const { code, stdout, stderr } = await run("import", "--from", "docker", "--delete");
    assert.notEqual(code, 0);
    assert.doesNotMatch(stdout + stderr, /hunter2/);
    assert.equal(readFileSync(config, "utf8"), content);
  });

  it("follows a symbolic link and keeps the mode of the file", async (t) => {
    const { session, config, succeed } = await prepare(start, t);
    const real = join(session.home, "real.json");
    write(real, `{"auths": {"a": {"auth": "${encode("u", "v")}"}}}\n`);
    chmodSync(real, 0o644);
    mkdirSync(dirname(config));
    symlinkSync(real, config);
    await succeed("import", "--from", "docker", "--delete");
    assert.ok(lstatSync(config).isSymbolicLink());
    assert.equal(readFileSync(real, "utf8"), '{"auths": {}}\n');
    assert.equal(statSync(real).mode & 0o777, 0o644);
  });

  it("refuses files that it cannot read, without their content", async (t) => {
    const { config, run } = await prepare(start, t);
    for (const content of [
      "hunter2",
      '{"auths": {"r": {"auth": "hunter2!"}}}',
      '{"auths": {"r": {"auth": "aHVudGVyMg=="}}}',
      '{"auths": {"r": "hunter2"}}',
      '{"auths": {"r": {"auth": "',
    ]) {
      write(config, content);
      const { code, stdout, stderr } = await run("import", "--from", "docker", "--delete");
      assert.equal(code, 1, content);
      assert.match(stderr, /config\.json/);
      assert.doesNotMatch(stdout + stderr, /hunter2|aHVudGVyMg/);
      assert.equal(readFileSync(config, "utf8"), content);
    }
  });
});
