// twine and Poetry import Python's module `keyring`, which `secrets setup python-keyring` makes ask us, against an index
// with basic authentication. What `import --from pypirc` stores is what twine looks for.

const assert = require("node:assert/strict");
const { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } = require("node:fs");
const { basename, delimiter, dirname, join } = require("node:path");
const { it } = require("node:test");
const { place } = require("../../tools/install.js");
const { describeClient } = require("../support/clients.js");
const { examples } = require("../support/documents.js");
const { package, startIndex, wheelName } = require("../support/index-server.js");

const python = place("twine", "bin", "python");
const twine = place("twine", "bin", "twine");
const poetry = place("poetry", "bin", "poetry");

async function startWithIndex(t, start) {
  const client = await start(t);
  await client.succeed("secrets", ["setup", "python-keyring"]);
  const index = await startIndex(t, client, { alice: "a-pass", bob: "b-pass" });
  return { client, index };
}

/** Uploads the package with twine. It fails if it would have to ask the user. */
function upload(client, index, ...options) {
  const args = ["upload", "--non-interactive", "--disable-progress-bar", ...options, index.wheel];
  return client.run(twine, args);
}

function assertDone({ code, stdout, stderr }) {
  assert.equal(code, 0, stdout + stderr);
}

/** Runs a Python script in which `keyring` is imported. Returns what it prints. */
function runPython(client, script) {
  return client.succeed(python, ["-c", `import keyring, keyring.errors\n${script}`]);
}

