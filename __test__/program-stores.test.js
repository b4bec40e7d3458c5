// The program without a desktop: the encrypted file, and copies between stores.

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const { once } = require("node:events");
const { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { createInterface } = require("node:readline");
const { describe, it } = require("node:test");
const { decryptFile, encryptFile, makeIdentity } = require("./support/age.js");
const { listItems } = require("./support/items.js");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { startSession } = require("./support/session.js");
const { runOnTerminal } = require("./support/terminal.js");
const { assertMode } = require("./support/workspace.js");

for (const way of Object.keys(ways)) {
  describe(`secrets over other stores, ${way},`, () => {
    /** Starts a session. Returns it with functions that run `secrets` in it. */
    async function prepareSession(t, options = { bus: false }) {
      const session = await startSession(options);
      t.after(() => session.stop());
      const runSecrets = (args, more) =>
        runProgram(session, way, "secrets", args, { cwd: session.directory, ...more });
      /** Runs `secrets`, which must succeed. Returns its output. */
      const readOutput = async (args, more) => {
        const { code, stdout, stderr } = await runSecrets(args, more);
        assert.equal(code, 0, stderr);
        return stdout;
      };
      const expectFailure = async (args, expected, why, more) => {
        const { code, stdout, stderr } = await runSecrets(args, more);
        assert.deepEqual({ code, stdout }, { code: expected, stdout: "" }, stderr);
        assert.match(stderr, why);
      };
      const file = join(session.data, "os-secrets", "secrets.age");
      const identity = join(session.configuration, "os-secrets", "identity");
      return { session, runSecrets, readOutput, expectFailure, file, identity };
    }

    it("makes an identity, and keeps secrets for it", async (t) => {
      const { runSecrets, readOutput, expectFailure, file, identity } = await prepareSession(t);
      await expectFailure(["--store", "file", "set", "token"], 3, /nothing to unlock the file store with/, {
        input: "v",
      });
      const recipient = (await readOutput(["init"])).trim();
      assert.match(recipient, /^age1[a-z0-9]{58}$/);
      assertMode(identity, 0o600);
      assert.match(
        readFileSync(identity, "utf8"),
        new RegExp(`^# public key: ${recipient}\\nAGE-SECRET-KEY-1\\w+\\n$`),
      );
      // A new identity could not decrypt the secrets for this one.
      const before = readFileSync(identity);
      await expectFailure(["init"], 1, /already exists/);
      assert.deepEqual(readFileSync(identity), before);

      const stored = await runSecrets(["set", "token", "--store", "file"], { input: "value\n" });
      // The command line names the file.
      assert.deepEqual(stored, { code: 0, signal: null, stdout: "", stderr: "" });
      assert.equal(await readOutput(["get", "token", "--provider", "file"]), "value\n");
      const env = { OS_SECRETS_PROVIDER: "file" };
      const listed = await runSecrets(["list"], { env });
      assert.deepEqual(listed, {
        ...{ code: 0, signal: null, stdout: "token\n" },
        stderr: `secrets: using the encrypted file ${file}\n`,
      });
      assert.equal((await runSecrets(["get", "token", "-q"], { env })).stderr, "");
      assert.equal(JSON.parse(decryptFile(file, identity)).credentials["os-secrets"].token, "value");
      const show = `console.log(process.env.T, "OS_SECRETS_IDENTITY" in process.env)`;
      const run = await runSecrets(["run", "--", process.execPath, "-e", show], {
        env: { ...env, T: "secret:token", OS_SECRETS_IDENTITY: identity },
      });
      assert.equal(run.stdout, "value false\n");
      await readOutput(["set", "--service", "other", "a name/of any kind"], { env, input: "x" });
      assert.equal(await readOutput(["list", "--service", "other"], { env }), "a name/of any kind\n");
      await readOutput(["delete", "token"], { env });
      await expectFailure(["get", "token"], 1, /There is no secret token/, { env });
      const nowhere = isWindows ? /There is no secret token/ : /D-Bus/;
      await expectFailure(["get", "token", "--store", "os"], isWindows ? 1 : 3, nowhere, { env });
    });

    it("takes a store by its path, from the directory it works in", async (t) => {
      const { session, readOutput, expectFailure } = await prepareSession(t);
      const folder = join(session.directory, "project", "store");
      mkdirSync(folder, { recursive: true });
      chmodSync(folder, 0o700);
      await readOutput(["init", "project/key"]);
      const env = { OS_SECRETS_IDENTITY: "project/key" };
      await readOutput(["-C", "project", "--store", "store/s.age", "set", "name"], { env, input: "value" });
      assert.ok(existsSync(join(folder, "s.age")));
      assert.equal(await readOutput(["--store", "./project/store/s.age", "get", "name"], { env }), "value\n");
      await expectFailure(
        ["--store", "s.age", "get", "name"],
        2,
        /unknown store; use os, file, vault, or a path/,
      );
      await expectFailure(
        ["--store", "memory", "get", "name"],
        2,
        /unknown store; use os, file, vault, or a path/,
      );
      if (isWindows) return;
      chmodSync(folder, 0o750);
      assert.equal(await readOutput(["--store", "./project/store/s.age", "get", "name"], { env }), "value\n");
      await expectFailure(["--store", "./project/store/s.age", "set", "name"], 3, /Run: chmod 700 /, {
        env,
        input: "other",
      });
    });

    it("says that the file does not exist, and from where a relative path was taken", async (t) => {
      const { session, runSecrets, readOutput } = await prepareSession(t);
      mkdirSync(join(session.directory, "project"));
      await readOutput(["init"]);
      const [inProject, here] = ["project", "."].map((name) => join(session.directory, name));
      const ofFlag = ["-C", "project", "--store", "store/s.age"];
      const ofEnvironment = { env: { OS_SECRETS_PROVIDER: "file", OS_SECRETS_FILE: "store/s.age" } };
      for (const [flags, options, start, why] of [
        [ofFlag, {}, inProject, `a relative --store starts in ${inProject}`],
        [["-C", "project"], ofEnvironment, here, `a relative OS_SECRETS_FILE starts in ${here}`],
      ]) {
        const path = join(start, "store", "s.age");
        const note = `secrets: using the encrypted file ${path}, which does not exist (${why})\n`;
        for (const [args, code] of [
          [["get", "a"], 1],
          [["list"], 0],
          [["resolve", "secret:a"], 1],
          [["delete", "a"], 1],
          [["run", "--", process.execPath, "--version"], 1],
        ]) {
          const env = { ...options.env, ...(args[0] === "run" && { T: "secret:a" }) };
          const run = await runSecrets([...flags, ...args], { env });
          assert.deepEqual([run.code, run.stdout], [code, ""], run.stderr);
          assert.ok(run.stderr.startsWith(note), run.stderr);
        }
        const doctor = await readOutput([...flags, "doctor"], options);
        assert.ok(
          doctor.includes(`note: The file ${path} does not exist yet (${why}). The first set creates it\n`),
        );
        const stored = await runSecrets([...flags, "set", "a"], { ...options, input: "v" });
        const using = flags === ofFlag ? "" : `secrets: using the encrypted file ${path}\n`;
        assert.equal(stored.stderr, using);
        const found = await runSecrets([...flags, "get", "a"], options);
        assert.deepEqual([found.stdout, found.stderr], ["v\n", using]);
      }
    });

    it("says that a directory is not a file", async (t) => {
      const { session, runSecrets, expectFailure } = await prepareSession(t);
      mkdirSync(join(session.directory, "folder"), { mode: 0o755 });
      const env = { OS_SECRETS_PASSPHRASE: "p" };
      for (const name of ["./folder", "./folder/", "./folder/..", "."].map((name) => join(name, "/"))) {
        const why = /Cannot use [^ ]+: it is a directory\. Name a file in it, such as [^ ]+secrets\.age/;
        await expectFailure(["--store", name, "get", "a"], 3, why, { env });
        await expectFailure(["--store", name, "set", "a"], 3, why, { env, input: "v" });
      }
      const doctor = await runSecrets(["--store", "./folder", "doctor"], { env });
      assert.match(doctor.stdout, /it is a directory.*\n {2}Name another file with --store/);
    });

    it("changes who can read a file", async (t) => {
      const { session, runSecrets, readOutput, expectFailure, file, identity } = await prepareSession(t);
      const own = (await readOutput(["init"])).trim();
      const other = makeIdentity();
      const path = join(session.directory, "other");
      writeFileSync(path, other.text, { mode: 0o600 });
      const store = ["--store", "file"];
      await expectFailure([...store, "rekey", "--add", other.recipient], 1, /the file .* does not exist yet/);
      await readOutput([...store, "set", "name"], { input: "value" });
      await expectFailure(["rekey", "--add", other.recipient], 2, /only an encrypted file has recipients/);
      assert.throws(() => decryptFile(file, path));
      assert.equal(
        await readOutput([...store, "rekey", "--add", other.recipient]),
        `${own}\n${other.recipient}\n`,
      );
      assert.equal(JSON.parse(decryptFile(file, path)).credentials["os-secrets"].name, "value");
      await readOutput([...store, "set", "name"], { input: "second" });
      const env = { OS_SECRETS_IDENTITY: path };
      assert.equal(await readOutput([...store, "get", "name"], { env }), "second\n");
      await expectFailure([...store, "rekey", "--remove", own], 1, /the identity in use/);
      await expectFailure([...store, "rekey", "--add", "age1nonsense"], 2, /a recipient starts with age1/);
      for (const [recipient, why] of [
        [
          "age1pq1qqqq",
          /an incomplete recipient of an age plugin \(age1NAME1…\) cannot be used; give an X25519 recipient/,
        ],
        ["age1yubikey1qqqq", /an incomplete recipient of an age plugin/],
        ["ssh-ed25519 AAAA", /an incomplete SSH key cannot be used/],
        ["ecdsa-sha2-nistp256 AAAA", /an SSH key of another kind than ed25519 and RSA cannot be used/],
        [other.text.split("\n").at(-2), /an identity, which is the private key and must stay secret/],
      ]) {
        await expectFailure([...store, "rekey", "--add", recipient], 2, why);
      }
      const removed = await runSecrets([...store, "rekey", "--remove", own], { env });
      assert.deepEqual([removed.code, removed.stdout], [0, `${other.recipient}\n`]);
      assert.match(
        removed.stderr,
        /^secrets: no backup of the file is left.* They keep what they have read/m,
      );
      assert.ok(!existsSync(`${file}.backup`));
      assert.throws(() => decryptFile(file, identity));
      await expectFailure([...store, "get", "name"], 3, /encrypted for other recipients/);
    });

    it("says how many can read what it stores, if somebody else can", async (t) => {
      const { runSecrets, readOutput, file } = await prepareSession(t);
      await readOutput(["init"]);
      const env = { OS_SECRETS_PROVIDER: "file" };
      const store = async (args, input) => (await runSecrets(args, { env, input })).stderr;
      const using = `secrets: using the encrypted file ${file}\n`;
      assert.equal(await store(["set", "a"], "1"), using);
      await readOutput(["rekey", "--add", makeIdentity().recipient], { env });
      const program = way === "native" ? "secrets" : "npx os-secrets";
      const note = `secrets: 2 recipients can read ${file}. \`${program} --store ${file} doctor\` lists them\n`;
      if (!isWindows) assert.equal(await store(["set", "a"], "2"), using + note);
      assert.equal((await store(["import"], "B=1\nC=1\n")).match(/ recipients can read /g).length, 1);
      assert.equal(await store(["import"], "B=1\nC=1\n"), using);
      assert.equal(await store(["set", "a", "--quiet"], "3"), "");
      assert.equal(await store(["get", "a"]), using);
    });

    it("advises a way out of a file that cannot be written", linuxOnly("file modes"), async (t) => {
      const { session, runSecrets, readOutput, file } = await prepareSession(t);
      const own = (await readOutput(["init"])).trim();
      const env = { OS_SECRETS_PROVIDER: "file" };
      mkdirSync(join(file, ".."), { recursive: true, mode: 0o700 });
      const payload = join(session.directory, "payload.json");
      const credentials = { "os-secrets": { a: "1" } };
      writeFileSync(
        payload,
        JSON.stringify({ version: 1, recipients: ["ssh-ed25519 AAAA me"], credentials }),
      );
      encryptFile(payload, file, own);
      const { stdout } = await runSecrets(["doctor", "--json"], { env });
      const { fix } = JSON.parse(stdout).problems[0];
      const copy = / copy --from (\S+) --to (\S+)$/.exec(fix);
      assert.deepEqual(copy?.slice(1), [file, file.replace(/age$/, "new.age")], fix);
      await readOutput(["copy", "--from", copy[1], "--to", copy[2]]);
      await readOutput(["--store", copy[2], "set", "b"], { input: "2" });
      assert.equal(await readOutput(["--store", copy[2], "list"]), "a\nb\n");
    });

    it("copies between stores, and does not write over what differs", async (t) => {
      const { session, runSecrets, readOutput, file, identity } = await prepareSession(t, { bus: true });
      await readOutput(["init"]);
      for (const [service, name] of [
        ["my-cli", "token"],
        ["my-cli", "a/b"],
        ["other", "x"],
      ]) {
        await readOutput(["set", "--service", service, name], { input: `${service} ${name}` });
      }
      const copy = ["copy", "--from", "os", "--to", "file"];
      assert.equal(
        await readOutput([...copy, "--service", "my-cli"]),
        "copied my-cli/a/b\ncopied my-cli/token\n",
      );
      assert.equal(Object.keys(JSON.parse(decryptFile(file, identity)).credentials).length, 1);
      if (isWindows) {
        // Credential Manager lists only one service at a time.
        assert.match((await runSecrets(copy)).stderr, /--service/);
        copy.push("--service", "other");
      }
      const ofMyCli = isWindows ? "" : "unchanged my-cli/a/b\nunchanged my-cli/token\n";
      assert.equal(await readOutput(copy), `${ofMyCli}copied other/x\n`);
      await readOutput(["--store", "file", "set", "--service", "other", "x"], { input: "another" });
      const again = await runSecrets(copy);
      assert.deepEqual([again.code, again.stdout], [1, ofMyCli]);
      assert.match(again.stderr, /^secrets: other\/x was not copied: a different value is stored/);
      // Copies them back into a keyring that no longer has them.
      for (const name of ["token", "a/b"]) await readOutput(["delete", "--service", "my-cli", name]);
      await readOutput(["copy", "--from", "file", "--to", "os", "--service", "my-cli"]);
      const found = (await listItems(session)).map(({ label, secret }) => [label, secret]).sort();
      assert.deepEqual(found, [
        ["my-cli/a/b", "my-cli a/b"],
        ["my-cli/token", "my-cli token"],
        ["other/x", "other x"],
      ]);
    });

    it("does not write its result over keys and secrets", async (t) => {
      const { session, readOutput, expectFailure, file, identity } = await prepareSession(t);
      await expectFailure(
        ["init", "key", "-o", "key"],
        2,
        /-o would overwrite a file that holds keys or secrets/,
      );
      await expectFailure(
        ["init", "./key", "-o", "key"],
        2,
        /-o would overwrite a file that holds keys or secrets/,
      );
      assert.ok(!existsSync(join(session.directory, "key")));
      await expectFailure(
        ["--store", "./new.age", "set", "a", "-o", "new.age"],
        2,
        /-o would overwrite a file/,
        {
          input: "v",
        },
      );
      await readOutput(["init"]);
      const env = { OS_SECRETS_PROVIDER: "file" };
      await readOutput(["set", "a"], { env, input: "1" });
      await readOutput(["set", "a"], { env, input: "2" });
      const before = [file, `${file}.backup`, identity].map((path) => readFileSync(path));
      for (const path of [file, `${file}.backup`, `${join(file, "..")}/./secrets.age`, identity]) {
        for (const args of [["get", "a"], ["rekey"], ["list"]]) {
          await expectFailure(
            [...args, "-o", path],
            2,
            /-o would overwrite a file that holds keys or secrets/,
            {
              env,
            },
          );
        }
        await expectFailure(
          ["copy", "--from", "file", "--to", "./x/y.age", "-o", path],
          2,
          /-o would overwrite a file/,
        );
      }
      const after = [file, `${file}.backup`, identity].map((path) => readFileSync(path));
      assert.deepEqual(after, before);
    });

    it("names a store that is not there once", linuxOnly("a bus"), async (t) => {
      const { runSecrets, readOutput } = await prepareSession(t);
      await readOutput(["init"]);
      for (const name of ["a", "b", "c"]) await readOutput(["--store", "file", "set", name], { input: "1" });
      const { code, stdout, stderr } = await runSecrets(["copy", "--from", "file", "--to", "os"]);
      assert.deepEqual([code, stdout], [3, ""]);
      assert.match(
        stderr,
        /^secrets: os-secrets\/a was not copied: .*D-Bus.*\nsecrets: not copied either: os-secrets\/b, os-secrets\/c\n$/,
      );
    });

    it("says how to open a file that exists, and what is wrong with a setting", async (t) => {
      const { expectFailure, readOutput, runSecrets, file, identity } = await prepareSession(t);
      await readOutput(["init"]);
      await readOutput(["--store", "file", "set", "a"], { input: "1" });
      rmSync(identity);
      for (const args of [["get", "a"], ["list"]]) {
        const { code, stdout, stderr } = await runSecrets(["--store", "file", ...args]);
        assert.deepEqual([code, stdout], [3, ""]);
        assert.match(
          stderr,
          /nothing to unlock the store's file .* with\. Set OS_SECRETS_IDENTITY to the identity/,
        );
        assert.doesNotMatch(stderr, /init/);
      }
      const { problems } = JSON.parse((await runSecrets(["--store", file, "doctor", "--json"])).stdout);
      assert.equal(problems[0].fix, "Set OS_SECRETS_IDENTITY or OS_SECRETS_PASSPHRASE");
      const env = { OS_SECRETS_PROVIDER: "Hunter2" };
      for (const args of [
        ["get", "a", "--json"],
        ["list", "--json"],
      ]) {
        await expectFailure(args, 3, /^secrets: OS_SECRETS_PROVIDER /m, { env });
      }
    });

    it("copies from what is there to what is another", async (t) => {
      const { expectFailure, readOutput, file } = await prepareSession(t);
      await readOutput(["init"]);
      await expectFailure(
        ["copy", "--from", "./none/x.age", "--to", "file"],
        3,
        /The store's file .*none[\\/]x\.age does not exist\. Create it/,
      );
      await expectFailure(["copy", "--from", "os", "--to", "os"], 2, /name the same store/);
      await readOutput(["--store", "file", "set", "a"], { input: "1" });
      await expectFailure(["copy", "--from", "file", "--to", file], 2, /name the same store/);
      await readOutput(["--store", "file", "set", "a"], { input: "2" });
      await expectFailure(
        ["copy", "--from", `${file}.backup`, "--to", "file"],
        2,
        /names the backup of --to/,
      );
      await expectFailure(
        ["copy", "--store", "file", "--from", "file", "--to", "os"],
        2,
        /--store cannot be used with copy/,
      );
      await expectFailure(["init", "x", "--store", "file"], 2, /--store cannot be used with init/);
    });

    it("uses memory if the environment names it, and says that nothing is kept", async (t) => {
      const { runSecrets } = await prepareSession(t);
      const env = { OS_SECRETS_PROVIDER: "memory" };
      const note = "secrets: using memory (OS_SECRETS_PROVIDER). Nothing is kept when this command ends\n";
      assert.deepEqual(await runSecrets(["set", "a"], { env, input: "v" }), {
        code: 0,
        signal: null,
        stdout: "",
        stderr: note,
      });
      const { code, stdout, stderr } = await runSecrets(["get", "a"], { env });
      assert.deepEqual([code, stdout, stderr.startsWith(note)], [1, "", true]);
      const quiet = await runSecrets(["set", "a", "--quiet"], { env, input: "v" });
      assert.deepEqual([quiet.code, quiet.stderr], [0, ""]);
      const report = JSON.parse((await runSecrets(["doctor", "--json"], { env })).stdout);
      assert.deepEqual([report.works, report.store, report.persistent], [true, "memory", false]);
    });

    it(
      "says on a terminal that it waits for a pipe, until Ctrl-C",
      linuxOnly("a pseudo-terminal"),
      async (t) => {
        const { session, readOutput } = await prepareSession(t);
        await readOutput(["init"]);
        await readOutput(["--store", "file", "set", "a"], { input: "1" });
        const pipe = join(session.directory, "pipe");
        execFileSync("mkfifo", ["-m", "600", pipe]);
        const command = [...ways[way]("secrets"), "--store", "file", "get", "a"];
        const steps = [["waiting for an identity from the pipe", "\x03"]];
        const ended = await runOnTerminal(session, command, steps, { OS_SECRETS_IDENTITY: pipe });
        assert.ok(ended.shown.includes(`, and waiting for an identity from the pipe ${pipe}\n`), ended.shown);
        assert.notEqual(ended.code, 0);
      },
    );

    it("examines the file", async (t) => {
      const { session, runSecrets, readOutput, file, identity } = await prepareSession(t);
      const env = { OS_SECRETS_PROVIDER: "file" };
      const runDoctor = async (more = {}) => {
        const { code, stdout } = await runSecrets(["doctor", "--json"], { env: { ...env, ...more } });
        return { code, ...JSON.parse(stdout) };
      };
      const bare = await runDoctor();
      assert.deepEqual([bare.code, bare.works, bare.key], [1, false, null]);
      assert.match(bare.problems[0].what, /nothing to unlock/);
      // The advice must work for a reader who has not installed the program globally.
      const program = way === "native" ? "secrets" : "npx os-secrets";
      assert.equal(bare.problems[0].fix, `${program} init`);
      const recipient = (await readOutput(["init"])).trim();
      const empty = await runDoctor();
      assert.deepEqual([empty.code, empty.exists, empty.credentials, empty.key], [0, false, 0, identity]);
      await readOutput(["set", "a"], { env, input: "v" });
      await readOutput(["set", "b"], { env, input: "v" });
      const { problems, ...facts } = await runDoctor();
      assert.deepEqual(problems, []);
      assert.deepEqual(facts, {
        code: 0,
        works: true,
        store: "encrypted file",
        path: file,
        exists: true,
        writable: true,
        key: identity,
        os_identity: null,
        recipients: [recipient],
        credentials: 2,
        backup: `${file}.backup`,
        settings: {
          path: join(session.configuration, "os-secrets", "config.toml"),
          ...{ exists: false, refused: false },
          ...{ store: "OS_SECRETS_PROVIDER", file: "default", identity: "default" },
        },
        repository: null,
      });
      const text = await readOutput(["doctor"], { env });
      assert.match(text, /^works {7}yes\nstore {7}encrypted file\n/);
      const wrong = await runDoctor({ OS_SECRETS_IDENTITY: makeIdentity().text });
      assert.deepEqual([wrong.code, wrong.key], [1, "OS_SECRETS_IDENTITY"]);
      assert.match(wrong.problems[0].what, /other recipients/);
      if (!isWindows) {
        chmodSync(file, 0o644);
        const open = await runDoctor();
        assert.deepEqual([open.works, open.writable], [true, false]);
        assert.match(open.problems[0].what, /^Secrets can be read, but not stored\. /);
        assert.equal(open.problems[0].fix, `chmod 600 ${file}`);
        chmodSync(file, 0o600);
      }
      writeFileSync(file, "damaged");
      const damaged = file.replace(/age$/, "damaged");
      const copy = isWindows ? `copy "${file}.backup" "${file}"` : `cp ${file}.backup ${file}`;
      const move = isWindows ? `move "${file}" "${damaged}"` : `mv -n ${file} ${damaged}`;
      assert.equal((await runDoctor()).problems[0].fix, `${move} && ${copy}`);
      rmSync(file);
      const gone = await runDoctor();
      assert.deepEqual([gone.works, gone.exists, gone.problems.length], [false, false, 1]);
      assert.match(gone.problems[0].what, /does not exist, but its backup .* does/);
      assert.equal(gone.problems[0].fix, copy);
      writeFileSync(file, "damaged");
      rmSync(`${file}.backup`);
      assert.match(
        (await runDoctor()).problems[0].fix,
        /^Restore the file from a copy\..* (mv|move) .*secrets\.age/,
      );
    });

    it("says what doctor waits for", linuxOnly("named pipes"), async (t) => {
      const { session, file } = await prepareSession(t);
      const pipe = join(session.directory, "pipe");
      execFileSync("mkfifo", ["-m", "600", pipe]);
      const [program, ...args] = ways[way]("secrets");
      const env = { ...session.env, OS_SECRETS_PROVIDER: "file", OS_SECRETS_IDENTITY: pipe };
      const doctor = session.start(program, [...args, "doctor"], { env });
      const ended = once(doctor, "exit");
      doctor.stdout.resume();
      const [line] = await once(createInterface({ input: doctor.stderr }), "line");
      assert.equal(line, `secrets: still waiting for the encrypted file ${file}, or its identity`);
      writeFileSync(pipe, makeIdentity().text);
      assert.deepEqual(await ended, [0, null]);
    });

    it(
      "says which file is used once in the session of a terminal",
      linuxOnly("a pseudo-terminal"),
      async (t) => {
        const { session, readOutput, file } = await prepareSession(t);
        await readOutput(["init"]);
        const runtime = join(session.directory, "runtime");
        mkdirSync(runtime, { mode: 0o700 });
        const env = { OS_SECRETS_PROVIDER: "file", XDG_RUNTIME_DIR: runtime };
        await readOutput(["set", "a"], { env, input: "v" });
        const secrets = ways[way]("secrets").join(" ");
        const uses = async (script) => {
          const { shown } = await runOnTerminal(session, ["sh", "-c", script], [], env);
          return shown.split(`using the encrypted file ${file}\n`).length - 1;
        };
        assert.equal(await uses(`${secrets} get a; ${secrets} list; ${secrets} get a`), 1);
        // Another terminal, and another file in the same one.
        assert.equal(await uses(`${secrets} get a`), 1);
        assert.equal(
          await uses(`${secrets} get a; OS_SECRETS_FILE=${file}.other ${secrets} set b v; ${secrets} get a`),
          1,
        );
        // What nobody sees on a terminal does not count.
        assert.equal(await uses(`${secrets} get a 2>&1 | cat; ${secrets} get a`), 2);
        // Many systems have no directory for the session. Without any directory, the user is told each time.
        const twice = (variables) => uses(`${variables} ${secrets} get a; ${variables} ${secrets} get a`);
        assert.equal(await twice("XDG_RUNTIME_DIR="), 1);
        assert.equal(await twice("XDG_RUNTIME_DIR= XDG_CACHE_HOME="), 1);
        assert.equal(await twice("XDG_RUNTIME_DIR= XDG_CACHE_HOME= HOME="), 2);
      },
    );

    it(
      "asks for a passphrase on a terminal, of a new file twice",
      linuxOnly("a pseudo-terminal"),
      async (t) => {
        const { session, runSecrets, expectFailure, file } = await prepareSession(t);
        const typeInto = (args, steps, first = ways[way]("secrets")) =>
          runOnTerminal(session, [...first, ...args], steps);
        const set = ["--store", "file", "set", "name", "value"];
        const [once, repeat] = [`Passphrase for the new file ${file}: `, "Repeat the passphrase: "];
        const differing = await typeInto(set, [
          [once, "one\r"],
          [repeat, "two\r"],
        ]);
        assert.equal(differing.code, 3);
        assert.match(differing.shown, /The two passphrases differ; nothing was changed/);
        assert.ok(!existsSync(file));
        const made = await typeInto(set, [
          [once, "correct horse\r"],
          [repeat, "correct horse\r"],
        ]);
        assert.equal(made.code, 0, made.shown);
        const prompt = `Passphrase for ${file}: `;
        const read = await typeInto(["--store", "file", "get", "name"], [[prompt, "correct horse\r"]]);
        assert.ok(read.code === 0 && read.shown.includes("value"), read.shown);
        assert.ok(!read.shown.includes("horse"));
        const again = "That passphrase is wrong. ";
        const second = await typeInto(
          ["--store", "file", "get", "name"],
          [
            [prompt, "battery\r"],
            [again, "correct horse\r"],
          ],
        );
        assert.ok(second.code === 0 && second.shown.endsWith("\nvalue\n"), second.shown);
        const wrong = await typeInto(
          ["--store", "file", "get", "name"],
          [
            [prompt, "battery\r"],
            [again, "staple\r"],
            [again, "horse\r"],
          ],
        );
        assert.match(wrong.shown, /the passphrase is wrong/);
        assert.equal(wrong.code, 3);
        // Before the value, which would be typed in vain.
        const value = await typeInto(
          ["--store", "file", "set", "typed"],
          [
            [prompt, "correct horse\r"],
            ["Value of typed: ", "one\r"],
            ["Repeat the value: ", "one\r"],
          ],
        );
        assert.equal(value.code, 0, value.shown);
        // It asks on the terminal even if standard input is a pipe.
        const shell = `echo piped | ${ways[way]("secrets").join(" ")} --store file set piped`;
        const piped = await typeInto(["bash", "-c", shell], [[prompt, "correct horse\r"]], []);
        assert.equal(piped.code, 0, piped.shown);
        // A dismissed prompt is not shown again, and the terminal's settings are restored.
        const run = `T=secret:a U=secret:b V=secret:c ${ways[way]("secrets").join(" ")} --store file run -- true; stty -a`;
        const dismissed = await typeInto(["bash", "-c", run], [[prompt, "\u0004"]], []);
        assert.match(dismissed.shown, /No passphrase was entered/);
        assert.ok(/ echo /.test(dismissed.shown), dismissed.shown);
        assert.equal(dismissed.shown.split(prompt).length, 2, dismissed.shown);
        // There is no prompt if the file does not exist or the settings are wrong.
        const nothing = ["--store", "./none/s.age", "list"];
        assert.match((await typeInto(nothing, [])).shown, /using the encrypted file/);
        const both = await typeInto(
          [
            "bash",
            "-c",
            `OS_SECRETS_IDENTITY=x OS_SECRETS_PASSPHRASE=y ${ways[way]("secrets").join(" ")} --store ./none/s.age list`,
          ],
          [],
          [],
        );
        assert.match(both.shown, /OS_SECRETS_IDENTITY is neither an identity/);
        const mistaken = `OS_SECRETS_PASSPHRASE=wrong ${ways[way]("secrets").join(" ")} --store file doctor`;
        assert.equal((await typeInto(["bash", "-c", mistaken], [], [])).code, 1);
        const doctor = await typeInto(["--store", "file", "doctor"], []);
        assert.ok(doctor.code === 0 && doctor.shown.includes("asked for on the terminal"), doctor.shown);
        const env = { OS_SECRETS_PASSPHRASE: "correct horse" };
        assert.equal((await runSecrets(["--store", "file", "get", "piped"], { env })).stdout, "piped\n");
        assert.equal((await runSecrets(["--store", "file", "get", "name"], { env })).stdout, "value\n");
        await expectFailure(["--store", "file", "get", "name"], 3, /nothing to unlock/);
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
