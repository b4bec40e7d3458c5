// `secrets setup` for every client, and the overview of `secrets setup` alone. A client and a format are one row each.

const assert = require("node:assert/strict");
const {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} = require("node:fs");
const { dirname, join } = require("node:path");
const { it } = require("node:test");
const { describeClient } = require("../support/clients.js");

/**
 * The clients:
 *
 *   args      the words after the client's name
 *   prepare   makes what the setup needs, such as a stored credential
 *   file      the file that is changed
 *   texts     what may be in the file before
 *   needsFile whether the client has nothing to set up if there is no file. Otherwise that is tested, too
 *   edits     what other programs may put before and after everything else in the file
 */
const clients = {
  git: {
    file: ({ session }) => join(session.home, ".gitconfig"),
    texts: ["", "[user]\n\tname = A\n", "[credential]\n\thelper = store\n[core]\n\tpager = cat\n"],
    edits: ["# first\n", "[alias]\n\tst = status\n"],
  },
  docker: {
    file: ({ session }) => join(session.home, ".docker", "config.json"),
    texts: ["{}\n", '{\n\t"auths": {},\n\t"credsStore": "pass"\n}\n', '{"HttpHeaders": {"a": "b"}}\n'],
  },
  cargo: {
    file: ({ session }) => join(session.home, ".cargo", "config.toml"),
    texts: ["", "[build]\njobs = 2\n", '[registry]\nglobal-credential-providers = ["cargo:token"]\n'],
    edits: ["# first\n", "[net]\noffline = true\n"],
  },
  pnpm: {
    file: ({ session }) => join(session.configuration, "pnpm", "auth.ini"),
    texts: ["", "//a.example/:username=me\n"],
    edits: ["; first\n", "//b.example/:username=me\n"],
  },
  aws: {
    args: () => ["default"],
    prepare: ({ store }) =>
      store("aws", "default", '{"Version":1,"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"hunter2"}'),
    file: ({ session }) => join(session.home, ".aws", "config"),
    texts: ["", "[profile b]\nregion = eu-north-1\n", "[default]\nregion = eu-north-1\n"],
    edits: ["# first\n", "[profile last]\noutput = json\n"],
  },
  kubectl: {
    args: () => ["me"],
    prepare: ({ store }) => store("kubernetes:https://a.example", "me", "hunter2"),
    file: ({ session }) => join(session.home, ".kube", "config"),
    needsFile: true,
    texts: [
      "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: a\n  cluster:\n    server: https://a.example\n" +
        "contexts:\n- name: a\n  context:\n    cluster: a\n    user: me\nusers:\n- name: me\n  user: {}\n",
    ],
    edits: ["# first\n", "# last\n"],
  },
  terraform: {
    file: ({ session }) => join(session.home, ".terraformrc"),
    texts: ["", "disable_checkpoint = true\n"],
    edits: ["# first\n", "disable_checkpoint_signature = true\n"],
  },
  bazel: {
    args: () => ["cache.example"],
    file: ({ session }) => join(session.home, ".bazelrc"),
    texts: ["", "build --jobs=2\n"],
    edits: ["# first\n", "test --test_output=errors\n"],
  },
  keyring: { args: ({ bin }) => [bin], file: ({ bin }) => join(bin, "keyring"), texts: [] },
  "python-keyring": {
    file: ({ session }) => join(session.configuration, "python_keyring", "keyringrc.cfg"),
    texts: [
      "",
      "[backend]\n# mine\n",
      "[backend]\ndefault-keyring=a.B\nkeyring-path : /c\n\n[other]\nx = y\n",
    ],
    edits: ["# first\n", "[last]\nz = 1\n"],
  },
};

/**
 * The formats of files with credentials in plain text: the file, its text, and how its entries are named. `broken` is a
 * text that the client refuses as well, if there is one.
 */
