// The credential helper of Bazel, to the examples of its specification: no registry of packages has Bazel.

const assert = require("node:assert/strict");
const { existsSync, readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { it } = require("node:test");
const { describeClient } = require("../support/clients.js");
const { sectionExamples } = require("../support/documents.js");

const PROGRAM = "bazel-credential-os-secrets";
const NONE = '{"headers":{}}\n';

describeClient("Bazel", (start) => {
  async function begin(t) {
    const client = await start(t);
    const path = join(client.session.home, ".bazelrc");
    return {
      ...client,
      path,
      read: () => readFileSync(path, "utf8"),
      /** Asks as Bazel does: what the program prints. */
      async ask(uri) {
        const { code, stdout, stderr } = await client.run(PROGRAM, ["get"], {
          input: JSON.stringify({ uri }),
        });
        assert.deepEqual([code, stderr], [0, ""]);
        return stdout;
      },
    };
  }

  it("gives a header with the token of the host", async (t) => {
    const client = await begin(t);
    assert.equal(await client.ask("https://example.com/foo"), NONE);
    await client.store("bazel:example.com", "token", "token-1");
    await client.store("bazel:example.com:8443", "token", "token-2");
    const header = (token) => `{"headers":{"Authorization":["Bearer ${token}"]}}\n`;
    assert.equal(await client.ask("https://example.com/foo?bar#baz"), header("token-1"));
    assert.equal(await client.ask("https://EXAMPLE.com:443"), header("token-1"));
    assert.equal(await client.ask("https://example.com:8443/"), header("token-2"));
    assert.equal(await client.ask("https://www.example.com/"), NONE);
    assert.equal(await client.ask("https://example.com.evil.example/"), NONE);
  });

  it("gives no token to a server that others can listen to", async (t) => {
    const client = await begin(t);
    for (const host of ["example.com", "localhost:8080", "127.0.0.1:8080", "127.0.0.1.evil.example"]) {
      await client.store(`bazel:${host}`, "token", "token-1");
    }
    for (const uri of ["http://example.com/", "ftp://example.com/", "http://127.0.0.1.evil.example/"]) {
      assert.equal(await client.ask(uri), NONE);
    }
    for (const uri of ["http://localhost:8080/", "http://127.0.0.1:8080/", "https://example.com/"]) {
      assert.match(await client.ask(uri), /Bearer token-1/);
    }
  });

  it("refuses other requests and tokens", async (t) => {
    const client = await begin(t);
    const fail = async (args, input) => {
      const { code, stdout, stderr } = await client.run(PROGRAM, args, { input });
      assert.notEqual(code, 0);
      assert.equal(stdout, "");
      assert.match(stderr, /^secrets: /);
      assert.doesNotMatch(stderr, /hunter2/);
    };
    const request = '{"uri": "https://example.com/"}';
    for (const input of [
      "",
      "hunter2",
      "{}",
      '{"uri": 1}',
      '{"uri": "example.com"}',
      '{"uri": "https://hunter2@example.com/"}',
      `{"uri": "https://${"x".repeat(20_000_000)}/"}`,
    ]) {
      await fail(["get"], input);
    }
    for (const args of [[], ["store"], ["get", "x"]]) await fail(args, request);
    for (const token of ["hunter2\r\nX-Other: 1", "hunter2 x", "hunter2é"]) {
      await client.store("bazel:example.com", "token", token);
      await fail(["get"], request);
    }
  });

  it("fails if the store is locked, and if it is gone", async (t) => {
    const client = await begin(t);
    await client.store("bazel:example.com", "token", "t");
    const tell = async () => {
      const input = '{"uri": "https://example.com/"}';
      const { code, stdout } = await client.run(PROGRAM, ["get"], { input });
      assert.deepEqual([code, stdout], [3, ""]);
    };
    await client.lock();
    await tell();
    await client.end();
    await tell();
  });

  it("changes only its own line of .bazelrc, and takes it back", async (t) => {
    const client = await begin(t);
    const setup = (...args) => client.succeed("secrets", ["setup", "bazel", ...args]);
    await setup("a.example");
    await setup("*.b.example");
    const lines = ["a.example", "*.b.example"].map(
      (host) => `common --credential_helper=${host}=${PROGRAM}\n`,
    );
    assert.equal(client.read(), lines.join(""));
    assert.equal(await setup("a.example"), "bazel asks os-secrets already\n");
    await setup("--undo");
    assert.equal(existsSync(client.path), false);
    for (const text of ["build --jobs=2", "# x\r\nbuild --jobs=2\r\n"]) {
      writeFileSync(client.path, text);
      await setup("a.example");
      const changed = client.read();
      writeFileSync(client.path, `# first\n${changed}`);
      await setup("--undo");
      assert.equal(client.read(), `# first\n${text}`);
      // Others have put the line elsewhere.
      await setup("a.example");
      writeFileSync(client.path, `${lines[0]}build --jobs=3\n`);
      await setup("--undo");
      assert.equal(client.read(), "build --jobs=3\n");
    }
    for (const host of ["", "a b", "a=/bin/sh", "a\nbuild --x", "%workspace%", undefined]) {
      const { code } = await client.run("secrets", ["setup", "bazel", ...(host === undefined ? [] : [host])]);
      assert.equal(code, 2);
    }
  });

  it("works as the manual says", async (t) => {
    const client = await begin(t);
    const [setup, ask] = sectionExamples("docs/helpers.md", "Bazel", "bash");
    await client.succeed("bash", ["-euc", setup]);
    assert.deepEqual([client.read()], sectionExamples("docs/helpers.md", "Bazel", "text"));
    assert.equal(
      await client.succeed("bash", ["-euc", ask]),
      '{"headers":{"Authorization":["Bearer 0a1b2c3d4e"]}}\n',
    );
  });
});
