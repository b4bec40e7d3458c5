// `secrets import --from` in every format: what all of them have in common.

const assert = require("node:assert/strict");
const { mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const { basename, dirname, join } = require("node:path");
const { it } = require("node:test");
const { describeClient } = require("../support/clients.js");
const { formats } = require("../support/plain-files.js");

/** Whether a text has a password of the examples. */
const hasPassword = (text) => /one-1|two-2/.test(text);

describeClient("secrets import --from", (start) => {
  /** Starts a session with the client's own file. Returns functions that import it, and read the store and the file. */
  async function startWith(t, name) {
    const { path, content, credentials, env = {} } = formats[name];
    const client = await start(t);
    const own = join(client.session.home, path);
    mkdirSync(dirname(own), { recursive: true });
    writeFileSync(own, content, { mode: 0o600 });
    const run = (...args) => client.run("secrets", ["import", "--from", name, ...args], { env });
    const values = () => Promise.all(credentials.map(([service, user]) => client.read(service, user)));
    return { client, run, values, text: () => readFileSync(own, "utf8") };
  }

  for (const [name, { path, content, credentials }] of Object.entries(formats)) {
    it(`${name} reads the file that is named, and no other one`, async (t) => {
      const { client, run, values, text } = await startWith(t, name);
      const folder = join(client.session.home, "elsewhere");
      mkdirSync(folder);
      const file = join(folder, basename(path));
      const missing = await run(file);
      assert.deepEqual([missing.code, missing.stdout], [1, ""]);
      assert.ok(missing.stderr.includes(`there is no file ${file}`), missing.stderr);

      writeFileSync(file, content, { mode: 0o600 });
      // A relative path counts from the working directory.
      const { code, stdout, stderr } = await run(join("elsewhere", basename(path)), "--delete");
      assert.equal(code, 0, stderr);
      assert.ok(!hasPassword(stdout + stderr), stdout + stderr);
      for (const [index, [, , part]] of credentials.entries()) {
        const value = (await values())[index];
        // What a file has in base64, Docker's helpers have as text.
        const plain = name === "docker" ? Buffer.from(part, "base64").toString().split(":")[1] : part;
        assert.ok(value.includes(plain), `${index}`);
        assert.ok(!readFileSync(file, "utf8").includes(part), readFileSync(file, "utf8"));
      }
      assert.equal(text(), content);
    });

    it(`${name} keeps another value that is stored, names it, and replaces it only with --force`, async (t) => {
      const { client, run, values, text } = await startWith(t, name);
      assert.equal((await run()).code, 0);
      const [first, second] = await values();
      const [[service, user, part], [, , other]] = credentials;
      await client.store(service, user, "kept");

      const { code, stdout, stderr } = await run("--delete");
      assert.equal(code, 1);
      assert.match(stdout, /^unchanged [^\n]+\n$/);
      assert.match(stderr, /^secrets: [^\n]+ was not stored: a different value is stored/m);
      assert.ok(!/kept/.test(stderr) && !hasPassword(stdout + stderr), stdout + stderr);
      assert.deepEqual(await values(), ["kept", second]);
      assert.ok(text().includes(part) && !text().includes(other), text());

      const forced = await run("--delete", "--force");
      assert.equal(forced.code, 0, forced.stderr);
      assert.deepEqual(await values(), [first, second]);
      assert.ok(!text().includes(part), text());
    });

    it(`${name} changes nothing if the store is locked or missing`, async (t) => {
      const { client, run, text } = await startWith(t, name);
      // A keyring is locked only if it has something.
      await client.store("other", "x", "y");
      for (const state of ["lock", "end"]) {
        await client[state]();
        for (const more of [[], ["--force"]]) {
          const { code, stdout, stderr } = await run("--delete", ...more);
          assert.deepEqual({ code, stdout }, { code: 3, stdout: "" }, stderr);
          assert.ok(!hasPassword(stderr), stderr);
          assert.equal(text(), content);
        }
      }
    });
  }
});
