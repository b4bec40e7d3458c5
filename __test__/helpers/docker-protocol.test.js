// The protocol of docker-credential-helpers. The inputs are those of its own tests; the answers are compared with those of
// Docker's own helpers.

const assert = require("node:assert/strict");
const { mkdirSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { describe, it } = require("node:test");
const { describeClient } = require("../support/clients.js");
const { runProgram } = require("../support/programs.js");
const { startSession } = require("../support/session.js");

const OURS = "docker-credential-os-secrets";
const NOT_FOUND = "credentials not found in native keychain\n";
const done = { code: 0, stdout: "", stderr: "" };
const failed = (stdout) => ({ code: 1, stdout, stderr: "" });
const spell = (ServerURL, Username, Secret) => JSON.stringify({ ServerURL, Username, Secret });

/** Runs a helper with one word. A JSON object in its answer is parsed: its members have no order. */
async function ask(client, program, word, input = "") {
  const { code, stdout, stderr } = await client.run(program, [word], { input });
  return { code, stdout: stdout.startsWith("{") ? JSON.parse(stdout) : stdout, stderr };
}

const steps = [
  ["list"],
  ["get", "https://registry.example.com/v1"],
  ["store", spell("https://registry.example.com/v1", "foo", "bar")],
  ["get", "https://registry.example.com/v1"],
  ["get", "https://registry.example.com/v1\n"],
  ["get", "  https://registry.example.com/v1 \r\n"],
  ["get", "https://registry.example.com/v1/"],
  ["get", "registry.example.com"],
  ["store", `${spell("https://example.com:5002", "<token>", "abcd1234")}\n`],
  ["get", "https://example.com:5002"],
  ["store", spell("https://foobar.example.com:2376/v1", "nothing", "isthebestmeshuggahalbum")],
  ["get", "https://foobar.example.com:2376/v1"],
  ["store", spell("https://foobar.example.com:2376/v1", "nothing", 'new "secret" & <more> \\ ä👋')],
  ["get", "https://foobar.example.com:2376/v1"],
  ["erase", "https://foobar.example.com:2376/v1"],
  ["get", "https://foobar.example.com:2376/v1"],
  ["erase", "https://foobar.example.com:2376/v1"],
  ["store", spell("", "foo", "bar")],
  ["store", spell("https://registry.example.com/v1/", "", "bar")],
  ["store", '{"Username":"foo","Secret":"bar"}'],
  ["get", ""],
  ["get", " \n"],
  ["erase", ""],
  ["store", '{\n  "serverurl": "a",\n  "username": "b",\n  "secret": "c", "more": [1]\n}'],
  ["get", "a"],
  ["erase", "https://registry.example.com/v1"],
  ["erase", "https://example.com:5002"],
  ["erase", "a"],
  ["list"],
];

describeClient(OURS, (start) => {
  it("answers each step as docker-credential-secretservice does", async (t) => {
    const client = await start(t);
    const theirs = await startSession();
    t.after(() => theirs.stop());
    for (const [word, input] of steps) {
      const expected = await ask(theirs, "docker-credential-secretservice", word, input);
      assert.deepEqual(await ask(client, OURS, word, input), expected, `${word} ${input}`);
    }
  });

  it("keeps the credentials of Docker's own tests", async (t) => {
    const client = await start(t);
    const run = (word, input) => ask(client, OURS, word, input);
    assert.deepEqual(await run("list", "unused"), { code: 0, stdout: {}, stderr: "" });
    for (const [server, user, secret] of [
      ["https://registry.example.com/v1", "foo", "bar"],
      ["https://example.com:5002", "<token>", "abcd1234"],
      ["https://foobar.example.com:2376/v1", "foo", "isthebestmeshuggahalbum"],
      ["https://foobar.example.com:2375/v1", "bar", "isthebestmeshuggahalbum"],
    ]) {
      assert.deepEqual(await run("store", spell(server, user, secret)), done);
      const answer = { ServerURL: server, Username: user, Secret: secret };
      assert.deepEqual(await run("get", server), { code: 0, stdout: answer, stderr: "" });
      assert.equal(await client.read(`docker:${server}`, user), secret);
    }
    assert.deepEqual((await run("list")).stdout, {
      "https://registry.example.com/v1": "foo",
      "https://example.com:5002": "<token>",
      "https://foobar.example.com:2376/v1": "foo",
      "https://foobar.example.com:2375/v1": "bar",
    });
    assert.deepEqual(await run("get", "https://missing.example.com/v1"), failed(NOT_FOUND));
    assert.deepEqual(await run("get", ""), failed("no credentials server URL\n"));
    assert.deepEqual(await run("erase", ""), failed("no credentials server URL\n"));
    assert.deepEqual(await run("store", spell("", "foo", "bar")), failed("no credentials server URL\n"));
    assert.deepEqual(
      await run("store", spell("https://a.example", "", "bar")),
      failed("no credentials username\n"),
    );
    assert.deepEqual(await run("erase", "https://example.com:5002"), done);
    assert.deepEqual(await run("get", "https://example.com:5002"), failed(NOT_FOUND));
    assert.deepEqual(await run("erase", "https://example.com:5002"), done);
  });

  it("spells its answers as Go does", async (t) => {
    const client = await start(t);
    await ask(client, OURS, "store", spell("a&b", "<token>", 'x"\\\n\u2028ä'));
    const { stdout } = await client.run(OURS, ["get"], { input: "a&b" });
    assert.equal(
      stdout,
      '{"ServerURL":"a\\u0026b","Username":"\\u003ctoken\\u003e","Secret":"x\\"\\\\\\n\\u2028ä"}\n',
    );
    const list = await client.run(OURS, ["list"]);
    assert.equal(list.stdout, '{"a\\u0026b":"\\u003ctoken\\u003e"}\n');
  });

  it("says how it is used and which version it is", async (t) => {
    const client = await start(t);
    const usage = `Usage: ${OURS} <store|get|erase|list|version>\n`;
    const version = `${OURS} (os-secrets) v${require("../../package.json").version}\n`;
    for (const [words, code, stdout] of [
      [[], 1, usage],
      [["get", "x"], 1, usage],
      [["--help"], 0, usage],
      [["-h"], 0, usage],
      [["version"], 0, version],
      [["--version"], 0, version],
      [["-v"], 0, version],
      [["wrong"], 1, `${OURS}: unknown action: wrong\n`],
      [["-x"], 1, `${OURS}: unknown action: -x\n`],
    ]) {
      assert.deepEqual(
        await client.run(OURS, words),
        { code, signal: null, stdout, stderr: "" },
        words.join(" "),
      );
    }
  });

  it("offers what secrets set has stored, under secrets helper docker as well", async (t) => {
    const client = await start(t);
    await client.store("docker:registry.example.com", "alice", "one");
    const { stdout } = await client.run("secrets", ["helper", "docker", "get"], {
      input: "registry.example.com",
    });
    assert.deepEqual(JSON.parse(stdout), {
      ServerURL: "registry.example.com",
      Username: "alice",
      Secret: "one",
    });
  });

  it("keeps one user for each server: the last one that is stored", async (t) => {
    const client = await start(t);
    for (const user of ["carol", "alice", "bob"]) {
      assert.deepEqual(await ask(client, OURS, "store", spell("registry.example.com", user, user)), done);
      const { stdout } = await ask(client, OURS, "get", "registry.example.com");
      assert.equal(stdout.Username, user);
    }
    assert.equal(await client.read("docker:registry.example.com", "alice"), null);
    await client.store("docker:registry.example.com", "alice", "a");
    const { stdout } = await ask(client, OURS, "list");
    assert.deepEqual(Object.keys(stdout), ["registry.example.com"]);
    // It deletes all of the server.
    assert.deepEqual(await ask(client, OURS, "erase", "registry.example.com"), done);
    for (const user of ["alice", "bob"])
      assert.equal(await client.read("docker:registry.example.com", user), null);
  });

  it("loses no server when several processes store users of it at once", async (t) => {
    const client = await start(t);
    const users = Array.from({ length: 8 }, (_, index) => `user${index}`);
    const stored = users.map((user) => ask(client, OURS, "store", spell("r", user, `of ${user}`)));
    const read = users.map(() => ask(client, OURS, "get", "s"));
    assert.deepEqual(
      await Promise.all(stored),
      users.map(() => done),
    );
    assert.deepEqual(
      await Promise.all(read),
      users.map(() => failed(NOT_FOUND)),
    );
    const { stdout } = await ask(client, OURS, "get", "r");
    assert.equal(stdout.Secret, `of ${stdout.Username}`);
    const parallel = users.map(() => ask(client, OURS, "get", "r"));
    for (const answer of await Promise.all(parallel)) assert.deepEqual(answer.stdout, stdout);
  });

  it("has nothing to do with credentials of other clients", async (t) => {
    const client = await start(t);
    const others = [
      ["git:https://a.example", "alice"],
      ["a.example", "alice"],
      ["docker", "alice"],
      ["Docker:a.example", "alice"],
      ["docker:", "alice"],
    ];
    for (const [service, name] of others) await client.store(service, name, "theirs");
    for (const server of ["https://a.example", "a.example"])
      assert.deepEqual(await ask(client, OURS, "get", server), failed(NOT_FOUND));
    assert.deepEqual((await ask(client, OURS, "list")).stdout, {});
    assert.deepEqual(await ask(client, OURS, "erase", "a.example"), done);
    for (const [service, name] of others) assert.equal(await client.read(service, name), "theirs");
  });

  it("refuses hostile input, stores nothing of it and prints none of it", async (t) => {
    const client = await start(t);
    const huge = "hunter2".repeat(3 << 20);
    for (const [word, input] of [
      ["store", ""],
      ["store", "hunter2"],
      ["store", "null"],
      ["store", '["hunter2"]'],
      ["store", `${spell("a", "b", "hunter2")} hunter2`],
      ["store", spell("a", "b", "hunter2").slice(0, -1)],
      ["store", '{"ServerURL":"a","Username":"b","Secret":["hunter2"]}'],
      ["store", '{"ServerURL":1,"Username":"b","Secret":"hunter2"}'],
      ["store", spell("a\nb", "b", "hunter2")],
      ["store", spell("a\r\nhunter2", "b", "hunter2")],
      ["store", spell(" a", "b", "hunter2")],
      ["store", spell("a\0", "b", "hunter2")],
      ["store", spell("a", "b\0c", "hunter2")],
      ["store", '{"ServerURL":"a","Username":"b","Secret":"\\ud800hunter2"}'],
      ["store", Buffer.from([0x7b, 0xff, 0x7d])],
      ["store", "[".repeat(1 << 20)],
      ["store", spell("a", "b", huge)],
      ["store", `${" ".repeat(100 << 20)}hunter2`],
      ["get", "a\0hunter2"],
      ["get", Buffer.from([0xff, 0xfe])],
      ["get", `${huge.repeat(5)}`],
      ["erase", "a\0hunter2"],
    ]) {
      const { code, stdout, stderr } = await ask(client, OURS, word, input);
      const told = `${word} ${String(input).slice(0, 80)}: ${stdout}`;
      assert.equal(code, 1, told);
      assert.match(stdout, /^[^\n]+\n$/, told);
      assert.doesNotMatch(stdout, /hunter2|^no credentials|not found/, told);
      assert.equal(stderr, "", told);
    }
    assert.deepEqual((await ask(client, OURS, "list")).stdout, {});
  });

  it("keeps values of any text unchanged", async (t) => {
    const client = await start(t);
    for (const secret of [
      "two\nlines\r\n",
      " ",
      "\u0001\u007f",
      "{}",
      "x".repeat(1 << 20),
      "👋".repeat(9000),
    ]) {
      assert.deepEqual(await ask(client, OURS, "store", spell("a", "b", secret)), done);
      assert.equal((await ask(client, OURS, "get", "a")).stdout.Secret, secret);
    }
    // As in Docker's helpers, an empty secret is none.
    assert.deepEqual(await ask(client, OURS, "store", spell("a", "b", "")), done);
    assert.deepEqual(await ask(client, OURS, "get", "a"), failed(NOT_FOUND));
  });

  const settings = ({ session }) => join(session.configuration, "os-secrets", "config.toml");
  for (const [state, change] of [
    ["locked", (client) => client.lock()],
    ["not there", (client) => client.end()],
    [
      "unknown because of a wrong settings file",
      (client) => {
        mkdirSync(dirname(settings(client)), { recursive: true, mode: 0o700 });
        writeFileSync(settings(client), 'store = "hunter"\n', { mode: 0o600 });
      },
    ],
  ]) {
    it(`fails while the store is ${state}, and never says that there are no credentials`, async (t) => {
      const client = await start(t);
      await ask(client, OURS, "store", spell("a", "b", "hunter2"));
      await change(client);
      for (const [word, input] of [
        ["get", "a"],
        ["store", spell("a", "c", "hunter2")],
        ["erase", "a"],
      ]) {
        const { code, stdout, stderr } = await ask(client, OURS, word, input);
        assert.equal(code, 1, word);
        assert.match(stdout, /^[^\n]{20,}\n$/, word);
        assert.doesNotMatch(stdout, /not found|hunter2/, word);
        assert.equal(stderr, "", word);
      }
      const { code, stdout } = await ask(client, OURS, "list");
      // Names may be told while the store is locked.
      if (code === 0) assert.deepEqual(stdout, { a: "b" });
      else assert.match(stdout, /^[^\n]{20,}\n$/);
    });
  }
});

describe(`${OURS} on a keyring that was not unlocked since it was started`, () => {
  /** Starts a session with a stored credential and a keyring that waits for its password. */
  async function prepare(t, ...answers) {
    const session = await startSession({ keyring: false });
    t.after(() => session.stop());
    const ask = (word, input) => runProgram(session, "native", OURS, [word], { input });
    await session.startKeyring({ password: "right" });
    assert.equal((await ask("store", spell("a", "b", "hunter2"))).code, 0);
    await session.endOwner();
    const prompter = await session.startPrompter();
    await session.startKeyring({ password: null, prompter });
    await prompter.expect(...answers);
    return ask;
  }

  for (const word of ["get", "list"]) {
    it(`${word} asks the user for the password`, async (t) => {
      const ask = await prepare(t, "password right");
      const { code, stdout } = await ask(word, "a");
      assert.equal(code, 0, stdout);
      assert.deepEqual(
        JSON.parse(stdout),
        word === "get" ? { ServerURL: "a", Username: "b", Secret: "hunter2" } : { a: "b" },
      );
    });
  }

  it("fails if the user gives none, and never says that there are no credentials", async (t) => {
    const ask = await prepare(t, "cancel", "cancel", "cancel", "cancel");
    for (const [word, input] of [
      ["get", "a"],
      ["erase", "a"],
      ["store", spell("a", "c", "hunter2")],
    ]) {
      const { code, stdout, stderr } = await ask(word, input);
      assert.deepEqual({ code, stderr }, { code: 1, stderr: "" }, word);
      assert.match(stdout, /is locked/, word);
    }
  });
});