const formats = {
  git: {
    file: ({ session }) => join(session.home, ".git-credentials"),
    text: "https://me:hunter2@a.example\n",
    labels: ["https://me@a.example"],
  },
  docker: {
    file: ({ session }) => join(session.home, ".docker", "config.json"),
    text: `{"auths": {"a.example": {"auth": "${Buffer.from("me:hunter2").toString("base64")}"}}}\n`,
    labels: ["a.example (me)"],
    broken: '{"auths": {"a.example": "hunter2"\n',
  },
  cargo: {
    file: ({ session }) => join(session.home, ".cargo", "credentials.toml"),
    text: '[registry]\ntoken = "hunter2"\n',
    labels: ["crates.io (https://github.com/rust-lang/crates.io-index)"],
    broken: 'token = "hunter2\n',
  },
  npmrc: {
    file: ({ session }) => join(session.home, ".npmrc"),
    text: "//a.example/:_authToken=hunter2\n",
    labels: ["//a.example/:_authToken"],
  },
  aws: {
    file: ({ session }) => join(session.home, ".aws", "credentials"),
    text: "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = hunter2\n",
    labels: ["default"],
    broken: "aws_secret_access_key = hunter2\n",
  },
  kube: {
    file: ({ session }) => join(session.home, ".kube", "config"),
    text:
      "apiVersion: v1\nkind: Config\nclusters:\n- name: a\n  cluster:\n    server: https://a.example\n" +
      "contexts:\n- name: a\n  context:\n    cluster: a\n    user: me\nusers:\n- name: me\n  user:\n    token: hunter2\n",
    labels: ["the user me for https://a.example"],
    broken: "users: [{name: me, user: {token: hunter2}}]\n",
  },
  netrc: {
    file: ({ session }) => join(session.home, ".netrc"),
    text: "machine a.example login me password hunter2\n",
    labels: ["machine a.example login me"],
    broken: 'machine a.example login me password "hunter2\n',
  },
  pypirc: {
    file: ({ session }) => join(session.home, ".pypirc"),
    text: "[pypi]\npassword = hunter2\n[a]\nrepository = https://a.example/\nusername = bob\npassword = hunter2\n",
    labels: ["[pypi] __token__ at https://upload.pypi.org/legacy/", "[a] bob at https://a.example/"],
    broken: "password = hunter2\n",
  },
};

/**
 * For each format a text with one entry that cannot be moved, and how that is named. With `refused`, its import fails.
 */
const unmovable = {
  git: { text: "https://me:hunter2%0a@a.example\n", name: "line 1", refused: true },
  docker: { text: '{"auths": {"a.example": {"auth": "hunter2!"}}}\n', name: "a.example", refused: true },
  cargo: { text: '[registries.a]\ntoken = "hunter2"\n', name: "a" },
  npmrc: { text: "_authToken=hunter2\n", name: "_authToken" },
  aws: { text: "[default]\naws_secret_access_key = hunter2\n", name: "the section [default]" },
  kube: { text: "users:\n- name: me\n  user: {token: hunter2}\n", name: "the user me", refused: true },
  netrc: { text: "default login me password hunter2\n", name: "line 1" },
  pypirc: {
    text: "[a]\nrepository = https://me:hunter2@a.example/\npassword = hunter2\n",
    name: "[a]",
    refused: true,
  },
};

/**
 * For each format in which a file can have several entries for one credential: the one that counts, one that never counts,
 * and how a file has both. Its texts have the value in place of VALUE.
 */
const superseded = {
  git: { line: "https://me:VALUE@a.example\n", name: "line 2" },
  netrc: { line: "machine a.example login me password VALUE\n", name: "line 2" },
  npmrc: { line: "//a.example/:_authToken=VALUE\n", name: "//a.example/:_authToken", isLast: true },
};

/** The files of the session's user: their kind, mode and content. What setup remembers is not among them. */
function snapshot({ session, bin }) {
  const files = {};
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      const isOwn = folder === join(session.data, "os-secrets") && /^setup\./.test(entry.name);
      // gnome-keyring and the notes of the session write whenever they like.
      if (isOwn || entry.name === "keyrings") continue;
      if (entry.isDirectory()) visit(path);
      else if (entry.isSymbolicLink()) files[path] = readlinkSync(path);
      else if (entry.isFile()) {
        files[path] = `${(lstatSync(path).mode & 0o777).toString(8)} ${readFileSync(path, "latin1")}`;
      }
    }
  };
  for (const folder of [session.home, session.configuration, session.data, bin]) visit(folder);
  return files;
}

function write(path, text, mode = 0o644) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
}

