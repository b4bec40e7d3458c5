// git asks os-secrets for its credentials.

const assert = require("node:assert/strict");
const { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { place } = require("../../tools/install.js");
const { describeClient } = require("../support/clients.js");
const { startGitServer } = require("../support/git-server.js");
const { ways } = require("../support/programs.js");
const { startSession } = require("../support/session.js");

const HELPER = "git-credential-os-secrets";

/** What makes git give up. */
const QUIT = "quit=1\n";

/** The lines of a request. */
const lines = (...attributes) => attributes.map((attribute) => `${attribute}\n`).join("");

/** A request for a host. */
const forHost = (...attributes) => lines("protocol=https", "host=example.com", ...attributes);

/** Adds to a client what the tests of git need. */
function withGit(client) {
  const { session } = client;
  // What git asks, the user answers with this: the password, and whatever user the URL has.
  const askpass = join(session.directory, "askpass");
  writeFileSync(
    askpass,
    `#!/bin/sh\necho "$1" >>"${session.directory}/asked"\ncase "$1" in User*) echo alice ;; *) echo typed ;; esac\n`,
    { mode: 0o700 },
  );
  Object.assign(session.env, { GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", GIT_ASKPASS: askpass });
  writeFileSync(
    join(session.home, ".gitconfig"),
    "[credential]\n\thelper = os-secrets\n[user]\n\tname = Test\n\temail = test@example.com\n",
  );
  return {
    ...client,
    /** Runs the helper. Returns what it answers; it must not fail. */
    async ask(operation, input) {
      const { code, stdout, stderr } = await client.run(HELPER, [operation], { input });
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      return stdout;
    },
    /** Runs the helper, which must fail, and print nothing to git but what is given. Returns its message. */
    async fail(operation, input, answer = "") {
      const { code, stdout, stderr } = await client.run(HELPER, [operation], { input });
      assert.notEqual(code, 0);
      assert.equal(stdout, answer);
      assert.match(stderr, /^secrets: [^\n]+\n$/);
      return stderr;
    },
    /** What the user was asked. */
    asked() {
      const path = join(session.directory, "asked");
      return existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
    },
    /** Makes a folder in the session. */
    folder(name) {
      const path = join(session.directory, name);
      mkdirSync(path);
      return path;
    },
  };
}

describeClient("git", (startClient) => {
  const start = async (t) => withGit(await startClient(t));

  it("clones, fetches and pushes with a stored password, and asks nobody", async (t) => {
    const client = await start(t);
    const server = await startGitServer(t, client.folder("repositories"), { alice: "pass word" });
    server.addRepository("one");
    await client.store(`git:${server.url}`, "alice", "pass word");
    await client.succeed("git", ["clone", "--quiet", `${server.url}/one.git`]);
    const one = { cwd: join(client.session.home, "one") };
    await client.succeed("git", ["commit", "--quiet", "--allow-empty", "-m", "second"], one);
    await client.succeed("git", ["push", "--quiet", "origin", "main"], one);
    await client.succeed("git", ["fetch", "--quiet"], one);
    const log = await client.succeed("git", ["log", "--format=%s", "origin/main"], one);
    assert.equal(log, "second\none\n");
    assert.deepEqual(client.asked(), []);
    assert.deepEqual(new Set(server.seen), new Set(["alice:pass word"]));
  });

  it("stores what the user types, and asks no second time", async (t) => {
    const client = await start(t);
    const server = await startGitServer(t, client.folder("repositories"), { alice: "typed" });
    server.addRepository("one");
    await client.succeed("git", ["clone", "--quiet", `${server.url}/one.git`]);
    assert.deepEqual(client.asked(), [
      `Username for '${server.url}': `,
      `Password for '${server.url.replace("//", "//alice@")}': `,
    ]);
    assert.equal(await client.read(`git:${server.url}`, "alice"), "typed");
    await client.succeed("git", ["clone", "--quiet", `${server.url}/one.git`, "again"]);
    assert.equal(client.asked().length, 2);
  });

  it("erases a password that the server rejects", async (t) => {
    const client = await start(t);
    const server = await startGitServer(t, client.folder("repositories"), { alice: "other" });
    server.addRepository("one");
    const service = `git:${server.url}`;
    await client.store(service, "alice", "wrong");
    await client.store(service, "bob", "of bob");
    const url = `${server.url.replace("//", "//alice@")}/one.git`;
    const { code, stderr } = await client.run("git", ["clone", "--quiet", url]);
    assert.equal(code, 128);
    assert.match(stderr, /Authentication failed/);
    assert.equal(await client.read(service, "alice"), null);
    assert.equal(await client.read(service, "bob"), "of bob");
    // git first tries the user that the URL names, without a password.
    assert.deepEqual(new Set(server.seen), new Set(["alice:", "alice:wrong"]));
  });

  it("erases a password with which the server rejects a push", async (t) => {
    const client = await start(t);
    const logins = { alice: "secret" };
    const server = await startGitServer(t, client.folder("repositories"), logins);
    server.addRepository("one");
    const service = `git:${server.url}`;
    await client.store(service, "alice", "secret");
    await client.store(service, "bob", "of bob");
    await client.succeed("git", ["clone", "--quiet", `${server.url.replace("//", "//alice@")}/one.git`]);
    const one = { cwd: join(client.session.home, "one") };
    await client.succeed("git", ["commit", "--quiet", "--allow-empty", "-m", "second"], one);
    logins.alice = "typed";
    const push = () => client.run("git", ["push", "--quiet", "origin", "main"], one);
    const { code, stderr } = await push();
    assert.equal(code, 128, stderr);
    assert.match(stderr, /Authentication failed/);
    assert.deepEqual(client.asked(), []);
    assert.equal(await client.read(service, "alice"), null);
    assert.equal(await client.read(service, "bob"), "of bob");
    // Without it, git asks the user, and the server accepts the answer.
    assert.equal((await push()).code, 0);
    assert.equal(client.asked().length, 1);
    assert.equal(await client.read(service, "alice"), "typed");
  });

  it("gives nothing to a server whose URL forges another host", async (t) => {
    const client = await start(t);
    const server = await startGitServer(t, client.folder("repositories"), {});
    const victims = ["http://victim.tld", "https://victim.tld"];
    for (const victim of victims) await client.store(`git:${victim}`, "alice", "to-be-stolen");
    for (const end of ["%0a", "%0d", "%0d%0a"]) {
      const forged = `alice${end}host=victim.tld`;
      const inUser = `${server.url.replace("//", `//${forged}${end}x=@`)}/one.git`;
      const inHost = `${server.url}${end}host=victim.tld/one.git`;
      // Without its own protection, git sends helpers a carriage return.
      for (const protect of ["true", "false"]) {
        const run = (args, input) =>
          client.run("git", ["-c", `credential.protectProtocol=${protect}`, ...args], { input });
        for (const url of [inUser, inHost]) {
          const cloned = await run(["clone", "--quiet", url]);
          assert.equal(cloned.code, 128, cloned.stderr);
          const filled = await run(["credential", "fill"], `url=${url}\n\n`);
          for (const { stdout, stderr } of [cloned, filled])
            assert.doesNotMatch(stdout + stderr, /to-be-stolen/);
          if (url === inUser && end === "%0d" && protect === "false")
            assert.match(filled.stderr, /^secrets: git's request has a carriage return/m);
        }
      }
    }
    assert.doesNotMatch(server.seen.join("\n"), /to-be-stolen/);
    for (const victim of victims) assert.equal(await client.read(`git:${victim}`, "alice"), "to-be-stolen");
  });

  it("fetches many submodules in parallel", async (t) => {
    const client = await start(t);
    const server = await startGitServer(t, client.folder("repositories"), { alice: "secret" });
    const names = Array.from({ length: 8 }, (_, index) => `part${index}`);
    for (const name of names) server.addRepository(name);
    server.addRepository("whole", Object.fromEntries(names.map((name) => [name, `../${name}.git`])));
    await client.store(`git:${server.url}`, "alice", "secret");
    const args = ["clone", "--quiet", "--recurse-submodules", "--jobs=8", `${server.url}/whole.git`];
    await client.succeed("git", args);
    for (const name of names) {
      const file = join(client.session.home, "whole", name, "file");
      assert.equal(readFileSync(file, "utf8"), `${name}\n`);
    }
    assert.deepEqual(client.asked(), []);
    assert.equal(await client.read(`git:${server.url}`, "alice"), "secret");
  });

  it("stores the passwords of many users that come at the same time", async (t) => {
    const client = await start(t);
    const users = Array.from({ length: 12 }, (_, index) => `user${index}`);
    const login = (user) => forHost(`username=${user}`, `password=of ${user}`);
    await Promise.all(users.map((user) => client.ask("store", login(user))));
    const answers = await Promise.all(users.map((user) => client.ask("get", forHost(`username=${user}`))));
    assert.deepEqual(
      answers,
      users.map((user) => `username=${user}\npassword=of ${user}\n`),
    );
    await Promise.all(users.slice(1).map((user) => client.ask("erase", login(user))));
    assert.equal(await client.ask("get", forHost()), "username=user0\npassword=of user0\n");
  });

  it("answers for a path only if git asks with the path (credential.useHttpPath)", async (t) => {
    const client = await start(t);
    const server = await startGitServer(t, client.folder("repositories"), { alice: "typed", bob: "of bob" });
    server.addRepository("one");
    server.addRepository("two");
    await client.succeed("git", ["config", "--global", "credential.useHttpPath", "true"]);
    await client.store(`git:${server.url}/two.git`, "bob", "of bob");
    await client.succeed("git", ["clone", "--quiet", `${server.url}/two.git`]);
    assert.deepEqual(client.asked(), []);
    await client.succeed("git", ["clone", "--quiet", `${server.url}/one.git`]);
    assert.equal(client.asked().length, 2);
    assert.equal(await client.read(`git:${server.url}/one.git`, "alice"), "typed");
    assert.equal(await client.read(`git:${server.url}`, "alice"), null);
  });

  it("an npm installation answers git, too", async (t) => {
    const client = await start(t);
    const server = await startGitServer(t, client.folder("repositories"), { alice: "typed" });
    server.addRepository("one");
    const [node, ...args] = ways.Node(HELPER);
    const helper = `!'${node}' ${args.map((arg) => `'${arg}'`).join(" ")}`;
    const clone = (name) =>
      client.succeed("git", [
        ...["-c", "credential.helper=", "-c", `credential.helper=${helper}`],
        ...["clone", "--quiet", `${server.url}/one.git`, name],
      ]);
    await clone("first");
    await clone("second");
    assert.equal(client.asked().length, 2);
    assert.equal(await client.read(`git:${server.url}`, "alice"), "typed");
  });

  it("answers as git's own credential-store does", async (t) => {
    const client = await start(t);
    const file = join(client.session.directory, "store");
    const steps = [
      ["get", forHost()],
      ["store", forHost("username=store-user", "password=store-pass")],
      ["get", forHost()],
      ["get", forHost("username=store-user")],
      ["get", forHost("password=other")],
      ["get", lines("protocol=http", "host=example.com")],
      ["get", lines("protocol=https", "host=other.tld")],
      ["get", lines("protocol=https", "host=example.com:8443")],
      ["get", forHost("username=other")],
      ["get", forHost("username=Store-User")],
      ["get", forHost("path=repo.git")],
      // Replaced.
      ["store", forHost("username=store-user", "password=second")],
      ["get", forHost()],
      ["erase", forHost("username=store-user", "password=second")],
      ["get", forHost()],
      // Several users.
      ["store", forHost("username=user2", "password=pass2")],
      ["store", forHost("username=user1", "password=pass1")],
      ["get", forHost("username=user1")],
      ["get", forHost("username=user2")],
      ["erase", forHost("username=user1")],
      ["get", forHost("username=user1")],
      ["get", forHost()],
      ["store", forHost("username=user3", "password=pass3")],
      ["erase", forHost()],
      ["get", forHost()],
      // Paths.
      ["store", forHost("path=a/b.git", "username=u", "password=p")],
      ["get", forHost("path=a/b.git")],
      ["get", forHost("path=a")],
      ["get", forHost("path=a/b")],
      ["get", forHost("path=other.git")],
      ["erase", forHost("path=a/b.git")],
      // Single sign-on.
      ["store", lines("protocol=https", "host=sso.tld", "username=", "password=")],
      ["get", lines("protocol=https", "host=sso.tld")],
      ["get", lines("protocol=https", "host=sso.tld", "username=")],
      // A client's certificate.
      ["store", lines("protocol=cert", "host=", "path=home/a/c.pem", "username=", "password=of the key")],
      ["get", lines("protocol=cert", "host=", "path=home/a/c.pem")],
      // All in one.
      ["store", lines("url=https://u%40x:p%2f%3A@all.tld/")],
      ["get", lines("url=https://all.tld")],
      // Passwords of any kind.
      ...['{"password":"x"}', "{", " a b ", "é", "a=b", "x".repeat(2000)].flatMap((password) => [
        ["store", lines("protocol=https", "host=odd.tld", "username=u", `password=${password}`)],
        ["get", lines("protocol=https", "host=odd.tld", "username=u")],
      ]),
      // Neither what is incomplete nor what is unknown does anything.
      ["store", forHost("username=u")],
      ["store", forHost("password=p")],
      ["store", lines("host=example.com", "username=u", "password=p")],
      ["store", lines("protocol=https", "username=u", "password=p")],
      ["erase", ""],
      ["approve", forHost("username=u", "password=p")],
      ["get", forHost()],
      [
        "get",
        lines("protocol=https", "host=badguy.tld", `wwwauth[]=Basic ${"a".repeat(5000)}host=example.com`),
      ],
      ["get", `${lines("protocol=https", "host=all.tld", "future=1", "future[]=2")}\nhost=example.com\n`],
      ["get", lines("protocol=https", "host=nobody.tld", "host=all.tld")],
    ];
    for (const [operation, input] of steps) {
      const of = `${operation} ${input}`;
      const oracle = await client.succeed("git", ["credential-store", "--file", file, operation], { input });
      assert.equal(await client.ask(operation, input), oracle, of);
    }
  });

  it("differs from credential-store only where the manual says so", async (t) => {
    const client = await start(t);
    await client.ask("store", forHost("path=repo.git", "username=u", "password=p"));
    // A password for a path is not offered for the whole host.
    assert.equal(await client.ask("get", forHost()), "");
    // git names a client's certificate by its absolute path.
    const certificate = ["protocol=cert", "host=", "path=/home/a/c.pem"];
    await client.ask("store", lines(...certificate, "username=", "password=of the key"));
    assert.equal(await client.ask("get", lines(...certificate)), "username=\npassword=of the key\n");
    assert.equal(await client.ask("get", lines("protocol=cert", "host=", "path=home/a/c.pem")), "");
    // Of several users, the first by name is offered, whoever was stored last.
    await client.ask("store", forHost("username=bob", "password=1"));
    await client.ask("store", forHost("username=alice", "password=2"));
    await client.ask("store", forHost("username=bob", "password=3"));
    assert.equal(await client.ask("get", forHost()), "username=alice\npassword=2\n");
    // Only the stored password is erased. Before git 2.42, credential-store erased another one, too.
    await client.ask("erase", forHost("username=alice", "password=1"));
    await client.ask("erase", forHost("password=3"));
    assert.equal(await client.ask("get", forHost("username=bob")), "");
    assert.equal(await client.ask("get", forHost()), "username=alice\npassword=2\n");
    // A carriage return is refused.
    await client.fail("get", "protocol=https\r\nhost=example.com\r\n");
  });

  it("offers a password that was stored with secrets set", async (t) => {
    const client = await start(t);
    await client.store("git:https://example.com", "alice", "hunter2");
    assert.equal(await client.ask("get", forHost()), "username=alice\npassword=hunter2\n");
    // JSON that is not ours is a password as well.
    await client.store("git:https://example.com", "alice", '{"type":"service_account"}');
    const password = 'password={"type":"service_account"}\n';
    assert.equal(await client.ask("get", forHost("username=alice")), `username=alice\n${password}`);
  });

  it("stores a bare password, and JSON only if there is more", async (t) => {
    const client = await start(t);
    const service = "git:https://example.com";
    await client.ask("store", forHost("username=a", "password=p"));
    assert.equal(await client.read(service, "a"), "p");
    await client.ask("store", forHost("username=a", "password=p", "oauth_refresh_token=t"));
    const stored = { password: "p", oauth_refresh_token: "t" };
    assert.deepEqual(JSON.parse(await client.read(service, "a")), stored);
    // An older git forgets the token. It belongs to the same password.
    await client.ask("store", forHost("username=a", "password=p"));
    assert.deepEqual(JSON.parse(await client.read(service, "a")), stored);
    const answer = lines("username=a", "password=p", "oauth_refresh_token=t");
    assert.equal(await client.ask("get", forHost()), answer);
    // Another password has another token, or none.
    await client.ask("store", forHost("username=a", "password=q"));
    assert.equal(await client.read(service, "a"), "q");
  });

  it("offers nothing after password_expiry_utc but the refresh token", async (t) => {
    const client = await start(t);
    const service = "git:https://example.com";
    const [past, future] = ["1000000000", "9999999999"];
    const expiring = (expiry, ...more) =>
      JSON.stringify({ password: "p", password_expiry_utc: expiry, ...more[0] });
    await client.ask("store", forHost("username=a", "password=p", `password_expiry_utc=${future}`));
    const valid = lines("username=a", "password=p", `password_expiry_utc=${future}`);
    assert.equal(await client.ask("get", forHost()), valid);
    await client.store(service, "a", expiring(past));
    assert.equal(await client.ask("get", forHost()), "");
    assert.equal(await client.ask("get", forHost("username=a")), "");
    // Another user's password is still valid.
    await client.ask("store", forHost("username=b", "password=q"));
    assert.equal(await client.ask("get", forHost()), "username=b\npassword=q\n");
    await client.ask("erase", forHost("username=b"));
    await client.store(service, "a", expiring(past, { oauth_refresh_token: "t" }));
    assert.equal(await client.ask("get", forHost()), "username=a\noauth_refresh_token=t\n");
    // What has expired is not stored.
    await client.ask("store", forHost("username=c", "password=p", `password_expiry_utc=${past}`));
    assert.equal(await client.read(service, "c"), null);
    // The rejected password, with whatever git knows about it, is erased.
    await client.ask("erase", forHost("username=a", "password=p", `password_expiry_utc=${past}`));
    assert.equal(await client.read(service, "a"), null);
  });

  it("stores and offers what the capability authtype allows", async (t) => {
    const client = await start(t);
    const [service, capability] = ["git:https://example.com", "capability[]=authtype"];
    const bearer = [capability, "authtype=Bearer", "credential=random-token"];
    await client.ask("store", lines(...bearer, "protocol=https", "host=example.com"));
    assert.deepEqual(JSON.parse(await client.read(service, "<none>")), {
      authtype: "Bearer",
      credential: "random-token",
    });
    const capabilities = ["capability[]=authtype", "capability[]=state"];
    const asked = lines(
      ...capabilities,
      "protocol=https",
      "host=example.com",
      "state[]=other:1",
      "wwwauth[]=Bearer",
    );
    assert.equal(await client.ask("get", asked), lines(...bearer));
    // Not without the capability, and not for a user.
    assert.equal(await client.ask("get", forHost()), "");
    assert.equal(
      await client.ask("get", lines(capability, "protocol=https", "host=example.com", "username=a")),
      "",
    );
    await client.ask("store", lines(...bearer, "protocol=https", "host=example.com", "username=a"));
    const ofUser = lines(capability, "protocol=https", "host=example.com", "username=a");
    assert.equal(await client.ask("get", ofUser), lines(...bearer, "username=a"));
    // A password of the same user without the capability replaces it.
    await client.ask("store", forHost("username=a", "password=p"));
    assert.equal(await client.ask("get", ofUser), lines("username=a", "password=p"));
    // What is ephemeral is not stored, and what was not announced is not understood.
    const host = ["protocol=https", "host=short.tld"];
    await client.ask("store", lines(...bearer, "ephemeral=1", ...host));
    await client.ask("store", lines("authtype=Bearer", "credential=x", ...host));
    assert.equal(await client.ask("get", lines(capability, ...host)), "");
    // Another credential than the stored one was rejected.
    const rejected = (credential) =>
      lines(capability, "authtype=Bearer", `credential=${credential}`, "protocol=https", "host=example.com");
    await client.ask("erase", rejected("other"));
    assert.equal(await client.ask("get", asked), lines(...bearer));
    await client.ask("erase", rejected("random-token"));
    assert.equal(await client.read(service, "<none>"), null);
    assert.equal(await client.ask("capability", ""), "version 0\ncapability authtype\n");
  });

  describe("a git with the capability authtype", () => {
    const usr = place("newer-git", "usr");

    /** Starts a session. Returns it with functions that run `git credential` of the newer git. */
    async function startNewer(t) {
      const client = await start(t);
      const env = { GIT_EXEC_PATH: join(usr, "lib", "git-core") };
      const run = (operation, ...attributes) => {
        const input = `${lines(...attributes)}\n`;
        return client.run(join(usr, "bin", "git"), ["credential", operation], { input, env });
      };
      const credential = async (...words) => {
        const { code, stdout, stderr } = await run(...words);
        assert.equal(code, 0, stderr);
        return stdout;
      };
      return { client, credential, run };
    }

    const capability = "capability[]=authtype";
    const example = ["protocol=https", "host=example.com"];
    const service = "git:https://example.com";
    const expiry = "password_expiry_utc=9999999999";

    it("stores a bearer token, gets it back, and erases it", async (t) => {
      const { client, credential } = await startNewer(t);
      const bearer = ["authtype=Bearer", "credential=random-token"];
      const renewal = ["oauth_refresh_token=renew", expiry];
      await credential("approve", capability, ...bearer, ...example, ...renewal);
      assert.deepEqual(JSON.parse(await client.read(service, "<none>")), {
        authtype: "Bearer",
        credential: "random-token",
        oauth_refresh_token: "renew",
        password_expiry_utc: "9999999999",
      });
      const filled = lines(capability, ...bearer, ...example, ...renewal);
      assert.equal(await credential("fill", capability, ...example), filled);
      assert.deepEqual(client.asked(), []);
      // A program that has not announced the capability gets no token: git asks the user for a password.
      const typed = lines(...example, "username=alice", "password=typed");
      assert.equal(await credential("fill", ...example), typed);
      assert.equal(client.asked().length, 2);

      // Another token that was rejected takes nothing away.
      await credential("reject", capability, "authtype=Bearer", "credential=other", ...example);
      assert.equal(await credential("fill", capability, ...example), filled);
      await credential("reject", capability, ...bearer, ...example, ...renewal);
      assert.equal(await client.read(service, "<none>"), null);
      assert.equal(await credential("fill", capability, ...example), typed);
    });

    it("stores the tokens of several users, and no ephemeral one", async (t) => {
      const { client, credential } = await startNewer(t);
      for (const user of ["alice", "bob"]) {
        const token = ["authtype=Bearer", `credential=of ${user}`, `username=${user}`];
        await credential("approve", capability, ...token, ...example);
      }
      for (const user of ["alice", "bob"]) {
        const token = ["authtype=Bearer", `credential=of ${user}`];
        const filled = await credential("fill", capability, ...example, `username=${user}`);
        assert.equal(filled, lines(capability, ...token, ...example, `username=${user}`));
      }
      const short = ["protocol=https", "host=short.tld"];
      await credential("approve", capability, "authtype=Bearer", "credential=x", "ephemeral=1", ...short);
      assert.equal(await client.read("git:https://short.tld", "<none>"), null);
      assert.deepEqual(client.asked(), []);
    });

    it("stores and gets a password with its expiry and refresh token", async (t) => {
      const { client, credential } = await startNewer(t);
      const login = ["username=alice", "password=p"];
      const renewal = ["oauth_refresh_token=renew", expiry];
      await credential("approve", ...example, ...login, ...renewal);
      assert.equal(await credential("fill", ...example), lines(...example, ...login, ...renewal));
      assert.deepEqual(client.asked(), []);
      // Once it has expired, git asks the user, and has the refresh token for other helpers.
      const expired = { password: "p", password_expiry_utc: "1000000000", oauth_refresh_token: "renew" };
      await client.store(service, "alice", JSON.stringify(expired));
      const typed = [...example, "username=alice", "password=typed", "oauth_refresh_token=renew"];
      assert.equal(await credential("fill", ...example), lines(...typed));
      await credential("reject", ...example, ...login, ...renewal);
      assert.equal(await client.read(service, "alice"), null);
    });

    it("gets no token from a store that is locked or gone, and does not ask the user", async (t) => {
      const { client, run } = await startNewer(t);
      for (const state of ["lock", "end"]) {
        await client[state]();
        const { code, stdout, stderr } = await run("fill", capability, ...example);
        assert.deepEqual({ code, stdout }, { code: 128, stdout: "" });
        assert.match(stderr, /^secrets: /m);
        assert.deepEqual(client.asked(), []);
      }
    });
  });

  it("does not write what is stored already", async (t) => {
    const client = await start(t);
    await client.ask("store", forHost("username=a", "password=p"));
    const folder = client.session.data;
    const state = () =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(join(entry.parentPath, entry.name), "base64"));
    const before = state();
    assert.ok(before.length > 0);
    await client.ask("store", forHost("username=a", "password=p"));
    assert.deepEqual(state(), before);
    await client.ask("store", forHost("username=a", "password=q"));
    assert.notDeepEqual(state(), before);
  });

  it("fails and makes git give up if the store is locked", async (t) => {
    const client = await start(t);
    await client.ask("store", forHost("username=a", "password=hunter2"));
    await client.lock();
    for (const operation of ["get", "store", "erase"]) {
      for (const user of [[], ["username=a"]]) {
        const message = await client.fail(
          operation,
          forHost(...user, "password=hunter2", ...(user.length ? [] : ["username=a"])),
          operation === "get" ? QUIT : "",
        );
        assert.doesNotMatch(message, /hunter2|not found|no such/i);
      }
    }
    await client.fail("get", forHost(), QUIT);
  });

  for (const state of ["lock", "end"]) {
    it(`git says so and does not ask the user if the store ${state === "lock" ? "is locked" : "is gone"}`, async (t) => {
      const client = await start(t);
      const server = await startGitServer(t, client.folder("repositories"), { alice: "typed" });
      server.addRepository("one");
      await client.store(`git:${server.url}`, "alice", "typed");
      await client[state]();
      if (state === "end") {
        await client.fail("get", forHost(), QUIT);
        await client.fail("store", forHost("username=a", "password=p"));
        await client.fail("erase", forHost("username=a", "password=p"));
      }
      const { code, stderr } = await client.run("git", ["clone", "--quiet", `${server.url}/one.git`]);
      assert.equal(code, 128, stderr);
      assert.match(stderr, /^secrets: /m);
      assert.match(stderr, /told us to quit/);
      assert.deepEqual(client.asked(), []);
    });
  }

  it("says in two sentences that there is no store, and what to do next", async (t) => {
    const client = await start(t);
    await client.end();
    for (const [operation, answer] of [
      ["get", QUIT],
      ["store", ""],
    ]) {
      const message = await client.fail(operation, forHost("username=u", "password=hunter2"), answer);
      assert.match(message, /^secrets: (The|No) credential store [^.]*\. Run secrets doctor\n$/);
    }
  });

  it("refuses hostile input", async (t) => {
    const client = await start(t);
    await client.store("git:https://victim.tld", "u", "to-be-stolen");
    const inputs = [
      "protocol=https\nhost=victim.tld\r\n",
      "protocol=https\nhost=evil.tld\rhost=victim.tld\n",
      "protocol=https\nhost=victim.tld\0\n",
      "protocol=https\nhost\n",
      "protocol=git:https\nhost=victim.tld\n",
      "protocol=https\nhost=victim.tld/path\n",
      "url=https://evil.tld%0ahost=victim.tld/\n",
      Buffer.from("protocol=https\nhost=\xff\n", "latin1"),
      `protocol=https\nhost=victim.tld\nx=${"a".repeat(17 << 20)}\n`,
    ];
    for (const input of inputs) {
      for (const operation of ["get", "store", "erase"]) {
        const message = await client.fail(operation, input);
        assert.doesNotMatch(message, /to-be-stolen/);
      }
    }
    await client.fail("store", lines("protocol=https", "host=h", "username=<none>", "password=p"));
    // Other clients have other services.
    await client.store("docker:victim.tld", "u", "of docker");
    for (const host of ["", "victim.tld"]) {
      assert.equal(await client.ask("get", lines("protocol=docker", `host=${host}`)), "");
    }
    assert.equal(await client.read("git:https://victim.tld", "u"), "to-be-stolen");
  });

  it("never sends git a value with a line break", async (t) => {
    const client = await start(t);
    const service = "git:https://example.com";
    const values = [
      "hunter2\n",
      "x\nhost=evil.tld",
      "x\r",
      '{"password":"hunter2\\n"}',
      '{"password":"hunter2","oauth_refresh_token":"a\\rb"}',
      '{"password":7}',
      "x".repeat(65536),
    ];
    for (const value of values) {
      await client.store(service, "a", value);
      for (const request of [forHost(), forHost("username=a")]) {
        const message = await client.fail("get", request);
        assert.match(message, /A credential of git:https:\/\/example\.com has /);
        assert.doesNotMatch(message, /hunter2/);
      }
      // Another password that works replaces it.
      await client.ask("store", forHost("username=a", "password=good"));
      assert.equal(await client.ask("get", forHost()), "username=a\npassword=good\n");
    }
  });

  it("offers another user's password in place of a damaged one, and names no user who may be a token", async (t) => {
    const client = await start(t);
    const service = "git:https://example.com";
    await client.store(service, "ghp_token", '{"password":1}');
    assert.doesNotMatch(await client.fail("get", forHost()), /ghp_token/);
    assert.doesNotMatch(await client.fail("get", forHost("username=ghp_token")), /ghp_token/);
    await client.store(service, "middle", "a\nb");
    await client.store(service, "zoe", "good");
    assert.equal(await client.ask("get", forHost()), "username=zoe\npassword=good\n");
    await client.fail("get", forHost("username=ghp_token"));
    const renewable = { password: "p", password_expiry_utc: "1000000000", oauth_refresh_token: "t" };
    await client.store(service, "zoe", JSON.stringify(renewable));
    assert.equal(await client.ask("get", forHost()), "username=zoe\noauth_refresh_token=t\n");
  });

  it("says how to set it up if a user starts it", async (t) => {
    const client = await start(t);
    for (const args of [[], ["--help"]]) {
      const { code, stdout, stderr } = await client.run(HELPER, args);
      assert.deepEqual({ code, stdout }, { code: 2, stdout: "" });
      assert.match(stderr, /secrets setup git/);
    }
    const { code, stdout } = await client.run("secrets", ["helper", "git", "get"], { input: forHost() });
    assert.deepEqual({ code, stdout }, { code: 0, stdout: "" });
  });

  it("takes a store in git's configuration", async (t) => {
    const client = await start(t);
    const file = join(client.session.directory, "team.age");
    await client.run("secrets", ["init"]);
    const helper = `os-secrets --store '${file}'`;
    const input = forHost("username=a", "password=p");
    await client.succeed(
      "git",
      ["-c", "credential.helper=", "-c", `credential.helper=${helper}`, "credential", "approve"],
      {
        input,
      },
    );
    assert.equal(await client.read("git:https://example.com", "a"), null);
    const stored = await client.succeed("secrets", [
      "--store",
      file,
      "get",
      "--service",
      "git:https://example.com",
      "a",
    ]);
    assert.equal(stored, "p\n");
  });
});

describe("git on a keyring that is locked from the start", () => {
  const service = "git:https://example.com";

  /** Starts a locked keyring, which hides what it holds, with a password of alice's. Its own password is "right". */
  async function startLocked(t) {
    const session = await startSession({ keyring: false });
    t.after(() => session.stop());
    const prompter = await session.startPrompter();
    const first = await session.startKeyring({ password: "right", prompter });
    const run = (name, args, input) => {
      const [program, ...rest] = ways.native(name);
      return session.run(program, [...rest, ...args], { input, env: { DISPLAY: ":0" } });
    };
    const { code } = await run("secrets", ["set", "--service", service, "alice"], "hunter2");
    assert.equal(code, 0);
    await session.end(first);
    await session.startKeyring({ password: null, prompter });
    return { prompter, get: (...more) => run(HELPER, ["get"], forHost(...more)) };
  }

  for (const [of, more] of [
    ["a user", ["username=alice"]],
    ["whatever user there is", []],
  ]) {
    it(`the keyring asks for its password when git asks for ${of}`, async (t) => {
      const { prompter, get } = await startLocked(t);
      await prompter.expect("password right");
      const { code, stdout, stderr } = await get(...more);
      assert.deepEqual(
        { code, stdout, stderr },
        {
          code: 0,
          stdout: "username=alice\npassword=hunter2\n",
          stderr: "",
        },
      );
    });

    it(`it is an error, and not an empty answer, if the user cancels that for ${of}`, async (t) => {
      const { prompter, get } = await startLocked(t);
      await prompter.expect("cancel");
      const { code, stdout, stderr } = await get(...more);
      assert.deepEqual({ code, stdout }, { code: 3, stdout: QUIT });
      assert.match(stderr, /^secrets: .*dismissed/);
    });
  }
});
