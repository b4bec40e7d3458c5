// pip and uv ask the program `keyring` that `secrets setup keyring` makes, against an index with basic authentication.

const assert = require("node:assert/strict");
const { once } = require("node:events");
const { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { delimiter, join } = require("node:path");
const { describe, it } = require("node:test");
const { place } = require("../../tools/install.js");
const { describeClient } = require("../support/clients.js");
const { examples } = require("../support/documents.js");
const { package, startIndex, wheelName } = require("../support/index-server.js");
const { ways } = require("../support/programs.js");
const { startSession } = require("../support/session.js");
const { runOnTerminal } = require("../support/terminal.js");

const [secrets] = ways.native("secrets");
const pip = place("pip", "bin", "pip");
/** Debian's own pip. It asks for a user's password only. */
const oldPip = place("uv", "bin", "pip");
const uv = place("uv", "bin", "uv");
/** The real keyring, which came with twine. */
const realKeyring = place("twine", "bin", "keyring");

/** Starts a session with an index and our `keyring`. The users are two of one host. */
async function startWithIndex(t, start, users = { alice: "a-pass", bob: `b pass:%41"'` }) {
  const client = await start(t);
  await client.succeed("secrets", ["setup", "keyring", client.bin]);
  const index = await startIndex(t, client, users);
  const folder = mkdtempSync(join(client.session.directory, "downloads-"));
  const withUser = (user) => index.simple.replace("//", `//${user}@`);
  const download = (program, options, url) =>
    client.run(
      program,
      ["download", "--no-deps", "--dest", folder, "--index-url", url, ...options, package],
      {
        env: { PIP_DISABLE_PIP_VERSION_CHECK: "1" },
      },
    );
  return {
    client,
    index,
    withUser,
    /** Downloads the package with pip. Fails if pip had to ask the user. */
    pip: (url) => download(pip, ["--no-input", "--keyring-provider", "subprocess"], url),
    oldPip: (url) => download(oldPip, [], url),
    uv: (url, env = {}) =>
      client.run(uv, ["pip", "install", "--no-deps", "--target", mkdtempSync(join(folder, "uv-")), package], {
        env: { ...uvEnvironment, UV_KEYRING_PROVIDER: "subprocess", UV_DEFAULT_INDEX: url, ...env },
      }),
  };
}

const uvEnvironment = { UV_NO_CACHE: "1", UV_PYTHON: "/usr/bin/python3", UV_PYTHON_DOWNLOADS: "never" };

function assertDone({ code, stdout, stderr }) {
  assert.equal(code, 0, stdout + stderr);
}

describeClient("keyring", (start) => {
  it("answers pip, with the user of the URL and without", async (t) => {
    const { client, index, withUser, ...run } = await startWithIndex(t, start);
    await client.store(index.simple, "alice", "a-pass");
    await client.store(index.simple, "bob", index.users.bob);
    assertDone(await run.pip(withUser("bob")));
    assertDone(await run.pip(index.simple));
    // Without a user, the first one is taken.
    assert.deepEqual([...new Set(index.entered)], ["bob", "alice"]);
  });

  it("answers pip by the host of the index", async (t) => {
    const { client, index, withUser, ...run } = await startWithIndex(t, start);
    await client.store(index.host, "bob", index.users.bob);
    assertDone(await run.pip(withUser("bob")));
    assertDone(await run.pip(index.simple));
  });

  it("answers an older pip", async (t) => {
    const { client, index, withUser, ...run } = await startWithIndex(t, start);
    await client.store(index.host, "bob", index.users.bob);
    assertDone(await run.oldPip(withUser("bob")));
    assert.deepEqual([...new Set(index.entered)], ["bob"]);
  });

  it("answers uv, by the URL and by the host", async (t) => {
    const { client, index, withUser, ...run } = await startWithIndex(t, start);
    await client.store(index.host, "alice", "a-pass");
    assertDone(await run.uv(withUser("alice")));
    await client.store(index.simple, "bob", index.users.bob);
    assertDone(await run.uv(withUser("bob")));
    assert.deepEqual([...new Set(index.entered)], ["alice", "bob"]);
  });

  it("answers uv without a user if it is told to authenticate always", async (t) => {
    const { client, index, ...run } = await startWithIndex(t, start);
    await client.store(index.simple, "alice", "a-pass");
    const settings = join(client.session.home, "uv.toml");
    writeFileSync(settings, `[[index]]\nurl = "${index.simple}"\ndefault = true\nauthenticate = "always"\n`);
    assertDone(await run.uv(index.simple, { UV_CONFIG_FILE: settings, UV_DEFAULT_INDEX: undefined }));
    assert.deepEqual([...new Set(index.entered)], ["alice"]);
  });

  it("answers uv publish", async (t) => {
    const { client, index } = await startWithIndex(t, start);
    await client.store(index.upload, "bob", index.users.bob);
    const args = ["publish", "--publish-url", index.upload, "--username", "bob", index.wheel];
    assertDone(await client.run(uv, args, { env: { ...uvEnvironment, UV_KEYRING_PROVIDER: "subprocess" } }));
    assert.deepEqual(index.uploads, [{ user: "bob", file: wheelName }]);
  });

  it("uv publish uploads nothing with a wrong password or a store that fails, and keeps what is stored", async (t) => {
    const { client, index } = await startWithIndex(t, start);
    await client.store(index.upload, "bob", "old");
    const args = ["publish", "--publish-url", index.upload, "--username", "bob", index.wheel];
    const publish = () =>
      client.run(uv, args, { env: { ...uvEnvironment, UV_KEYRING_PROVIDER: "subprocess" } });
    const wrong = await publish();
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.stderr, /\b401\b/);
    assert.deepEqual([...new Set(index.refused)], ["bob"]);
    assert.equal(await client.read(index.upload, "bob"), "old");
    for (const state of ["lock", "end"]) {
      await client[state]();
      const failed = await publish();
      assert.notEqual(failed.code, 0);
      assert.match(failed.stderr, /^secrets: /m);
    }
    assert.deepEqual(index.uploads, []);
  });

  it("keeps a password that the index refuses", async (t) => {
    const { client, index, withUser, ...run } = await startWithIndex(t, start);
    await client.store(index.simple, "alice", "old");
    for (const tool of ["pip", "uv"]) {
      const { code, stdout, stderr } = await run[tool](withUser("alice"));
      assert.notEqual(code, 0);
      assert.match(stdout + stderr, /\b401\b|authoriz/i);
      assert.equal(await client.read(index.simple, "alice"), "old");
    }
    assert.ok(index.refused.length > 0);
    index.users.alice = "old";
    assertDone(await run.pip(withUser("alice")));
  });

  it("fails if the store is locked or cannot be reached, and never says that there is no password", async (t) => {
    const { client, index, withUser, ...run } = await startWithIndex(t, start);
    await client.store(index.simple, "alice", "a-pass");
    const commands = [
      ["get", index.simple, "alice"],
      ["--mode=creds", "--output=json", "get", index.simple],
      ["del", index.simple, "alice"],
    ];
    for (const state of ["lock", "end"]) {
      await client[state]();
      for (const command of commands) {
        const { code, stdout, stderr } = await client.run("keyring", command);
        assert.equal(code, 3, `${state} ${command}: ${stderr}`);
        assert.equal(stdout, "");
        assert.match(stderr, /^secrets: .+\n$/);
      }
      const set = await client.run("keyring", ["set", index.simple, "alice"], { input: "hunter2\n" });
      assert.equal(set.code, 3, set.stderr);
      assert.notEqual((await run.pip(withUser("alice"))).code, 0);
      const uvRun = await run.uv(withUser("alice"));
      assert.notEqual(uvRun.code, 0);
      assert.match(uvRun.stderr, /^secrets: /m);
    }
    assert.deepEqual(index.entered, []);
  });

  it("stores, prints and deletes passwords as Python's keyring does", async (t) => {
    const { client, index } = await startWithIndex(t, start);
    const run = (...args) => client.run("keyring", args);
    const [service, bob] = [index.simple, index.users.bob];
    await client.succeed("keyring", ["set", service, "bob"], { input: `${bob}\n` });
    await client.succeed("keyring", ["set", service, "alice"], { input: "a-pass\r\n" });
    assert.equal(await client.read(service, "bob"), bob);
    assert.equal(await client.read(service, "alice"), "a-pass");
    for (const [args, stdout] of [
      [["get", service, "bob"], `${bob}\n`],
      [["get", service, "--mode", "creds"], "alice\na-pass\n"],
      [["get", "--mode=creds", service, "bob"], `bob\n${bob}\n`],
      [["get", service, "bob", "--output", "json"], `${JSON.stringify({ password: bob })}\n`],
      [
        ["--output=json", "--mode", "creds", "get", "--", service],
        `${JSON.stringify({ username: "alice", password: "a-pass" })}\n`,
      ],
    ])
      assert.deepEqual(await run(...args), { code: 0, signal: null, stdout, stderr: "" }, `${args}`);
    assertDone(await run("del", service, "alice"));
    const none = { code: 1, signal: null, stdout: "", stderr: "" };
    assert.deepEqual(await run("get", service, "alice"), none);
    assert.deepEqual(await run("--mode=creds", "get", "http://127.0.0.1/other/"), none);
    assert.deepEqual(await run("get", "", ""), none);
    const gone = await run("del", service, "alice");
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /there is no password of alice/);
  });

  it("refuses what a client would misread", async (t) => {
    const { client, index } = await startWithIndex(t, start);
    const service = index.simple;
    const bad = [
      ["lines", "first\nsecond"],
      ["ends", "first\n"],
      ["carriage", "first\rsecond"],
    ];
    for (const [user, value] of bad) {
      await client.store(service, user, value);
      const { code, stdout, stderr } = await client.run("keyring", ["get", service, user]);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, /line break/);
      assert.doesNotMatch(stderr, /first|second/);
      const json = await client.succeed("keyring", ["--output=json", "get", service, user]);
      assert.deepEqual(JSON.parse(json), { password: value });
    }
    await client.store(service, "user\nbreak", "value");
    const { code, stdout } = await client.run("keyring", ["--mode=creds", "get", service, "user\nbreak"]);
    assert.deepEqual([code, stdout], [1, ""]);
    for (const input of [Buffer.from([0xff, 0xfe]), "a\0b", "", "\n"]) {
      const set = await client.run("keyring", ["set", service, "new"], { input });
      assert.notEqual(set.code, 0);
    }
    const huge = await client.run("keyring", ["set", service, "new"], { input: "x".repeat(20_000_000) });
    assert.notEqual(huge.code, 0);
    assert.equal(await client.read(service, "new"), null);
    // The credentials of another client are not found by another spelling.
    await client.store("git:https://example.com", "alice", "for-git");
    for (const name of ["https://example.com", "example.com", "git:https://example.com/"]) {
      assert.equal((await client.run("keyring", ["--mode=creds", "get", name])).code, 1);
    }
  });

  it("keeps the user's own secrets and the credentials of other clients from an index that names them", async (t) => {
    const { client, index, ...run } = await startWithIndex(t, start);
    const named = index.simple.replace(index.host, "npm_token@os-secrets");
    await client.succeed("secrets", ["set", "npm_token"], { input: "s3cret" });
    await client.store("aws", "default", "s3cret");
    const services = ["git:https://h", "docker:h", "cargo:https://h/", "npm://h/", "kubernetes:https://h"];
    services.push("terraform:h", "bazel:h");
    for (const service of services) await client.store(service, "u", "s3cret");
    const keys = services.map((service) => [service, "u"]);
    keys.push(["os-secrets", "npm_token"], ["aws", "default"]);
    const none = { code: 1, signal: null, stdout: "", stderr: "" };
    for (const [service, user] of keys) {
      assert.deepEqual(await client.run("keyring", ["get", service, user]), none);
      assert.deepEqual(await client.run("keyring", ["--mode=creds", "get", service]), none);
      const set = await client.run("keyring", ["set", service, user], { input: "planted" });
      assert.equal(set.code, 1);
      assert.match(set.stderr, /is a service of os-secrets itself/);
      assert.equal((await client.run("keyring", ["del", service, user])).code, 1);
      assert.equal(await client.read(service, user), "s3cret");
    }
    // pip asks by the host, and would send the answer to whoever has this name in the network.
    const received = [];
    const proxy = createServer((request, response) => {
      received.push(request.headers.authorization);
      response.writeHead(401, { "WWW-Authenticate": "Basic" }).end();
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    t.after(() => proxy.closeAllConnections() ?? proxy.close());
    Object.assign(client.session.env, {
      http_proxy: `http://127.0.0.1:${proxy.address().port}`,
      PIP_TRUSTED_HOST: "os-secrets",
    });
    const asked = await run.pip(named);
    assert.notEqual(asked.code, 0);
    assert.ok(received.length > 0, asked.stdout + asked.stderr);
    const sent = received.map((value) =>
      Buffer.from((value ?? "").replace("Basic ", ""), "base64").toString(),
    );
    assert.ok(!sent.some((value) => value.includes("s3cret")));
  });

  it("works as the manual shows", async (t) => {
    const client = await start(t);
    const [setup, , stored] = examples("docs/helpers.md", "bash").filter((text) => /keyring/.test(text));
    const PATH = `${join(client.session.home, ".local", "bin")}${delimiter}${client.session.env.PATH}`;
    for (const script of [setup, stored]) {
      assertDone(await client.run("bash", ["--norc", "-euc", script], { env: { PATH } }));
    }
    assert.equal(await client.read("https://pypi.example.com/simple/", "alice"), "a-password");
    assert.equal(await client.read("pypi.example.com", "bob"), "a-password");
  });

  it("asks on a terminal for the password to store, without showing it", async (t) => {
    const client = await start(t);
    await client.succeed("secrets", ["setup", "keyring", client.bin]);
    const command = [join(client.bin, "keyring"), "set", "https://example.com/", "alice"];
    const steps = [["Password for 'alice' in 'https://example.com/': ", "typed pass\r"]];
    const { code, kept, shown } = await runOnTerminal(client.session, command, steps);
    assert.deepEqual([code, kept], [0, true], shown);
    assert.doesNotMatch(shown, /typed/);
    assert.equal(await client.read("https://example.com/", "alice"), "typed pass");
    const none = await runOnTerminal(client.session, command, [[": ", "\u0004"]]);
    assert.equal(none.code, 1);
    assert.match(none.shown, /nothing was changed/);
  });

  it("answers many at once", async (t) => {
    const { client, index } = await startWithIndex(t, start);
    await client.store(index.simple, "alice", "a-pass");
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => client.succeed("keyring", ["get", index.simple, "alice"])),
    );
    assert.deepEqual(answers, Array(10).fill("a-pass\n"));
  });
});

