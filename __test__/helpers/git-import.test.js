// secrets import --from git and --from netrc: passwords leave their plain files, and git still gets them.

const assert = require("node:assert/strict");
const { once } = require("node:events");
const { mkdirSync, readFileSync, statSync, writeFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { dirname, join } = require("node:path");
const { it } = require("node:test");
const { describeClient } = require("../support/clients.js");

/** A request for a host, and perhaps a user. */
const forHost = (host, ...more) => ["protocol=https", `host=${host}`, ...more, ""].join("\n");

describeClient("secrets import", (startClient) => {
  async function start(t) {
    const client = await startClient(t);
    const { session } = client;
    Object.assign(session.env, { GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", GIT_ASKPASS: "" });
    return {
      ...client,
      plain: join(session.home, ".git-credentials"),
      netrc: join(session.home, ".netrc"),
      importFrom: (...args) => client.run("secrets", ["import", "--from", ...args]),
      fill: (host, ...more) =>
        client.succeed("git", ["-c", "credential.helper=os-secrets", "credential", "fill"], {
          input: forHost(host, ...more),
        }),
    };
  }

  it("--from git stores what git credential-store has kept", async (t) => {
    const client = await start(t);
    const logins = [
      ["one.tld", "alice", "pass word"],
      ["two.tld:8443", "b@b", "p/:@%é"],
      ["three.tld", "", ""],
      ["four.tld", "d", '{"password":"x"}'],
    ];
    const oracle = [];
    for (const [host, user, password] of logins) {
      const input = forHost(host, `username=${user}`, `password=${password}`);
      await client.succeed("git", ["credential-store", "store"], { input });
      oracle.push(await client.succeed("git", ["credential-store", "get"], { input: forHost(host) }));
    }
    writeFileSync(client.plain, `# mine\nhttps://x@no-password.tld\n${readFileSync(client.plain, "utf8")}`);
    const before = readFileSync(client.plain, "utf8");
    const { code, stdout, stderr } = await client.importFrom("git", "--dry-run");
    assert.equal(code, 0, stderr);
    assert.equal(stdout.split("\n").filter((line) => line.startsWith("would store ")).length, 4);
    assert.equal((await client.importFrom("git")).code, 0);
    assert.equal(readFileSync(client.plain, "utf8"), before);
    const { mode } = statSync(client.plain);
    const deleted = await client.importFrom("git", "--delete");
    assert.equal(deleted.code, 0, deleted.stderr);
    assert.match(deleted.stderr, /skipped line 2 in \S+: it has no user or no password/);
    assert.doesNotMatch(deleted.stdout + deleted.stderr, /pass word|no-password/);
    assert.equal(readFileSync(client.plain, "utf8"), "# mine\nhttps://x@no-password.tld\n");
    assert.equal(statSync(client.plain).mode, mode);
    for (const [index, [host]] of logins.entries()) {
      assert.equal(await client.fill(host), `protocol=https\nhost=${host}\n${oracle[index]}`);
    }
  });

  it("--from git names what it does not store, stores the rest, and fails", async (t) => {
    const client = await start(t);
    const xdg = join(client.session.configuration, "git", "credentials");
    mkdirSync(dirname(xdg));
    const kept = "https://u:line%0abreak@one.tld\nhttps://u:new@two.tld\n";
    writeFileSync(xdg, `${kept}https://u:p@three.tld\n`);
    await client.store("git:https://two.tld", "u", "old");
    const { code, stdout, stderr } = await client.importFrom("git", "--delete");
    assert.equal(code, 1);
    assert.equal(stdout, "stored https://u@three.tld\n");
    assert.match(stderr, /not stored: line 1 in \S+: it has a line break/);
    assert.match(stderr, /https:\/\/u@two\.tld was not stored: a different value is stored/);
    assert.doesNotMatch(stderr, /break@|new|old@/);
    assert.equal(readFileSync(xdg, "utf8"), kept);
    assert.equal(await client.read("git:https://two.tld", "u"), "old");
    assert.equal((await client.importFrom("git", "--delete", "--force")).code, 1);
    assert.equal(readFileSync(xdg, "utf8"), kept.split("\n")[0].concat("\n"));
    assert.equal(await client.read("git:https://two.tld", "u"), "new");
  });

  it("--from netrc stores the logins of machines for git", async (t) => {
    const client = await start(t);
    const kept =
      "# mine\nmachine ftp.tld\n  login anonymous\nmacdef init\n  cd /pub\n\ndefault login guest password hunter2\n";
    const own =
      'machine one.tld login alice password "pass \\"word"\nmachine one.tld\n\tlogin bob\n\tpassword b\n';
    writeFileSync(client.netrc, `${own}${kept}`, { mode: 0o600 });
    const { code, stdout, stderr } = await client.importFrom("netrc", "--delete");
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "stored machine one.tld login alice\nstored machine one.tld login bob\n");
    assert.match(stderr, /skipped line 11 in \S+: default has no host/);
    assert.match(stderr, /skipped line 6 in \S+: machine ftp\.tld has no login or no password/);
    assert.doesNotMatch(stdout + stderr, /hunter2|pass "/);
    assert.equal(readFileSync(client.netrc, "utf8"), kept);
    assert.equal(
      await client.fill("one.tld"),
      'protocol=https\nhost=one.tld\nusername=alice\npassword=pass "word\n',
    );
    assert.match(await client.fill("one.tld", "username=bob"), /^password=b$/m);
  });

  it("--from netrc stores what curl sends, and leaves machines that can be read in two ways", async (t) => {
    const client = await start(t);
    const sent = [];
    const server = createServer((request, response) => {
      sent.push(Buffer.from(request.headers.authorization?.split(" ")[1] ?? "", "base64").toString());
      response.end();
    });
    server.listen(0, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening");
    const { port } = server.address();
    const curl = async () => {
      const url = `http://127.0.0.1:${port}/`;
      await client.succeed("curl", ["--silent", "--netrc-file", client.netrc, url]);
      return sent.pop();
    };
    for (const login of [
      "login u password good # was password old",
      "login u password p1 login v password p2",
    ]) {
      const kept = `machine 127.0.0.1 ${login}\n`;
      writeFileSync(client.netrc, `machine x.tld login u password p\n${kept}`);
      const before = await curl();
      const { code, stdout, stderr } = await client.importFrom("netrc", "--delete", "--force");
      assert.equal(code, 1);
      assert.equal(stdout.replace("unchanged", "stored"), "stored machine x.tld login u\n");
      assert.match(stderr, /not stored: line 2 in /);
      assert.equal(readFileSync(client.netrc, "utf8"), kept);
      assert.equal(await curl(), before);
    }
    writeFileSync(client.netrc, "machine 127.0.0.1 login u password good # mine\n");
    assert.equal(await curl(), "u:good");
    assert.equal((await client.importFrom("netrc", "--delete")).code, 0);
    assert.equal(readFileSync(client.netrc, "utf8"), "# mine\n");
    assert.equal(await client.read("git:https://127.0.0.1", "u"), "good");
  });

  it("--force does not replace what the same run has stored", async (t) => {
    const client = await start(t);
    const xdg = join(client.session.configuration, "git", "credentials");
    mkdirSync(dirname(xdg));
    writeFileSync(client.plain, "https://u:first@one.tld\n");
    writeFileSync(xdg, "https://u:second@one.tld\n");
    const pypirc = join(client.session.home, ".pypirc");
    const section = (name, password) =>
      `[${name}]\nrepository = https://p.tld/\nusername = u\npassword = ${password}\n`;
    writeFileSync(pypirc, `${section("a", "first")}${section("b", "second")}`);
    for (const format of ["git", "pypirc"]) {
      const dry = await client.importFrom(format, "--force", "--delete", "--dry-run");
      assert.equal(dry.code, 1);
      const { code, stderr } = await client.importFrom(format, "--force", "--delete");
      assert.equal(code, 1);
      assert.match(stderr, /an entry before it has another value/);
    }
    assert.equal(readFileSync(client.plain, "utf8"), "");
    assert.equal(readFileSync(xdg, "utf8"), "https://u:second@one.tld\n");
    assert.equal(await client.read("git:https://one.tld", "u"), "first");
    const left = section("a", "first").replace("password = first\n", "");
    assert.equal(readFileSync(pypirc, "utf8"), `${left}${section("b", "second")}`);
    assert.equal(await client.read("https://p.tld/", "u"), "first");
  });

  it("keeps every entry in its file if the store is locked", async (t) => {
    const client = await start(t);
    await client.store("other", "x", "y");
    const [plain, netrc] = ["https://u:hunter2@one.tld\n", "machine one.tld login u password hunter2\n"];
    writeFileSync(client.plain, plain);
    writeFileSync(client.netrc, netrc);
    await client.lock();
    for (const format of ["git", "netrc"]) {
      const { code, stdout, stderr } = await client.importFrom(format, "--delete");
      assert.deepEqual({ code, stdout }, { code: 3, stdout: "" });
      assert.doesNotMatch(stderr, /hunter2/);
    }
    assert.equal(readFileSync(client.plain, "utf8"), plain);
    assert.equal(readFileSync(client.netrc, "utf8"), netrc);
  });

  it("lists the plain files without their values in the overview", async (t) => {
    const client = await start(t);
    writeFileSync(client.plain, "https://u:hunter2@one.tld\nhttps://hunter2:x-oauth-basic@two.tld\n");
    writeFileSync(client.netrc, "machine one.tld login u password hunter2\n");
    const stdout = await client.succeed("secrets", ["setup"]);
    assert.match(stdout, /\.git-credentials\n {2}https:\/\/u@one\.tld\n/);
    assert.match(stdout, /\.netrc\n {2}machine one\.tld login u\n/);
    assert.doesNotMatch(stdout, /hunter2/);
  });
});
