// The program without a desktop: the encrypted file, and copies between stores.

const assert = require("node:assert/strict");
const { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { decrypt, newIdentity } = require("./support/age.js");
const { items } = require("./support/items.js");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { startSession } = require("./support/session.js");
const { runOnTerminal } = require("./support/terminal.js");
const { assertMode } = require("./support/workspace.js");

for (const way of Object.keys(ways)) {
  describe(`secrets over other stores, ${way},`, () => {
    /** Starts a session. Returns it with functions that run `secrets` in it. */
    async function prepare(t, options = { bus: false }) {
      const session = await startSession(options);
      t.after(() => session.stop());
      const secrets = (args, more) =>
        runProgram(session, way, "secrets", args, { cwd: session.directory, ...more });
      /** Runs `secrets`, which must succeed. Returns its output. */
      const gives = async (args, more) => {
        const { code, stdout, stderr } = await secrets(args, more);
        assert.equal(code, 0, stderr);
        return stdout;
      };
      const fails = async (args, expected, why, more) => {
        const { code, stdout, stderr } = await secrets(args, more);
        assert.deepEqual({ code, stdout }, { code: expected, stdout: "" }, stderr);
        assert.match(stderr, why);
      };
      const file = join(session.data, "os-secrets", "secrets.age");
      const identity = join(session.configuration, "os-secrets", "identity");
      return { session, secrets, gives, fails, file, identity };
    }

    it("makes an identity, and keeps secrets for it", async (t) => {
      const { secrets, gives, fails, file, identity } = await prepare(t);
      await fails(["--store", "file", "set", "token"], 1, /nothing to unlock the file store with/, {
        input: "v",
      });
      const recipient = (await gives(["init"])).trim();
      assert.match(recipient, /^age1[a-z0-9]{58}$/);
      assertMode(identity, 0o600);
      assert.match(
        readFileSync(identity, "utf8"),
        new RegExp(`^# public key: ${recipient}\\nAGE-SECRET-KEY-1\\w+\\n$`),
      );
      // A new identity could not decrypt the secrets for this one.
      const before = readFileSync(identity);
      await fails(["init"], 1, /already exists/);
      assert.deepEqual(readFileSync(identity), before);

      const stored = await secrets(["set", "token", "--store", "file"], { input: "value\n" });
      assert.deepEqual(stored, {
        code: 0,
        signal: null,
        stdout: "",
        stderr: `secrets: using the encrypted file ${file}\n`,
      });
      assert.equal(await gives(["get", "token", "--provider", "file"]), "value\n");
      const env = { OS_SECRETS_PROVIDER: "file" };
      assert.equal(await gives(["list"], { env }), "token\n");
      assert.equal((await secrets(["get", "token", "-q"], { env })).stderr, "");
      assert.equal(JSON.parse(decrypt(file, identity)).credentials["os-secrets"].token, "value");
      const show = `console.log(process.env.T, "OS_SECRETS_IDENTITY" in process.env)`;
      const run = await secrets(["run", "--", process.execPath, "-e", show], {
        env: { ...env, T: "secret:token", OS_SECRETS_IDENTITY: identity },
      });
      assert.equal(run.stdout, "value false\n");
      await gives(["set", "--service", "other", "a name/of any kind"], { env, input: "x" });
      assert.equal(await gives(["list", "--service", "other"], { env }), "a name/of any kind\n");
      await gives(["delete", "token"], { env });
      await fails(["get", "token"], 1, /There is no secret token/, { env });
      const nowhere = isWindows ? /There is no secret token/ : /D-Bus/;
      await fails(["get", "token", "--store", "os"], 1, nowhere, { env });
    });

    it("takes a store by its path, from the directory it works in", async (t) => {
      const { session, gives, fails } = await prepare(t);
      const folder = join(session.directory, "project", "store");
      mkdirSync(folder, { recursive: true });
      chmodSync(folder, 0o700);
      await gives(["init", "project/key"]);
      const env = { OS_SECRETS_IDENTITY: "project/key" };
      await gives(["-C", "project", "--store", "store/s.age", "set", "name"], { env, input: "value" });
      assert.ok(existsSync(join(folder, "s.age")));
      assert.equal(await gives(["--store", "./project/store/s.age", "get", "name"], { env }), "value\n");
      await fails(["--store", "s.age", "get", "name"], 2, /unknown store; use os, file, or a path/);
      await fails(["--store", "memory", "get", "name"], 2, /unknown store; use os, file, or a path/);
      if (isWindows) return;
      chmodSync(folder, 0o750);
      await fails(["--store", "./project/store/s.age", "get", "name"], 1, /Run: chmod 700 /, { env });
    });

    it("changes who can read a file", async (t) => {
      const { session, gives, fails, file, identity } = await prepare(t);
      const own = (await gives(["init"])).trim();
      const other = newIdentity();
      const path = join(session.directory, "other");
      writeFileSync(path, other.text, { mode: 0o600 });
      const store = ["--store", "file"];
      await fails([...store, "rekey", "--add", other.recipient], 1, /the file .* does not exist yet/);
      await gives([...store, "set", "name"], { input: "value" });
      await fails(["rekey", "--add", other.recipient], 2, /only an encrypted file has recipients/);
      assert.throws(() => decrypt(file, path));
      assert.equal(
        await gives([...store, "rekey", "--add", other.recipient]),
        `${own}\n${other.recipient}\n`,
      );
      assert.equal(JSON.parse(decrypt(file, path)).credentials["os-secrets"].name, "value");
      await gives([...store, "set", "name"], { input: "second" });
      const env = { OS_SECRETS_IDENTITY: path };
      assert.equal(await gives([...store, "get", "name"], { env }), "second\n");
      await fails([...store, "rekey", "--remove", own], 1, /the identity in use/);
      await fails([...store, "rekey", "--add", "age1nonsense"], 2, /a recipient starts with age1/);
      assert.equal(await gives([...store, "rekey", "--remove", own], { env }), `${other.recipient}\n`);
      assert.throws(() => decrypt(file, identity));
      await fails([...store, "get", "name"], 1, /encrypted for other recipients/);
    });

    it("copies between stores, and does not write over what differs", async (t) => {
      const { session, secrets, gives, file, identity } = await prepare(t, { bus: true });
      await gives(["init"]);
      for (const [service, name] of [
        ["my-cli", "token"],
        ["my-cli", "a/b"],
        ["other", "x"],
      ]) {
        await gives(["set", "--service", service, name], { input: `${service} ${name}` });
      }
      const copy = ["copy", "--from", "os", "--to", "file"];
      assert.equal(await gives([...copy, "--service", "my-cli"]), "copied my-cli/a/b\ncopied my-cli/token\n");
      assert.equal(Object.keys(JSON.parse(decrypt(file, identity)).credentials).length, 1);
      if (isWindows) {
        // Credential Manager lists only one service at a time.
        assert.match((await secrets(copy)).stderr, /--service/);
        copy.push("--service", "other");
      }
      const ofMyCli = isWindows ? "" : "copied my-cli/a/b\ncopied my-cli/token\n";
      assert.equal(await gives(copy), `${ofMyCli}copied other/x\n`);
      await gives(["--store", "file", "set", "--service", "other", "x"], { input: "another" });
      const again = await secrets(copy);
      assert.deepEqual([again.code, again.stdout], [1, ofMyCli]);
      assert.match(again.stderr, /^secrets: other\/x was not copied: a different value is stored/);
      // Copies them back into a keyring that no longer has them.
      for (const name of ["token", "a/b"]) await gives(["delete", "--service", "my-cli", name]);
      await gives(["copy", "--from", "file", "--to", "os", "--service", "my-cli"]);
      const found = (await items(session)).map(({ label, secret }) => [label, secret]).sort();
      assert.deepEqual(found, [
        ["my-cli/a/b", "my-cli a/b"],
        ["my-cli/token", "my-cli token"],
        ["other/x", "other x"],
      ]);
    });

    it("does not write its result over keys and secrets", async (t) => {
      const { session, gives, fails, file, identity } = await prepare(t);
      await fails(["init", "key", "-o", "key"], 2, /-o would overwrite a file that holds keys or secrets/);
      await fails(["init", "./key", "-o", "key"], 2, /-o would overwrite a file that holds keys or secrets/);
      assert.ok(!existsSync(join(session.directory, "key")));
      await fails(["--store", "./new.age", "set", "a", "-o", "new.age"], 2, /-o would overwrite a file/, {
        input: "v",
      });
      await gives(["init"]);
      const env = { OS_SECRETS_PROVIDER: "file" };
      await gives(["set", "a"], { env, input: "1" });
      await gives(["set", "a"], { env, input: "2" });
      const before = [file, `${file}.backup`, identity].map((path) => readFileSync(path));
      for (const path of [file, `${file}.backup`, `${join(file, "..")}/./secrets.age`, identity]) {
        for (const args of [["get", "a"], ["rekey"], ["list"]]) {
          await fails([...args, "-o", path], 2, /-o would overwrite a file that holds keys or secrets/, {
            env,
          });
        }
        await fails(
          ["copy", "--from", "file", "--to", "./x/y.age", "-o", path],
          2,
          /-o would overwrite a file/,
        );
      }
      const after = [file, `${file}.backup`, identity].map((path) => readFileSync(path));
      assert.deepEqual(after, before);
    });

    it("copies from what is there to what is another", async (t) => {
      const { fails, gives, file } = await prepare(t);
      await gives(["init"]);
      await fails(["copy", "--from", "./none/x.age", "--to", "file"], 1, /Cannot read .*none[\\/]x.age/);
      await fails(["copy", "--from", "os", "--to", "os"], 2, /name the same store/);
      await gives(["--store", "file", "set", "a"], { input: "1" });
      await fails(["copy", "--from", "file", "--to", file], 2, /name the same store/);
      await gives(["--store", "file", "set", "a"], { input: "2" });
      await fails(["copy", "--from", `${file}.backup`, "--to", "file"], 2, /names the backup of --to/);
      await fails(
        ["copy", "--store", "file", "--from", "file", "--to", "os"],
        2,
        /--store cannot be used with copy/,
      );
      await fails(["init", "x", "--store", "file"], 2, /--store cannot be used with init/);
    });

    it("examines the file", async (t) => {
      const { secrets, gives, file, identity } = await prepare(t);
      const env = { OS_SECRETS_PROVIDER: "file" };
      const doctor = async (more = {}) => {
        const { code, stdout } = await secrets(["doctor", "--json"], { env: { ...env, ...more } });
        return { code, ...JSON.parse(stdout) };
      };
      const bare = await doctor();
      assert.deepEqual([bare.code, bare.works, bare.key], [1, false, null]);
      assert.match(bare.problems[0].what, /nothing to unlock/);
      assert.equal(bare.problems[0].fix, "secrets init");
      const recipient = (await gives(["init"])).trim();
      const empty = await doctor();
      assert.deepEqual([empty.code, empty.exists, empty.credentials, empty.key], [0, false, 0, identity]);
      await gives(["set", "a"], { env, input: "v" });
      await gives(["set", "b"], { env, input: "v" });
      const { problems, ...facts } = await doctor();
      assert.deepEqual(problems, []);
      assert.deepEqual(facts, {
        code: 0,
        works: true,
        store: "encrypted file",
        path: file,
        exists: true,
        key: identity,
        recipients: [recipient],
        credentials: 2,
        backup: `${file}.backup`,
      });
      const text = await gives(["doctor"], { env });
      assert.match(text, /^works {7}yes\nstore {7}encrypted file\n/);
      const wrong = await doctor({ OS_SECRETS_IDENTITY: newIdentity().text });
      assert.deepEqual([wrong.code, wrong.key], [1, "OS_SECRETS_IDENTITY"]);
      assert.match(wrong.problems[0].what, /other recipients/);
      if (!isWindows) {
        chmodSync(file, 0o644);
        const open = await doctor();
        assert.equal(open.problems[0].fix, `chmod 600 ${file}`);
        chmodSync(file, 0o600);
      }
      writeFileSync(file, "damaged");
      const fix = isWindows ? `copy "${file}.backup" "${file}"` : `cp ${file}.backup ${file}`;
      assert.equal((await doctor()).problems[0].fix, fix);
    });

    it(
      "asks for a passphrase on a terminal, of a new file twice",
      linuxOnly("a pseudo-terminal"),
      async (t) => {
        const { session, secrets, fails, file } = await prepare(t);
        const type = (args, steps, first = ways[way]("secrets")) =>
          runOnTerminal(session, [...first, ...args], steps);
        const set = ["--store", "file", "set", "name", "value"];
        const [once, again] = [`Passphrase for the new file ${file}: `, "Repeat the passphrase: "];
        const differing = await type(set, [
          [once, "one\r"],
          [again, "two\r"],
        ]);
        assert.equal(differing.code, 1);
        assert.match(differing.shown, /The two passphrases differ; nothing was changed/);
        assert.ok(!existsSync(file));
        const made = await type(set, [
          [once, "correct horse\r"],
          [again, "correct horse\r"],
        ]);
        assert.equal(made.code, 0, made.shown);
        const prompt = `Passphrase for ${file}: `;
        const read = await type(["--store", "file", "get", "name"], [[prompt, "correct horse\r"]]);
        assert.ok(read.code === 0 && read.shown.includes("value"), read.shown);
        assert.ok(!read.shown.includes("horse"));
        const wrong = await type(["--store", "file", "get", "name"], [[prompt, "battery\r"]]);
        assert.match(wrong.shown, /the passphrase is wrong/);
        // It asks on the terminal even if standard input is a pipe.
        const shell = `echo piped | ${ways[way]("secrets").join(" ")} --store file set piped`;
        const piped = await type(["bash", "-c", shell], [[prompt, "correct horse\r"]], []);
        assert.equal(piped.code, 0, piped.shown);
        // A dismissed prompt is not shown again, and the terminal's settings are restored.
        const run = `T=secret:a U=secret:b V=secret:c ${ways[way]("secrets").join(" ")} --store file run -- true; stty -a`;
        const dismissed = await type(["bash", "-c", run], [[prompt, "\u0004"]], []);
        assert.match(dismissed.shown, /No passphrase was entered/);
        assert.ok(/ echo /.test(dismissed.shown), dismissed.shown);
        assert.equal(dismissed.shown.split(prompt).length, 2, dismissed.shown);
        // There is no prompt if the file does not exist or the settings are wrong.
        const nothing = ["--store", "./none/s.age", "list"];
        assert.match((await type(nothing, [])).shown, /using the encrypted file/);
        const both = await type(
          [
            "bash",
            "-c",
            `OS_SECRETS_IDENTITY=x OS_SECRETS_PASSPHRASE=y ${ways[way]("secrets").join(" ")} --store ./none/s.age list`,
          ],
          [],
          [],
        );
        assert.match(both.shown, /are both set/);
        const mistaken = `OS_SECRETS_PASSPHRASE=wrong ${ways[way]("secrets").join(" ")} --store file doctor`;
        assert.equal((await type(["bash", "-c", mistaken], [], [])).code, 1);
        const doctor = await type(["--store", "file", "doctor"], []);
        assert.ok(doctor.code === 0 && doctor.shown.includes("asked for on the terminal"), doctor.shown);
        const env = { OS_SECRETS_PASSPHRASE: "correct horse" };
        assert.equal((await secrets(["--store", "file", "get", "piped"], { env })).stdout, "piped\n");
        assert.equal((await secrets(["--store", "file", "get", "name"], { env })).stdout, "value\n");
        await fails(["--store", "file", "get", "name"], 1, /nothing to unlock/);
      },
    );
  });
}

describe("bus-secrets", () => {
  it("knows no other stores, whatever the environment says", async (t) => {
    const session = await startSession({ bus: false });
    t.after(() => session.stop());
    const run = (...args) =>
      runProgram(session, "native", "bus-secrets", args, { env: { OS_SECRETS_PROVIDER: "file" } });
    for (const args of [
      ["get", "a", "--store", "file"],
      ["--provider", "os", "list"],
      ["init"],
      ["rekey"],
      ["copy"],
    ]) {
      assert.equal((await run(...args)).code, 2, args.join(" "));
    }
    assert.equal((await run("set", "a", "v")).code, 0);
    const folder = isWindows ? "BusDK" : "busdk";
    assert.ok(existsSync(join(session.configuration, folder, "preferences.json")));
    assert.ok(!(await run("--help")).stdout.includes("--store"));
  });
});