describe("the program keyring", () => {
  it("takes and refuses the command lines that Python's keyring takes and refuses", async (t) => {
    const session = await startSession();
    t.after(() => session.stop());
    const ours = join(session.directory, "bin");
    assertDone(await session.run(secrets, ["setup", "keyring", ours]));
    const lines = [
      "",
      "get",
      "get s",
      "get s u",
      "get s none",
      "get none --mode creds",
      "get s u --mode password",
      "get s u --mode=wrong",
      "get s u --output",
      "get s u extra",
      "get s u --unknown",
      "get s u -x",
      "--mode creds get s u",
      "--mode=creds get s",
      "set s",
      "set s u extra",
      "del s",
      "del s none",
      "list",
      "--help",
      "--list-backends",
      "diagnose",
    ];
    const results = {};
    for (const program of [realKeyring, join(ours, "keyring")]) {
      assertDone(await session.run(program, ["set", "s", "u"], { input: "p w\n" }));
      results[program] = [];
      for (const line of lines) {
        const { code, stdout } = await session.run(program, line === "" ? [] : line.split(" "));
        // The usage, the backends and the diagnosis are not the same.
        results[program].push([
          line,
          code,
          line.startsWith("get") || line.startsWith("--mode") ? stdout : "",
        ]);
      }
    }
    const [real, own] = Object.values(results);
    assert.deepEqual(own, real);
  });

  it("is made by npm's secrets as well", async (t) => {
    const session = await startSession();
    t.after(() => session.stop());
    const bin = join(session.directory, "bin");
    const [node, ...script] = ways.Node("secrets");
    assertDone(await session.run(node, [...script, "setup", "keyring", bin]));
    assertDone(await session.run(join(bin, "keyring"), ["set", "s", "u"], { input: "p" }));
    assert.equal((await session.run(join(bin, "keyring"), ["get", "s", "u"])).stdout, "p\n");
    assert.match(readFileSync(join(bin, "keyring"), "utf8"), /bin\/secrets\.js' helper keyring "\$@"\n$/);
  });

  it("is never put in place of another program", async (t) => {
    const session = await startSession({ bus: false });
    t.after(() => session.stop());
    const bin = join(session.directory, "with 'quotes' and spaces");
    mkdirSync(bin);
    writeFileSync(join(bin, "keyring"), "#!/bin/sh\necho other\n", { mode: 0o755 });
    const refused = await session.run(secrets, ["setup", "keyring", bin]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /is another program and was not changed/);
    assert.equal(readFileSync(join(bin, "keyring"), "utf8"), "#!/bin/sh\necho other\n");
    // Only the directory's own name is needed, even if it does not exist.
    const other = join(session.directory, "new 'directory'");
    const made = await session.run(secrets, ["setup", "keyring", other]);
    assertDone(made);
    assert.match(made.stderr, /is not in PATH/);
    const both = { env: { PATH: [bin, other, process.env.PATH].join(delimiter) } };
    const second = await session.run(secrets, ["setup", "keyring"], both);
    assertDone(second);
    assert.match(second.stderr, /programs find .*with 'quotes' and spaces\/keyring first/);
    assert.match(second.stdout, /already/);
    assert.match((await session.run(secrets, ["setup"], both)).stdout, /^keyring +does not ask/m);
    const first = { env: { PATH: [other, bin, process.env.PATH].join(delimiter) } };
    assert.equal((await session.run(secrets, ["setup", "keyring"], first)).stderr, "");
    assert.match((await session.run(secrets, ["setup"], first)).stdout, /^keyring +asks os-secrets$/m);
    assertDone(await session.run(secrets, ["setup", "keyring", "--undo"], first));
    assert.equal(existsSync(other), false);
    assert.ok(existsSync(join(bin, "keyring")));
  });

  it("needs a directory", async (t) => {
    const session = await startSession({ bus: false });
    t.after(() => session.stop());
    const { code, stderr } = await session.run(secrets, ["setup", "keyring"]);
    assert.equal(code, 2);
    assert.match(stderr, /name a directory in PATH/);
  });
});