describeClient("twine and Poetry", (start) => {
  it("twine uploads with the only user, and with the one that is named", async (t) => {
    const { client, index } = await startWithIndex(t, start);
    await client.store(index.upload, "bob", "b-pass");
    const options = ["--repository-url", index.upload];
    assertDone(await upload(client, index, ...options));
    await client.store(index.upload, "alice", "a-pass");
    assertDone(await upload(client, index, ...options, "--username", "bob"));
    // Of several users, the first is taken.
    assertDone(await upload(client, index, ...options));
    assert.deepEqual(
      index.uploads,
      ["bob", "bob", "alice"].map((user) => ({ user, file: wheelName })),
    );
  });

  it("twine goes on to upload when import --from pypirc has taken the passwords out", async (t) => {
    const { client, index } = await startWithIndex(t, start);
    const file = join(client.session.home, ".pypirc");
    const section = (name, user, password) =>
      `[${name}]\r\n  # to be kept\r\nrepository = ${index.upload}\r\nusername: ${user}\r\n${password}`;
    const text = (alice, bob) =>
      `[distutils]\r\nindex-servers =\r\n  one\r\n  two\r\n\r\n${section("one", "alice", alice)}${section("two", "bob", bob)}`;
    writeFileSync(file, text("password = a-pass\r\n", "Password: b-pass\r\n"), { mode: 0o600 });
    const overview = await client.succeed("secrets", ["setup"]);
    assert.ok(
      overview.endsWith(
        `Credentials in plain text:\n\n${file}\n  [one] alice at ${index.upload}\n  [two] bob at ${index.upload}\n` +
          "  To store them, run: secrets import --from pypirc --delete\n",
      ),
      overview,
    );
    await client.succeed("secrets", ["import", "--from", "pypirc", "--delete"]);
    assert.equal(readFileSync(file, "utf8"), text("", ""));
    assert.equal(await client.read(index.upload, "alice"), "a-pass");
    for (const repository of ["two", "one"])
      assertDone(await upload(client, index, "--repository", repository));
    assert.deepEqual(
      index.uploads.map(({ user }) => user),
      ["bob", "alice"],
    );
    assert.doesNotMatch(await client.succeed("secrets", ["setup"]), /plain text:/);
  });

  it("twine uploads by TWINE_PASSWORD of secrets run, without the module", async (t) => {
    const { client, index } = await startWithIndex(t, start);
    await client.succeed("secrets", ["setup", "python-keyring", "--undo"]);
    await client.succeed("secrets", ["set", "twine_password"], { input: "b-pass" });
    // The command of the manual, for this index and user.
    const [example] = examples("docs/helpers.md", "bash").filter((text) => text.includes("TWINE_PASSWORD"));
    const options = `upload --non-interactive --repository-url ${index.upload} ${index.wheel}`;
    const command = example.replace("alice", "bob").replace("upload dist/*", options);
    const PATH = [client.session.env.PATH, dirname(twine)].join(delimiter);
    assertDone(await client.run("bash", ["--norc", "-euc", command], { env: { PATH } }));
    assert.equal(index.uploads.length, 1);
  });

  it("pip asks the module if it is installed beside it", async (t) => {
    const { client, index } = await startWithIndex(t, start);
    await client.store(index.simple, "bob", "b-pass");
    const args = ["download", "--no-deps", "--dest", client.session.directory, "--index-url", index.simple];
    const env = { PIP_DISABLE_PIP_VERSION_CHECK: "1" };
    assertDone(await client.run(place("twine", "bin", "pip"), [...args, package], { env }));
    assert.deepEqual([...new Set(index.entered)], ["bob"]);
  });

  it("twine keeps a password that the index refuses", async (t) => {
    const { client, index } = await startWithIndex(t, start);
    await client.store(index.upload, "bob", "old");
    const { code, stdout, stderr } = await upload(client, index, "--repository-url", index.upload);
    assert.equal(code, 1);
    assert.match(stdout + stderr, /\b401\b/);
    assert.deepEqual([...new Set(index.refused)], ["bob"]);
    assert.equal(await client.read(index.upload, "bob"), "old");
    index.users.bob = "old";
    assertDone(await upload(client, index, "--repository-url", index.upload));
  });

  /** Makes a project with the package. Returns a function that runs Poetry in it, which knows the index as `local`. */
  async function makeProject(client, index) {
    const project = join(client.session.directory, "project");
    mkdirSync(join(project, "dist"), { recursive: true });
    const toml = '[project]\nname = "tiny-package"\nversion = "1.0"\n[build-system]\nrequires = []\n';
    writeFileSync(join(project, "pyproject.toml"), toml);
    copyFileSync(index.wheel, join(project, "dist", basename(index.wheel)));
    const run = (...args) => client.run(poetry, args, { cwd: project });
    assertDone(await run("config", "repositories.local", index.upload));
    return run;
  }

  it("Poetry keeps a password that the index refuses, and publishes nothing if the store fails", async (t) => {
    const { client, index } = await startWithIndex(t, start);
    const run = await makeProject(client, index);
    const publish = () => run("publish", "--repository", "local", "--no-interaction");
    assertDone(await run("config", "http-basic.local", "alice", "old"));
    const wrong = await publish();
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.stdout + wrong.stderr, /\b401\b/);
    assert.deepEqual([...new Set(index.refused)], ["alice"]);
    assert.equal(await client.read("poetry-repository-local", "alice"), "old");
    for (const state of ["lock", "end"]) {
      await client[state]();
      assert.notEqual((await publish()).code, 0, state);
      // Poetry keeps passwords in plain text if it takes the keyring for unavailable.
      const set = await run("config", "http-basic.local", "alice", "hunter2");
      assert.notEqual(set.code, 0, state);
      const files = readdirSync(client.session.configuration, { recursive: true, withFileTypes: true });
      const texts = files
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
      assert.ok(!texts.some((text) => text.includes("hunter2")), set.stdout + set.stderr);
    }
    assert.deepEqual(index.uploads, []);
  });

  it("Poetry stores its passwords in our store and publishes with them", async (t) => {
    const { client, index } = await startWithIndex(t, start);
    const run = await makeProject(client, index);
    assertDone(await run("config", "http-basic.local", "alice", "a-pass"));
    assert.equal(await client.read("poetry-repository-local", "alice"), "a-pass");
    assertDone(await run("publish", "--repository", "local", "--no-interaction"));
    assert.deepEqual(index.uploads, [{ user: "alice", file: wheelName }]);
    assertDone(await run("config", "--unset", "http-basic.local"));
    assert.equal(await client.read("poetry-repository-local", "alice"), null);
  });

  it("the module stores, reads and deletes any text, and tells a missing password from an error", async (t) => {
    const { client } = await startWithIndex(t, start);
    const script = `
password = "a\\nb \\u00e9 \\"'\\\\"
for service, user in (("s", "u"), ("-s", "--mode=creds"), ("s", "\\u00fc")):
    keyring.set_password(service, user, password)
    assert keyring.get_password(service, user) == password
    found = keyring.get_credential(service, user)
    assert (found.username, found.password) == (user, password)
assert keyring.get_credential("s", None).username == "u"
keyring.delete_password("s", "u")
assert keyring.get_password("s", "u") is None
assert keyring.get_credential("none", None) is None
for wrong in (lambda: keyring.delete_password("s", "u"), lambda: keyring.set_password("s", "u", "")):
    try:
        wrong()
        raise SystemExit("no error")
    except keyring.errors.KeyringError as error:
        print(type(error).__name__, error)
`;
    assert.equal(
      await runPython(client, script),
      "PasswordDeleteError secrets: there is no password of u for s\n" +
        "PasswordSetError secrets: the password is empty; nothing was changed\n",
    );
  });

  it("the module fails if the store is locked or cannot be reached, and twine does not upload", async (t) => {
    const { client, index } = await startWithIndex(t, start);
    await client.store(index.upload, "bob", "b-pass");
    const script = `
for call in (keyring.get_password, keyring.get_credential, keyring.delete_password):
    try:
        call("${index.upload}", "bob")
        raise SystemExit("no error")
    except keyring.errors.KeyringError as error:
        print(str(error).startswith("secrets: "))
`;
    for (const state of ["lock", "end"]) {
      await client[state]();
      assert.equal(await runPython(client, script), "True\nTrue\nTrue\n");
      const { code } = await upload(client, index, "--repository-url", index.upload);
      assert.equal(code, 1);
    }
    assert.deepEqual(index.uploads, []);
  });

  it("setup says if a variable names another backend", async (t) => {
    const { client } = await startWithIndex(t, start);
    const env = { PYTHON_KEYRING_BACKEND: "keyring.backends.null.Keyring" };
    const { stdout } = await client.run("secrets", ["setup"], { env });
    assert.match(stdout, /^python-keyring +does not ask/m);
    const { stderr } = await client.run("secrets", ["setup", "python-keyring"], { env });
    assert.match(stderr, /PYTHON_KEYRING_BACKEND names another backend/);
  });

  it("other programs' keyrings come back after --undo", async (t) => {
    const { client } = await startWithIndex(t, start);
    const name = () => runPython(client, "print(type(keyring.get_keyring()).__module__)");
    assert.equal(await name(), "os_secrets_keyring\n");
    await client.succeed("secrets", ["setup", "python-keyring", "--undo"]);
    assert.notEqual(await name(), "os_secrets_keyring\n");
    assert.ok(!existsSync(join(client.session.configuration, "python_keyring", "keyringrc.cfg")));
  });
});