/** Starts a session in which each of these clients can be set up, and returns it with the calls of `setup`. */
async function prepare(t, start, names) {
  const client = await start(t);
  for (const name of names) {
    const { prepare, file, needsFile, texts } = clients[name];
    await prepare?.(client);
    if (needsFile) write(file(client), texts[0]);
  }
  const words = (name) => ["setup", name, ...(clients[name].args?.(client) ?? [])];
  return {
    client,
    setup: (name, ...flags) => client.succeed("secrets", [...words(name), ...flags]),
    undo: (name, ...flags) => client.succeed("secrets", ["setup", name, "--undo", ...flags]),
    /** Whether the overview says that the client asks us. */
    async asks(name) {
      const { stdout } = await client.run("secrets", ["setup"]);
      const [, state] = new RegExp(`^${name} +(.*)$`, "m").exec(stdout) ?? assert.fail(stdout);
      assert.ok(
        state === "asks os-secrets" ||
          state.startsWith(`does not ask os-secrets. Run: secrets setup ${name}`),
        stdout,
      );
      return state === "asks os-secrets";
    },
  };
}

describeClient("setup", (start) => {
  for (const [name, { file, texts, needsFile, edits }] of Object.entries(clients)) {
    /** Each text as it may be in a file, and where the file is. */
    const forms = texts.flatMap((text) => [
      { form: "as it is", text, mode: 0o644 },
      { form: "private", text, mode: 0o600 },
      { form: "with CRLF", text: text.replaceAll("\n", "\r\n"), mode: 0o644 },
      { form: "without a newline at its end", text: text.trimEnd(), mode: 0o644 },
      { form: "a symbolic link", text, mode: 0o600, isLink: true },
    ]);

    it(`${name}: a second setup changes nothing, and --undo restores the file byte for byte`, async (t) => {
      const { client, setup, undo, asks } = await prepare(t, start, [name]);
      const path = file(client);
      for (const { form, text, mode, isLink } of [...(needsFile ? [] : [{ form: "missing" }]), ...forms]) {
        const about = `${form}: ${JSON.stringify(text)}`;
        rmSync(path, { force: true });
        if (text !== undefined) write(path, text, mode);
        if (isLink) {
          const target = join(client.session.home, "dotfiles", "file");
          mkdirSync(dirname(target), { recursive: true });
          renameSync(path, target);
          symlinkSync(target, path);
        }
        const before = snapshot(client);
        assert.match(await setup(name, "--dry-run"), /^would /, about);
        assert.deepEqual(snapshot(client), before, about);
        assert.equal(await asks(name), false, about);
        assert.match(await setup(name), /^(changed|copied) /, about);
        const after = snapshot(client);
        assert.notDeepEqual(after, before, about);
        assert.equal(await asks(name), true, about);
        assert.equal(await setup(name), `${name} asks os-secrets already\n`, about);
        assert.deepEqual(snapshot(client), after, about);
        assert.match(await undo(name, "--dry-run"), /^would (restore|remove) /, about);
        assert.deepEqual(snapshot(client), after, about);
        assert.match(await undo(name), /^(restored|removed) /, about);
        assert.deepEqual(snapshot(client), before, about);
        assert.equal(await asks(name), false, about);
        assert.match(await undo(name), /^nothing that secrets setup .* has changed is left\n$/, about);
      }
    });

    if (edits) {
      it(`${name}: --undo keeps what others have written since`, async (t) => {
        const { client, setup, undo } = await prepare(t, start, [name]);
        const path = file(client);
        const edited = (text) => edits[0] + text + edits[1];
        for (const text of texts.filter((text) => text !== "")) {
          write(path, text);
          await setup(name);
          writeFileSync(path, edited(readFileSync(path, "utf8")));
          await undo(name);
          assert.equal(readFileSync(path, "utf8"), edited(text));
        }
      });
    }
  }

  it("all clients can be set up and undone at once", async (t) => {
    const names = Object.keys(clients);
    const { client, setup, undo, asks } = await prepare(t, start, names);
    const before = snapshot(client);
    await Promise.all(names.map((name) => setup(name)));
    for (const name of names) assert.equal(await asks(name), true, name);
    await Promise.all(names.map((name) => undo(name)));
    assert.deepEqual(snapshot(client), before);
  });

  for (const name of Object.keys(clients)) {
    it(`${name}: several setups at once do what one does`, async (t) => {
      const { client, setup, undo } = await prepare(t, start, [name]);
      const before = snapshot(client);
      await setup(name);
      const after = snapshot(client);
      await undo(name);
      await Promise.all(Array.from({ length: 6 }, () => setup(name)));
      assert.deepEqual(snapshot(client), after);
      await Promise.all([undo(name), undo(name)]);
      assert.deepEqual(snapshot(client), before);
    });
  }

  it("alone names all clients and the entries in plain text, without a value", async (t) => {
    const client = await start(t);
    const overview = () => client.run("secrets", ["setup"]);
    const clean = await overview();
    assert.deepEqual([clean.code, clean.stderr], [0, ""]);
    assert.match(clean.stdout, /\n\nNo credentials in plain text were found\.\n$/);
    const rows = clean.stdout.split("\n\n")[0].split("\n");
    assert.deepEqual(rows.map((row) => row.split(" ")[0]).sort(), Object.keys(clients).sort());
    // The states are below each other.
    assert.equal(new Set(rows.map((row) => /^\S+ +/.exec(row)[0].length)).size, 1, clean.stdout);
    for (const { file, text } of Object.values(formats)) write(file(client), text, 0o600);
    const before = snapshot(client);
    const { code, stdout, stderr } = await overview();
    assert.deepEqual([code, stderr], [0, ""]);
    const [, ...groups] = stdout.split("\nCredentials in plain text:\n")[1].split(/^(?=\/)/m);
    const expected = Object.entries(formats).map(([name, { file, labels }]) => {
      const lines = [file(client), ...labels.map((label) => `  ${label}`)];
      return [...lines, `  To store them, run: secrets import --from ${name} --delete`].join("\n");
    });
    assert.deepEqual(groups.map((group) => group.trimEnd()).sort(), expected.sort());
    assert.doesNotMatch(stdout, /hunter2/);
    assert.deepEqual(snapshot(client), before);
  });

  it("alone names what cannot be moved, and advises an import only if it would move something", async (t) => {
    const client = await start(t);
    assert.deepEqual(Object.keys(unmovable).sort(), Object.keys(formats).sort());
    for (const [format, { text, name, refused }] of Object.entries(unmovable)) {
      const path = formats[format].file(client);
      write(path, text, 0o600);
      const overview = await client.run("secrets", ["setup"]);
      assert.deepEqual([overview.code, overview.stderr], [0, ""], format);
      const [, found] = overview.stdout.split("\nCredentials in plain text:\n");
      assert.ok(found?.startsWith(`\n${path}\n  cannot be moved: ${name}: `), overview.stdout);
      assert.equal(found.split("\n").length, 4, found);
      assert.doesNotMatch(overview.stdout, /hunter2|import --from/);
      const imported = await client.run("secrets", ["import", "--from", format, "--delete"]);
      assert.deepEqual([imported.code, imported.stdout], [refused ? 1 : 0, ""], imported.stderr);
      assert.ok(imported.stderr.includes(` ${name} in ${path}: `), imported.stderr);
      assert.doesNotMatch(imported.stderr, /hunter2/);
      assert.equal(readFileSync(path, "utf8"), text);
      rmSync(path);
    }
    // One that can be moved stands beside one that cannot.
    write(formats.git.file(client), formats.git.text + unmovable.git.text, 0o600);
    const both = await client.succeed("secrets", ["setup"]);
    assert.match(
      both,
      /\n {2}https:\/\/me@a\.example\n {2}cannot be moved: line 2: .*\n {2}To store them, run: .*\n$/,
    );
    assert.equal((await client.run("secrets", ["import", "--from", "git", "--delete"])).code, 1);
    assert.equal(readFileSync(formats.git.file(client), "utf8"), unmovable.git.text);
    assert.doesNotMatch(await client.succeed("secrets", ["setup"]), /import --from/);
  });

  for (const [format, { line, name, isLast }] of Object.entries(superseded)) {
    it(`alone names a superseded entry of ${format}, and advises no import until it is removed`, async (t) => {
      const client = await start(t);
      const path = formats[format].file(client);
      const [counts, never] = [line.replace("VALUE", "hunter2"), line.replace("VALUE", "hunter2-old")];
      const text = isLast ? never + counts : counts + never;
      write(path, text, 0o600);
      const overview = await client.succeed("secrets", ["setup"]);
      const label = formats[format].labels[0];
      assert.ok(
        overview.includes(`\n  cannot be moved: ${label}: it stays because of an entry below\n`),
        overview,
      );
      assert.ok(overview.includes(`\n  cannot be moved: ${name}: it is superseded by `), overview);
      assert.match(overview, /which differs\. Remove it by hand\./);
      assert.doesNotMatch(overview, /hunter2|import --from/);
      for (const done of ["stored", "unchanged"]) {
        const { code, stdout, stderr } = await client.run("secrets", [
          "import",
          "--from",
          format,
          "--delete",
        ]);
        assert.deepEqual([code, stdout], [0, `${done} ${label}\n`], stderr);
        assert.ok(stderr.includes(`skipped ${name} in ${path}: it is superseded by `), stderr);
        assert.ok(
          stderr.includes(`${label} stays in ${path}, too, because of an entry that was skipped`),
          stderr,
        );
        assert.doesNotMatch(stderr, /hunter2|deleted/);
        // Without the entry that counts, its client would use the other one.
        assert.equal(readFileSync(path, "utf8"), text);
        assert.equal(await client.succeed("secrets", ["setup"]), overview);
      }
      for (const repaired of [counts, counts + counts]) {
        write(path, repaired, 0o600);
        const advised = await client.succeed("secrets", ["setup"]);
        assert.ok(
          advised.includes(`\n  ${label}\n  To store them, run: secrets import --from ${format} `),
          advised,
        );
        await client.succeed("secrets", ["import", "--from", format, "--delete"]);
        assert.equal(readFileSync(path, "utf8"), "");
        assert.match(await client.succeed("secrets", ["setup"]), /No credentials in plain text were found/);
      }
    });
  }

  it("alone fails and names a file that it cannot read, and still tells the rest", async (t) => {
    const client = await start(t);
    for (const [name, { file, broken }] of Object.entries(formats)) {
      const path = file(client);
      for (const make of [...(broken ? [() => write(path, broken)] : []), () => mkdirSync(path)]) {
        rmSync(path, { force: true });
        mkdirSync(dirname(path), { recursive: true });
        make();
        const { code, stdout, stderr } = await client.run("secrets", ["setup"]);
        assert.equal(code, 1, name);
        assert.ok(stderr.startsWith("secrets: ") && stderr.includes(path), stderr);
        assert.doesNotMatch(stdout + stderr, /hunter2|No credentials/);
        for (const other of Object.keys(clients)) assert.match(stdout, new RegExp(`^${other} `, "m"));
      }
      rmSync(path, { recursive: true });
    }
  });

  it("says that the store does not work, and still changes the client's file", async (t) => {
    const client = await start(t);
    const setup = () => client.run("secrets", ["setup", "bazel", "a.example"]);
    const undo = () => client.succeed("secrets", ["setup", "bazel", "--undo"]);
    assert.equal((await setup()).stderr, "");
    await undo();
    // A locked one works: it asks when a client does.
    await client.lock();
    const locked = await setup();
    assert.equal(locked.code, 0, locked.stderr);
    await undo();
    await client.end();
    const { code, stdout, stderr } = await setup();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^changed /);
    assert.match(
      stderr,
      /store does not work, so that bazel will get an error when it asks .* Run secrets doctor$/m,
    );
    await undo();
  });

  it("refuses --store, which clients would not use", async (t) => {
    const client = await start(t);
    const before = snapshot(client);
    const { code, stderr } = await client.run("secrets", ["setup", "git", "--store", "os"]);
    assert.equal(code, 2);
    assert.match(stderr, /--store cannot be used with setup, because clients use the store/);
    assert.deepEqual(snapshot(client), before);
  });

  it("refuses --dry-run and --undo without a client, and a client that it does not know", async (t) => {
    const client = await start(t);
    for (const args of [["--undo"], ["--dry-run"], ["svn"], ["svn", "--undo"]]) {
      const { code, stdout, stderr } = await client.run("secrets", ["setup", ...args]);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, /name the client|must be one of/);
    }
  });
});
