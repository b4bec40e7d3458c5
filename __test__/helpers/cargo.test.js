// cargo asks os-secrets for the tokens of registries.

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { startCargoRegistry } = require("../support/cargo-registry.js");
const { describeClient } = require("../support/clients.js");
const { sectionExamples } = require("../support/documents.js");
const { ways } = require("../support/programs.js");
const { runOnTerminal } = require("../support/terminal.js");

/** cargo itself: rustup's cargo needs the home directory of the user who runs the tests. */
const cargo = join(
  execFileSync("rustc", ["--print", "sysroot"], { encoding: "utf8" }).trim(),
  "bin",
  "cargo",
);

const PROVIDER = "cargo-credential-os-secrets";
const TOKEN = "Bearer cioToken+/=";

describeClient("cargo", (start) => {
  /** Starts a session with registries, which cargo's configuration names. `setup` is false if cargo does not ask us. */
  async function prepare(t, registries = {}, { setup = true } = {}) {
    const client = await start(t);
    const home = join(client.session.directory, "cargo");
    mkdirSync(home);
    const rustc = join(cargo, "..", "rustc");
    Object.assign(client.session.env, { CARGO_HOME: home, RUSTC: rustc, CARGO_TERM_COLOR: "never" });
    const tables = Object.entries(registries).map(
      ([name, { index }]) => `[registries.${name}]\nindex = "${index}"\n`,
    );
    writeFileSync(join(home, "config.toml"), tables.join("\n"));
    if (setup) await client.succeed("secrets", ["setup", "cargo"]);
    const at = (name) => join(home, name);
    const tokenOf = ({ index }) => client.read(`cargo:${index}`, "token");
    return { ...client, at, tokenOf };
  }

  /** Writes a package with the lines of its manifest after those of [package]. Returns its folder. */
  function writePackage({ session }, name, lines = "") {
    const folder = join(session.directory, name);
    mkdirSync(join(folder, "src"), { recursive: true });
    const head = `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2021"\n`;
    writeFileSync(join(folder, "Cargo.toml"), `${head}license = "MIT"\ndescription = "x"\n${lines}`);
    writeFileSync(join(folder, "src", "lib.rs"), "");
    return folder;
  }

  /** Writes a package that depends on the published crate of each registry. Returns its folder. */
  function writeDependent(client, ...registries) {
    const lines = registries.map(
      (name) => `of-${name} = { version = "0.1", package = "published-crate", registry = "${name}" }\n`,
    );
    return writePackage(client, "dependent", `[dependencies]\n${lines.join("")}`);
  }

  /** Sends lines to the provider, as cargo does. Returns its answers and how it ended. */
  async function talk(client, lines, args = ["--cargo-plugin"]) {
    const input = lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join("");
    const { code, stdout, stderr } = await client.run(PROVIDER, args, { input });
    const answers = stdout.split("\n");
    assert.equal(answers.pop(), "");
    return { code, stderr, answers: answers.map((line) => JSON.parse(line)) };
  }

  const request = (kind, more = {}) => ({
    v: 1,
    registry: { "index-url": "sparse+https://example.com/index/", name: "example" },
    kind,
    ...more,
  });
  const get = request("get", { operation: "read" });

  it("logs in, publishes, builds, yanks and logs out, with a token that only the store has", async (t) => {
    const registry = await startCargoRegistry(t, TOKEN);
    const client = await prepare(t, { mine: registry });
    const run = (args, options) => client.succeed(cargo, args, options);

    await run(["login", "--registry", "mine"], { input: `${TOKEN}\n` });
    assert.equal(await client.tokenOf(registry), TOKEN);
    await run(["publish", "--registry", "mine", "--no-verify"], {
      cwd: writePackage(client, "published-crate"),
    });
    const folder = writeDependent(client, "mine");
    await run(["build"], { cwd: folder });
    assert.ok(existsSync(join(folder, "target", "debug", "libdependent.rlib")));
    const crate = ["--registry", "mine", "published-crate"];
    await run(["yank", "--version", "0.1.0", ...crate]);
    await run(["yank", "--undo", "--version", "0.1.0", ...crate]);
    assert.match(await run(["owner", "--list", ...crate]), /somebody/);
    // cargo asks for a token after a request without one.
    assert.deepEqual(new Set(registry.sent), new Set([null, TOKEN]));

    await run(["logout", "--registry", "mine"]);
    assert.equal(await client.tokenOf(registry), null);
    const { code, stderr } = await client.run(cargo, ["yank", "--version", "0.1.0", ...crate]);
    assert.notEqual(code, 0);
    assert.match(stderr, /no token found for `mine`, please run `cargo login --registry mine`/);
    const again = await client.run(cargo, ["logout", "--registry", "mine"]);
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stderr, /not currently logged in/);
    assert.deepEqual(
      readdirSync(client.at(".")).filter((name) => name.startsWith("credentials")),
      [],
    );
  });

  it("asks for the token on the terminal, without showing it", async (t) => {
    const registry = await startCargoRegistry(t, TOKEN);
    const client = await prepare(t, { mine: registry });
    const command = [cargo, "login", "--registry", "mine"];
    const { shown, code } = await runOnTerminal(client.session, command, [["Token for mine", `${TOKEN}\r`]]);
    assert.equal(code, 0, shown);
    assert.match(shown, new RegExp(`Token for mine from ${registry.url}/me: `));
    assert.ok(!shown.includes(TOKEN));
    assert.equal(await client.tokenOf(registry), TOKEN);
    const ended = await runOnTerminal(client.session, command, [["Token for mine", "\x04"]]);
    assert.match(ended.shown, /No token was given, and nothing was stored/);
    assert.equal(await client.tokenOf(registry), TOKEN);
  });

  it("keeps a token that the registry refuses, and cargo says that it was refused", async (t) => {
    const registry = await startCargoRegistry(t, "another");
    const client = await prepare(t, { mine: registry });
    await client.store(`cargo:${registry.index}`, "token", "outdated");
    const { code, stderr } = await client.run(cargo, ["fetch"], { cwd: writeDependent(client, "mine") });
    assert.notEqual(code, 0);
    assert.match(stderr, /token rejected for `mine`/);
    assert.ok(registry.sent.includes("outdated"));
    assert.equal(await client.tokenOf(registry), "outdated");
  });

  it("sends each registry its own token, also from several cargos at once", async (t) => {
    const [mine, other] = [await startCargoRegistry(t, "one"), await startCargoRegistry(t, "two")];
    const client = await prepare(t, { mine, other });
    await client.succeed(cargo, ["login", "--registry", "mine"], { input: "one" });
    await client.succeed(cargo, ["login", "--registry", "other"], { input: "two" });
    const list = (name) => client.succeed(cargo, ["owner", "--list", "--registry", name, "some-crate"]);
    const listings = await Promise.all(["mine", "other", "mine", "other", "mine", "other"].map(list));
    assert.ok(listings.every((listing) => listing.includes("somebody")));
    assert.deepEqual(new Set(mine.sent), new Set([null, "one"]));
    assert.deepEqual(new Set(other.sent), new Set([null, "two"]));
  });

  it("does what the manual shows", async (t) => {
    const registry = await startCargoRegistry(t, TOKEN);
    const client = await prepare(t, {}, { setup: false });
    const [use, set] = sectionExamples("docs/helpers.md", "cargo", "bash");
    const [configuration] = sectionExamples("docs/helpers.md", "cargo", "toml");
    writeFileSync(client.at("credentials.toml"), '[registry]\ntoken = "a"\n');
    writeFileSync(join(client.session.home, "token.txt"), `${TOKEN}\n`);
    const env = {
      PATH: `${join(cargo, "..")}:${client.session.env.PATH}`,
      CARGO_REGISTRIES_EXAMPLE_INDEX: registry.index,
    };
    assert.match(await client.succeed("bash", ["-ec", use], { env }), /somebody/);
    assert.equal(readFileSync(client.at("config.toml"), "utf8"), configuration);
    assert.equal(readFileSync(client.at("credentials.toml"), "utf8"), "");
    assert.equal(await client.tokenOf(registry), null);
    await client.succeed("bash", ["-ec", set], { env });
    for (const index of [
      "https://github.com/rust-lang/crates.io-index",
      "sparse+https://cargo.example.com/index/",
    ]) {
      assert.equal(await client.tokenOf({ index }), TOKEN);
    }
  });

  for (const way of ["Node", "Bun"]) {
    it(`is answered in the same way by the program of the package in ${way}`, async (t) => {
      const client = await prepare(t);
      const lines = [get, request("login", { token: "one" }), get, request("logout")];
      const input = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
      const [command, ...first] = ways[way](PROVIDER);
      const { code, stdout, stderr } = await client.run(command, [...first, "--cargo-plugin"], { input });
      const native = await client.run(PROVIDER, ["--cargo-plugin"], { input });
      assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: native.stdout, stderr: "" });
    });
  }

  it("stores the token of crates.io under the URL that cargo sends", async (t) => {
    const client = await prepare(t);
    const url = "https://github.com/rust-lang/crates.io-index";
    await client.store(`cargo:${url}`, "token", "of crates.io");
    // logout needs no network.
    await client.succeed(cargo, ["logout"]);
    assert.equal(await client.read(`cargo:${url}`, "token"), null);
  });

  for (const [state, change] of [
    ["locked", "lock"],
    ["missing", "end"],
  ]) {
    it(`lets cargo fail if the store is ${state}, instead of using or storing another token`, async (t) => {
      const registry = await startCargoRegistry(t, TOKEN, "in plain text");
      const client = await prepare(t, { mine: registry });
      await client.store(`cargo:${registry.index}`, "token", TOKEN);
      writeFileSync(client.at("credentials.toml"), '[registries.mine]\ntoken = "in plain text"\n');
      await client[change]();
      for (const [args, input] of [
        [["owner", "--list", "--registry", "mine", "some-crate"], ""],
        [["login", "--registry", "mine"], "new"],
        [["logout", "--registry", "mine"], ""],
      ]) {
        const { code, stderr } = await client.run(cargo, args, { input });
        assert.notEqual(code, 0, args[0]);
        assert.match(stderr, /credential provider `cargo-credential-os-secrets` failed action/);
        assert.doesNotMatch(stderr, /no token found|not currently logged in/);
        assert.ok(!stderr.includes(TOKEN));
      }
      assert.ok(!registry.sent.includes("in plain text"));
      assert.match(readFileSync(client.at("credentials.toml"), "utf8"), /in plain text/);
    });
  }

  it("refuses a token that cargo cannot send, on the way in and on the way out", async (t) => {
    const client = await prepare(t);
    const service = "cargo:sparse+https://example.com/index/";
    for (const token of ["", "a\nb", "a\r", "a\u0000", "t\u00f6ken"]) {
      const { code, answers } = await talk(client, [request("login", { token })]);
      assert.equal(code, 0);
      assert.equal(answers[1].Err.kind, "other");
      assert.match(answers[1].Err.message, /^Nothing was stored: the token (is empty|has line breaks)/);
      assert.equal(await client.read(service, "token"), null);
    }
    await client.store(service, "token", "secret\nline");
    const { answers } = await talk(client, [get]);
    assert.equal(answers[1].Err.kind, "other");
    assert.match(answers[1].Err.message, /Log in again/);
    assert.ok(!JSON.stringify(answers).includes("secret"));
  });

  it("answers every request of the protocol, and what is none", async (t) => {
    const client = await prepare(t);
    const other = { ...get, registry: { "index-url": "git:https://example.com" } };
    const { code, answers, stderr } = await talk(client, [
      get,
      request("login", { token: "one", "login-url": "https://example.com/me", args: ["--x"] }),
      get,
      request("get", { operation: "publish", name: "a", vers: "1.0.0", cksum: "x" }),
      request("get", { operation: "what comes later" }),
      other,
      request("refresh"),
      request("logout"),
      request("logout"),
      { ...get, registry: { "index-url": "no URL" } },
      { ...get, args: ["--store", "/tmp/stolen"] },
    ]);
    const token = { kind: "get", token: "one", cache: "session", operation_independent: true };
    const results = answers.map(({ v, Ok, Err }) => v ?? Ok ?? Err.kind);
    assert.deepEqual(results, [
      [1],
      "not-found",
      { kind: "login" },
      token,
      token,
      token,
      "not-found",
      "operation-not-supported",
      { kind: "logout" },
      "not-found",
      "url-not-supported",
      "other",
    ]);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });

    const nul = JSON.stringify(get).replace("example", "exa\\u0000mple");
    for (const line of [
      "",
      "{",
      "[]",
      "\u0000",
      '{"v":2}',
      `${"[".repeat(100_000)}`,
      "x".repeat(3_000_000),
    ]) {
      const told = await talk(client, [line, get]);
      assert.equal(told.code, 0);
      assert.deepEqual(
        told.answers.slice(1).map(({ Err }) => Err.kind),
        ["other"],
      );
    }
    assert.equal((await talk(client, [nul])).answers[1].Err.kind, "url-not-supported");
  });

  it("tells a user who starts it what to do instead", async (t) => {
    const client = await prepare(t);
    for (const args of [[], ["get"], ["--cargo-plugin", "more"]]) {
      const { code, stdout, stderr } = await client.run(PROVIDER, args);
      assert.deepEqual({ code, stdout }, { code: 2, stdout: "" });
      assert.match(stderr, /run secrets setup cargo/);
    }
  });

  it("does not let the configuration of a project choose the store or the index of an import", async (t) => {
    const registry = await startCargoRegistry(t, TOKEN);
    const client = await prepare(t, { mine: registry });
    await client.store(`cargo:${registry.index}`, "token", TOKEN);
    const folder = writeDependent(client, "mine");
    mkdirSync(join(folder, ".cargo"));
    const project = join(folder, ".cargo", "config.toml");
    const stolen = join(client.session.directory, "stolen.age");
    writeFileSync(
      project,
      `[registries.mine]\ncredential-provider = ["${PROVIDER}", "--store", "${stolen}"]\n`,
    );
    const { code, stderr } = await client.run(cargo, ["fetch"], { cwd: folder });
    assert.notEqual(code, 0);
    assert.match(stderr, /cannot choose the store/);

    writeFileSync(project, '[registries.unknown]\nindex = "sparse+https://example.com/"\n');
    writeFileSync(client.at("credentials.toml"), '[registries.unknown]\ntoken = "secret"\n');
    const imported = await client.run("secrets", ["import", "--from", "cargo"], { cwd: folder });
    assert.match(
      imported.stderr,
      /skipped unknown in \S+: the URL of its index is not in your cargo configuration/,
    );
    assert.equal(await client.read("cargo:sparse+https://example.com/", "token"), null);
  });

  describe("secrets setup cargo", () => {
    const configurations = {
      "no file": null,
      "an empty file": "",
      "other tables": '[net]\nretry = 1\n\n[registries.a]\nindex = "sparse+http://127.0.0.1:9/"\n',
      "a table [registry]": '# Mine\n[registry] # ours\ndefault = "a"\r\n\r\n[net]\r\nretry = 1',
      "an inline table": 'registry = { default = "a" }\n',
      "dotted keys": 'registry.default = "a"\n',
      "one provider": '[registry]\nglobal-credential-providers = ["cargo:libsecret"]\n',
      "providers on lines":
        '[registry]\nglobal-credential-providers = [\n\t"cargo:token", # x\n\t"other --a",\n]\n',
      "an empty list": "[registry]\nglobal-credential-providers = []\n",
    };
    for (const [name, content] of Object.entries(configurations)) {
      it(`makes cargo ask os-secrets, and is undone byte for byte, with ${name}`, async (t) => {
        const client = await prepare(t, {}, { setup: false });
        const path = client.at("config.toml");
        if (content === null) rmSync(path);
        else {
          writeFileSync(path, content);
          chmodSync(path, 0o640);
        }
        const read = () => (existsSync(path) ? readFileSync(path, "utf8") : null);
        const setup = (...args) => client.succeed("secrets", ["setup", "cargo", ...args]);
        assert.match(
          await setup("--dry-run"),
          /would change .*config\.toml\n[\s\S]*\+ .*cargo-credential-os-secrets/,
        );
        assert.equal(read(), content);
        await setup();
        const changed = read();
        if (content !== null) assert.equal(statSync(path).mode & 0o777, 0o640);
        // cargo asks ours first, which has nothing, and then the others.
        const { stderr } = await client.run(cargo, ["logout", "-v", "--registry", "crates-io"]);
        assert.match(stderr, /Credential .*cargo-credential-os-secrets logout crates-io/);
        assert.match(await setup(), /asks os-secrets already/);
        assert.equal(read(), changed);
        assert.match(await client.succeed("secrets", ["setup"]), /^cargo +asks os-secrets$/m);
        await setup("--undo");
        assert.equal(read(), content);
        assert.match(await client.succeed("secrets", ["setup"]), /^cargo +does not ask os-secrets/m);
      });
    }

    it("keeps a symbolic link and what was edited later", async (t) => {
      const client = await prepare(t, {}, { setup: false });
      const [path, linked] = [client.at("config.toml"), join(client.session.home, "cargo.toml")];
      renameSync(path, linked);
      writeFileSync(linked, "[net]\nretry = 1\n");
      symlinkSync(linked, path);
      await client.succeed("secrets", ["setup", "cargo"]);
      assert.ok(lstatSync(path).isSymbolicLink());
      writeFileSync(linked, `# Later\n${readFileSync(linked, "utf8")}[alias]\nb = "build"\n`);
      await client.succeed("secrets", ["setup", "cargo", "--undo"]);
      assert.ok(lstatSync(path).isSymbolicLink());
      assert.equal(readFileSync(linked, "utf8"), '# Later\n[net]\nretry = 1\n[alias]\nb = "build"\n');
    });

    it("takes its setting out of a list that was rewritten since", async (t) => {
      const client = await prepare(t);
      const list = (...items) => `[registry]\nglobal-credential-providers = [${items.join(", ")}]\n`;
      writeFileSync(client.at("config.toml"), list(`'${PROVIDER}'`, "'cargo:token'", "'cargo:libsecret'"));
      await client.succeed("secrets", ["setup", "cargo", "--undo"]);
      assert.equal(
        readFileSync(client.at("config.toml"), "utf8"),
        list("'cargo:token'", "'cargo:libsecret'"),
      );
    });

    it("prefers the file named config, as cargo does", async (t) => {
      const client = await prepare(t, {}, { setup: false });
      writeFileSync(client.at("config"), "[net]\n");
      await client.succeed("secrets", ["setup", "cargo"]);
      assert.match(readFileSync(client.at("config"), "utf8"), /cargo-credential-os-secrets/);
      assert.equal(readFileSync(client.at("config.toml"), "utf8"), "");
    });

    for (const [name, folder] of [
      ["an absolute path", "programs"],
      ["an alias for a path with spaces", "my programs"],
    ]) {
      it(`names a program that is not in PATH by ${name}`, async (t) => {
        const registry = await startCargoRegistry(t, TOKEN);
        const client = await prepare(t, { mine: registry }, { setup: false });
        const before = readFileSync(client.at("config.toml"), "utf8");
        const programs = join(client.session.directory, folder);
        renameSync(client.bin, programs);
        for (const program of ["secrets", PROVIDER]) {
          const path = join(programs, program);
          const target = execFileSync("readlink", ["-f", path], { encoding: "utf8" }).trim();
          rmSync(path);
          execFileSync("cp", [target, path]);
        }
        const secrets = join(programs, "secrets");
        await client.succeed(secrets, ["setup", "cargo"]);
        await client.succeed(cargo, ["login", "--registry", "mine"], { input: TOKEN });
        const list = ["owner", "--list", "--registry", "mine", "some-crate"];
        assert.match(await client.succeed(cargo, list), /somebody/);
        const service = `cargo:${registry.index}`;
        assert.equal(await client.succeed(secrets, ["get", "-n", "--service", service, "token"]), TOKEN);
        await client.succeed(secrets, ["setup", "cargo", "--undo"]);
        assert.equal(readFileSync(client.at("config.toml"), "utf8"), before);
      });
    }

    it("changes nothing in a file that it does not understand", async (t) => {
      const client = await prepare(t, {}, { setup: false });
      for (const [content, message] of [
        ["[registry\n", /is not valid TOML, line 1/],
        ["registry = 1\n", /cannot be changed\. Add "cargo-credential-os-secrets"/],
        ['[registry]\nglobal-credential-providers = "cargo:token"\n', /cannot be changed/],
      ]) {
        writeFileSync(client.at("config.toml"), content);
        const { code, stderr } = await client.run("secrets", ["setup", "cargo"]);
        assert.equal(code, 1);
        assert.match(stderr, message);
        assert.equal(readFileSync(client.at("config.toml"), "utf8"), content);
      }
      writeFileSync(client.at("config.toml"), '[registries.a]\ncredential-provider = "cargo:token"\n');
      const { stderr } = await client.run("secrets", ["setup", "cargo"]);
      assert.match(stderr, /registries\.a in .*config\.toml has a credential-provider of its own/);
    });
  });

  describe("secrets import --from cargo", () => {
    it("moves tokens to where cargo finds them, and leaves the rest of the file", async (t) => {
      const [mine, other] = [await startCargoRegistry(t, "one"), await startCargoRegistry(t, "two")];
      const client = await prepare(t, { mine });
      client.session.env.CARGO_REGISTRIES_OTHER_ONE_INDEX = other.index;
      const path = client.at("credentials.toml");
      const rest = ["# Mine\n", '\n[registries.unknown]\ntoken = "three"\n', 'secret-key = "k3.secret"\n'];
      const content =
        `${rest[0]}[registry]\ntoken = "of crates.io"\n\n[registries.mine]\ntoken = "one" # x\n` +
        `[registries.other-one]\ntoken = "two"\n${rest[1]}${rest[2]}`;
      writeFileSync(path, content, { mode: 0o600 });
      const listed = await client.succeed("secrets", ["setup"]);
      assert.match(
        listed,
        /credentials\.toml\n {2}crates\.io \(https:\/\/github\.com\/rust-lang\/crates\.io-index\)\n/,
      );
      assert.doesNotMatch(listed, /"|three|k3/);

      await client.succeed("secrets", ["import", "--from", "cargo"]);
      assert.equal(readFileSync(path, "utf8"), content);
      const { code, stdout, stderr } = await client.run("secrets", ["import", "--from", "cargo", "--delete"]);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /skipped unknown in \S+: the URL of its index/);
      assert.match(stderr, /skipped unknown in \S+: the secret key stays/);
      assert.doesNotMatch(stdout + stderr, /three|k3\.secret|"one"|"two"/);
      assert.equal(readFileSync(path, "utf8"), `${rest[0]}\n${rest[1]}${rest[2]}`);
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.equal(
        await client.read("cargo:https://github.com/rust-lang/crates.io-index", "token"),
        "of crates.io",
      );
      for (const name of ["mine", "other-one"]) {
        const list = ["owner", "--list", "--registry", name, "some-crate"];
        assert.match(await client.succeed(cargo, list), /somebody/);
      }
    });

    it("neither overwrites a different token nor deletes its entry, unless it is forced to", async (t) => {
      const registry = { index: "sparse+https://example.com/index/" };
      const client = await prepare(t, { mine: registry });
      await client.store(`cargo:${registry.index}`, "token", "stored");
      const path = client.at("credentials.toml");
      const entry = '[registries.mine]\ntoken = "in the file"\n';
      writeFileSync(path, `[registry]\ntoken = "a"\n${entry}`);
      const args = ["import", "--from", "cargo", "--delete"];
      const { code, stderr } = await client.run("secrets", args);
      assert.equal(code, 1);
      assert.match(stderr, /mine .*: a different value is stored/);
      assert.equal(await client.tokenOf(registry), "stored");
      assert.equal(readFileSync(path, "utf8"), entry);
      await client.succeed("secrets", [...args, "--force"]);
      assert.equal(await client.tokenOf(registry), "in the file");
      assert.equal(readFileSync(path, "utf8"), "");
    });

    it("leaves the file as it is if the store is locked or missing", async (t) => {
      for (const change of ["lock", "end"]) {
        const client = await prepare(t);
        const content = '[registry]\ntoken = "a"\n';
        writeFileSync(client.at("credentials.toml"), content);
        await client[change]();
        const { code } = await client.run("secrets", ["import", "--from", "cargo", "--delete"]);
        assert.equal(code, 3);
        assert.equal(readFileSync(client.at("credentials.toml"), "utf8"), content);
      }
    });
  });
});
