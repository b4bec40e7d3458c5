// The program `secrets` on the operating system's store.

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const { mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { secretsIn } = require("./support/client.js");
const { listItems, storeItem } = require("./support/items.js");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { runInBash, runProgram, ways } = require("./support/programs.js");
const { bun, node } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");
const { assertMode } = require("./support/workspace.js");

const login = "/org/freedesktop/secrets/collection/login";

/** Returns the result of a program that printed nothing on standard error. */
const makeResult = (stdout, code = 0) => ({ code, signal: null, stdout, stderr: "" });

/** Returns a function that runs `secrets`: ([arguments], options) → { code, signal, stdout, stderr }. */
function makeRunner(session, way = "native") {
  return (args, options) => runProgram(session, way, "secrets", args, { cwd: session.directory, ...options });
}

for (const way of Object.keys(ways)) {
  describe(`secrets, ${way},`, () => {
    let session;
    let runSecrets;
    before(async () => {
      session = await startSession();
      runSecrets = makeRunner(session, way);
    });
    after(() => session.stop());

    it("keeps the user's secrets as credentials of the service os-secrets", async () => {
      assert.deepEqual(await runSecrets(["set", "token"], { input: "väl ue\n" }), makeResult(""));
      assert.deepEqual(await runSecrets(["get", "token"]), makeResult("väl ue\n"));
      const [{ path, blob, ...item }, ...others] = await listItems(session);
      assert.deepEqual(others, []);
      const looks = isWindows
        ? { user: "token", persist: 3, comment: null, alias: null, attributes: 0 }
        : {
            collection: login,
            attributes: { "xdg:schema": "com.oven-sh.bun.Secret", service: "os-secrets", account: "token" },
            contentType: "text/plain",
          };
      assert.deepEqual(item, { ...looks, label: "os-secrets/token", secret: "väl ue" });
      const theirs = secretsIn(session, [bun], "bun");
      assert.equal(await theirs.get("os-secrets", "token"), "väl ue");
      await theirs.set({ service: "os-secrets", name: "by-bun", value: "theirs" });
      assert.deepEqual(await runSecrets(["get", "by-bun"]), makeResult("theirs\n"));
      assert.deepEqual(await runSecrets(["list"]), makeResult("by-bun\ntoken\n"));
      assert.deepEqual(await runSecrets(["delete", "by-bun"]), makeResult(""));
      assert.equal(await theirs.get("os-secrets", "by-bun"), null);
      assert.deepEqual(await runSecrets(["resolve", "secret:token"]), makeResult("väl ue\n"));
    });

    it("drops one newline of its input, and no more", async () => {
      const long = "x".repeat(isWindows ? 2560 : 200_000);
      for (const [input, value] of [
        ["one\n", "one"],
        ["one\r\n", "one"],
        ["one\n\n", "one\n"],
        ["one", "one"],
        [" two\nlines \n", " two\nlines "],
        ["\n\n", "\n"],
        ["one\r", "one\r"],
        [`${long}\n`, long],
      ]) {
        assert.deepEqual(await runSecrets(["set", "input"], { input }), makeResult(""));
        assert.deepEqual(await runSecrets(["get", "input", "--raw"]), makeResult(value));
      }
    });

    it("stores nothing that is empty or no text, so that a failed command deletes nothing", async () => {
      await runSecrets(["set", "kept"], { input: "kept" });
      for (const input of ["", "\n", "\r\n", Buffer.from([0xff]), "a\0b"]) {
        const { code, stdout, stderr } = await runSecrets(["set", "kept"], { input });
        assert.deepEqual([code, stdout], [2, ""]);
        assert.match(stderr, /^secrets: the value (is empty; .*use delete|must be UTF-8 text.*--raw)/);
      }
      assert.equal((await runSecrets(["set", "kept", ""])).code, 2);
      assert.deepEqual(await runSecrets(["get", "kept"]), makeResult("kept\n"));
    });

    it("addresses the credentials of any application", async () => {
      const odd = 'имя = "x" 👋 A/B';
      const of = ["--service", "com.example.app"];
      assert.deepEqual(await runSecrets(["set", ...of, odd], { input: "value" }), makeResult(""));
      assert.deepEqual(await runSecrets(["get", odd, ...of]), makeResult("value\n"));
      assert.deepEqual(await runSecrets(["list", ...of]), makeResult(`${odd}\n`));
      const key = { service: "com.example.app", name: odd };
      assert.deepEqual(JSON.parse((await runSecrets(["list", ...of, "--json"])).stdout), [key]);
      const json = { ...key, value: "value" };
      assert.deepEqual(
        await runSecrets(["get", "--json", odd, ...of]),
        makeResult(`${JSON.stringify(json)}\n`),
      );
      assert.equal((await runSecrets(["get", odd])).code, 2);
      assert.equal((await runSecrets(["get", odd, "--service", "other"])).code, 1);
      assert.deepEqual(await runSecrets(["delete", odd, ...of]), makeResult(""));
      assert.equal((await runSecrets(["delete", odd, ...of])).code, 1);
      for (const wrong of [
        ["get", odd, ...of, "--scope", "user"],
        ["get", odd, "--service", ""],
        ["get", "", ...of],
      ]) {
        assert.equal((await runSecrets(wrong)).code, 2, wrong.join(" "));
      }
    });
  });
}

for (const way of Object.keys(ways)) {
  describe(`secrets, ${way}, as well`, () => {
    let session;
    let runSecrets;
    before(async () => {
      session = await startSession();
      runSecrets = makeRunner(session, way);
    });
    after(() => session.stop());

    const runBash = (script) => runInBash(session, way, script);

    it("gives a value in JSON to the letter", async () => {
      const value = 'a "quoted" \\ \u001b\t\u2028 👋';
      await runSecrets(["set", "json"], { input: value });
      const { stdout } = await runSecrets(["get", "json", "--json"]);
      assert.deepEqual(JSON.parse(stdout), { name: "json", value });
    });

    it("prints bytes that others have stored, but not as JSON", async () => {
      const ours = secretsIn(session, node(22), "os-secrets");
      await ours.set("os-secrets", "text", "x");
      const source = `require(${JSON.stringify(join(__dirname, ".."))}).openStore()
      .set("os-secrets", "bytes", Uint8Array.of(0xff, 0x00, 0x0a))`;
      assert.equal((await session.run(node(22)[0], ["-e", source])).code, 0);
      const file = join(session.directory, "bytes");
      assert.deepEqual(await runSecrets(["get", "bytes", "-o", file]), makeResult(""));
      assert.equal(readFileSync(file).toString("hex"), "ff000a0a");
      assert.equal((await runSecrets(["get", "bytes", "--json"])).code, 1);
    });

    it("lets no name steer the terminal", async () => {
      const name = "a\u001b[2J\nb\u009b";
      const attributes = { "xdg:schema": "com.oven-sh.bun.Secret", service: "hostile", account: name };
      const label = isWindows ? `hostile/${name}` : "x";
      await storeItem(session, { collection: login, attributes, label, secret: "x" });
      const { stdout } = await runSecrets(["list", "--service", "hostile"]);
      assert.equal(stdout, "a\\u{1b}[2J\\nb\\u{9b}\n");
      assert.deepEqual(JSON.parse((await runSecrets(["list", "--service", "hostile", "--json"])).stdout), [
        { service: "hostile", name },
      ]);
    });

    it("ends quietly where nobody reads on", linuxOnly("a shell"), async () => {
      await runSecrets(["set", "pipe"], { input: "x".repeat(500_000) });
      const line = `"$@" get pipe | head -c 1; echo " \${PIPESTATUS[0]}"`;
      assert.deepEqual(await runBash(line), makeResult("x 1\n"));
    });

    it("says where its result cannot be written", linuxOnly("a full disk"), async () => {
      const { code, stderr } = await runBash(`"$@" list >/dev/full`);
      assert.equal(code, 1);
      assert.match(stderr, /^secrets: Cannot write to standard output: No space left on device/);
    });

    it("gives scripts of completions for all shells", async () => {
      for (const [shell, mark] of [
        ["bash", /^complete -F _secrets secrets$/m],
        ["zsh", /^#compdef secrets/],
        ["fish", /^complete -c secrets/m],
        ["powershell", /Register-ArgumentCompleter/],
      ]) {
        const { code, stdout } = await runSecrets(["completions", shell]);
        assert.equal(code, 0);
        assert.match(stdout, mark);
      }
      assert.equal((await runSecrets(["completions", "tcsh"])).code, 2);
    });

    describe("inject", () => {
      before(async () => {
        await runSecrets(["set", "password"], { input: "p$ss\n{{ secret:user }}" });
        await runSecrets(["set", "user"], { input: "alice" });
      });

      it("fills in references, once, and leaves everything else", async () => {
        const template = "u={{ secret:user }}\np={{secret:password}}\n{{ .Values.x }} {{}} }} {{ secret\r\n";
        const filled = "u=alice\np=p$ss\n{{ secret:user }}\n{{ .Values.x }} {{}} }} {{ secret\r\n";
        assert.deepEqual(await runSecrets(["inject"], { input: template }), makeResult(filled));
        const [input, output] = ["template", "filled"].map((name) => join(session.directory, name));
        writeFileSync(input, template);
        assert.deepEqual(await runSecrets(["inject", "-i", "template", "-o", "filled"]), makeResult(""));
        assert.equal(readFileSync(output, "utf8"), filled);
        assertMode(output, 0o600);
      });

      it("writes nothing where a reference leads nowhere", async () => {
        for (const [template, code, told] of [
          [
            "{{ secret:user }}\n{{ secret:nope }}",
            1,
            /^secrets: line 2 of the template: There is no secret nope/,
          ],
          ["{{ secret:USER }}", 2, /^secrets: line 1 of the template: Not a secret's name/],
          ["{{ secret:user", 2, /^secrets: line 1 of the template: .*not closed/],
          [
            "{{ secret:user | yaml }}",
            2,
            /^secrets: line 1 of the template: There is no filter yaml; the filters are json, sh, url and base64\n$/,
          ],
        ]) {
          const output = join(session.directory, "untouched");
          writeFileSync(output, "before");
          const failed = await runSecrets(["inject", "-o", output], { input: template });
          assert.deepEqual([failed.code, failed.stdout], [code, ""]);
          assert.match(failed.stderr, told);
          assert.equal(readFileSync(output, "utf8"), "before");
        }
        assert.equal((await runSecrets(["inject", "-i", "nowhere"])).code, 1);
      });

      it("writes values as other languages do, and references that are none", async () => {
        const value = 'it\'s "a"\n\\ b/é+\u{1f600}';
        await runSecrets(["set", "-n", "odd"], { input: value });
        const fill = async (input) => (await runSecrets(["inject"], { input })).stdout;
        assert.equal(await fill("{{ secret:odd | json }}"), JSON.stringify(value).slice(1, -1));
        assert.equal(decodeURIComponent(await fill("{{secret:odd|url}}")), value);
        assert.match(
          await fill("{{secret:odd|url}}"),
          /^it%27s%20%22a%22%0A%5C%20b%2F%C3%A9%2B%F0%9F%98%80$/,
        );
        assert.equal(await fill("{{ secret:odd | base64 }}"), Buffer.from(value).toString("base64"));
        assert.equal(
          await fill("{{ secret:odd | json | base64 }}"),
          Buffer.from(JSON.stringify(value).slice(1, -1)).toString("base64"),
        );
        if (!isWindows) {
          const script = await fill("printf %s {{ secret:odd | sh }}");
          assert.equal((await session.run("sh", ["-c", script])).stdout, value);
        }
        assert.equal(
          await fill("{{{{ secret:odd }}}} {{{{ x }}}} {{ secret:user }}"),
          "{{ secret:odd }} {{{{ x }}}} alice",
        );
      });

      it("refuses what would break a JSON file or change its structure", async () => {
        await runSecrets(["set", "quote"], { input: 'x", "admin": "true' });
        const refusal =
          "secrets: line 2 of the template: The value would break the JSON or change its structure; " +
          "write {{ secret:quote | json }}\n";
        const template = '{\n"a": "{{ secret:quote }}"}';
        writeFileSync(join(session.directory, "t.json"), template);
        for (const args of [
          ["inject", "-i", "t.json"],
          ["inject", "-o", "filled.json"],
        ]) {
          const { code, stdout, stderr } = await runSecrets(args, { input: template });
          assert.deepEqual({ code, stdout, stderr }, { code: 1, stdout: "", stderr: refusal });
        }
        // What is no JSON file, or no JSON anyway, is filled in.
        const filled = template.replace("{{ secret:quote }}", 'x", "admin": "true');
        assert.equal((await runSecrets(["inject"], { input: template })).stdout, filled);
        writeFileSync(join(session.directory, "t.json"), `// comment\n${template}`);
        assert.equal((await runSecrets(["inject", "-i", "t.json"])).stdout, `// comment\n${filled}`);
        writeFileSync(join(session.directory, "t.json"), template.replace("quote", "quote | json"));
        const { stdout } = await runSecrets(["inject", "-i", "t.json"]);
        assert.deepEqual(JSON.parse(stdout), { a: 'x", "admin": "true' });
      });
    });

    describe("import", () => {
      const dotenv = `# a comment
export API_KEY="line one\\nline two"
PASSPHRASE='p#$s' # with a comment
EMPTY=
REFERENCE=secret:api_key
`;
      const notes =
        "secrets: skipped EMPTY: the value is empty\nsecrets: skipped REFERENCE: the value is already a reference\n";

      it("stores each value under its variable's name", async () => {
        writeFileSync(join(session.directory, ".env"), dotenv);
        const dry = await runSecrets(["import", ".env", "--dry-run"]);
        assert.deepEqual(dry, {
          ...makeResult("would store api_key\nwould store passphrase\n"),
          stderr: notes,
        });
        assert.equal((await runSecrets(["get", "api_key"])).code, 1);
        const { code, stdout } = await runSecrets(["import"], { input: dotenv });
        assert.deepEqual([code, stdout], [0, "stored api_key\nstored passphrase\n"]);
        assert.equal((await runSecrets(["get", "api_key"])).stdout, "line one\nline two\n");
        assert.equal((await runSecrets(["get", "passphrase"])).stdout, "p#$s\n");
        const piped = await runSecrets(["import", "-"], { input: dotenv });
        assert.deepEqual([piped.code, piped.stdout], [0, "unchanged api_key\nunchanged passphrase\n"]);
        const again = await runSecrets(["import", ".env"]);
        assert.match(again.stderr, /^secrets: \.env still holds the values\. Replace each by its reference/m);
        const over = await runSecrets(["import", ".env", "-o", ".env"]);
        assert.deepEqual([over.code, over.stdout], [2, ""]);
        assert.match(over.stderr, /-o would overwrite a file that holds keys or secrets/);
        assert.deepEqual(await runSecrets(["import", ".env", "-q"]), makeResult(""));
      });

      it("replaces a different value only if it must, and says what it did with each", async () => {
        await runSecrets(["import"], { input: "KEPT=same\nCHANGED=before" });
        const input = "KEPT=same\nCHANGED=Hunter2\nADDED=new";
        const runImport = (...flags) => runSecrets(["import", ...flags], { input });
        const readChanged = async () => (await runSecrets(["get", "changed"])).stdout;

        const dry = await runImport("--dry-run");
        assert.deepEqual([dry.code, dry.stdout], [1, "unchanged kept\nwould store added\n"]);
        assert.equal(dry.stderr, "secrets: changed would replace a different value, which needs --force\n");
        assert.equal((await runSecrets(["get", "added"])).code, 1);
        assert.deepEqual(
          await runImport("--dry-run", "--force"),
          makeResult("unchanged kept\nwould replace changed\nwould store added\n"),
        );
        assert.equal(await readChanged(), "before\n");

        const refused = await runImport();
        assert.deepEqual([refused.code, refused.stdout], [1, "unchanged kept\nstored added\n"]);
        assert.match(refused.stderr, /^secrets: changed was not stored: a different value .* use --force\n$/);
        assert.equal(await readChanged(), "before\n");

        assert.deepEqual(
          await runImport("--force"),
          makeResult("unchanged kept\nreplaced changed\nunchanged added\n"),
        );
        assert.equal(await readChanged(), "Hunter2\n");
        const unchanged = "unchanged kept\nunchanged changed\nunchanged added\n";
        assert.deepEqual(await runImport(), makeResult(unchanged));
      });

      it("replaces no credential and nothing in the repository either", async () => {
        const workspace = join(session.directory, "kept");
        mkdirSync(workspace);
        writeFileSync(join(workspace, "datapackage.json"), '{"busdk":{"secrets":{"a":"before"}}}');
        for (const where of [
          ["-C", "kept", "--scope", "repo"],
          ["--service", "kept-app"],
        ]) {
          const run = (input, ...flags) => runSecrets(["import", ...where, ...flags], { input });
          await run("A=before");
          const { code, stdout, stderr } = await run("A=after");
          assert.deepEqual([code, stdout], [1, ""]);
          assert.match(stderr, /^secrets: \w was not stored: a different value is stored under this name/);
          assert.match((await run("A=after", "--force")).stdout, /^replaced \w\n$/);
        }
      });

      it("says which lines a key stands on, and stores the last value", async () => {
        const { code, stdout, stderr } = await runSecrets(["import"], {
          input: "TWICE=Hunter1\nONCE=1\n\nTWICE=Hunter2\nexport TWICE='last'\n",
        });
        assert.deepEqual([code, stdout], [0, "stored twice\nstored once\n"]);
        assert.equal(stderr, "secrets: warning: TWICE is on lines 1, 4 and 5; the last one counts\n");
        assert.equal((await runSecrets(["get", "twice"])).stdout, "last\n");
      });

      it("keeps names for an application, and goes into the repository where it is told to", async () => {
        const { stdout } = await runSecrets(["import", ".env", "--service", "app"]);
        assert.equal(stdout, "stored API_KEY\nstored PASSPHRASE\n");
        assert.equal(
          (await runSecrets(["get", "API_KEY", "--service", "app"])).stdout,
          "line one\nline two\n",
        );
        const workspace = join(session.directory, "workspace");
        mkdirSync(workspace);
        writeFileSync(join(workspace, "datapackage.json"), "{}");
        const imported = await runSecrets(["import", "../.env", "-C", "workspace", "--scope", "repo"]);
        assert.equal(imported.code, 0);
        assert.match(imported.stderr, /^secrets: warning: .*plain text/m);
        assert.deepEqual(JSON.parse(readFileSync(join(workspace, "datapackage.json"), "utf8")), {
          busdk: { secrets: { api_key: "line one\nline two", passphrase: "p#$s" } },
        });
      });

      it("stores nothing of a file that it does not understand", async () => {
        for (const [input, code, told] of [
          ["A=1\nB='Hunter2\n", 1, /line 2/],
          ["Hunter2\n", 1, /line 1/],
          [
            "NAME=1\nname=2\n",
            2,
            /: NAME in line 1 and name in line 2 would both become the secret name; rename one$/m,
          ],
          ["", 2, /^secrets: the input has no variables; nothing was imported$/m],
          ["# a comment\n\n", 2, /^secrets: the input has no variables; nothing was imported$/m],
        ]) {
          const failed = await runSecrets(["import"], { input });
          assert.deepEqual([failed.code, failed.stdout], [code, ""]);
          assert.match(failed.stderr, told);
          assert.doesNotMatch(failed.stderr, /Hunter2/);
        }
        assert.equal((await runSecrets(["get", "a"])).code, 1);
      });
    });
  });

  describe(`secrets doctor, ${way},`, linuxOnly("a bus"), () => {
    async function prepareDoctor(t, options, env) {
      const session = await startSession(options);
      t.after(() => session.stop());
      return { session, runDoctor: (...args) => makeRunner(session, way)(["doctor", ...args], { env }) };
    }

    it("finds nothing wrong with a store that works", async (t) => {
      const { session, runDoctor } = await prepareDoctor(t);
      const { code, stdout, stderr } = await runDoctor();
      assert.deepEqual([code, stderr], [0, ""]);
      assert.match(stdout, /^works +yes\nstore +Secret Service\nprovider +gnome-keyring\n/);
      const { problems, place, settings, ...facts } = JSON.parse((await runDoctor("--json")).stdout);
      assert.deepEqual(problems, []);
      assert.equal(settings.store, "default");
      assert.deepEqual(facts, {
        works: true,
        store: "Secret Service",
        provider: "gnome-keyring",
        bus: session.env.DBUS_SESSION_BUS_ADDRESS,
        reachable: true,
        collection: login,
        unlocked: true,
        writable: true,
        persistent: true,
        encrypted_on_bus: true,
        encrypted_at_rest: true,
        display: false,
        repository: null,
      });
    });

    it("tells what is wrong, and the command that mends it", async (t) => {
      for (const [what, options, prepare, env, told, fix] of [
        ["no bus", { bus: false }, undefined, {}, /no usable D-Bus session bus/, /^dbus-run-session/],
        [
          "no service",
          { keyring: false },
          undefined,
          {},
          /No credential store answers/,
          /install gnome-keyring/,
        ],
        [
          "locked, without a display",
          {},
          (session) => session.lock(),
          {},
          /locked, and there is no display/,
          /gnome-keyring-daemon --replace --unlock/,
        ],
        [
          "no default collection",
          { keyring: false },
          (session) => session.startKeyring({ password: null }),
          {},
          /no default collection/,
          /gnome-keyring-daemon --replace --unlock/,
        ],
      ]) {
        const { session, runDoctor } = await prepareDoctor(t, options, env);
        await prepare?.(session);
        const { code, stdout } = await runDoctor("--json");
        const { works, problems } = JSON.parse(stdout);
        assert.deepEqual([code, works], [1, false], what);
        const fatal = problems.find((problem) => problem.fatal);
        assert.match(fatal.what, told);
        assert.match(fatal.fix, fix);
        const text = await runDoctor();
        assert.equal(text.code, 1);
        assert.ok(text.stdout.includes(`problem: ${fatal.what}\n  ${fatal.fix}\n`), text.stdout);
      }
    });

    it("is right: what it finds working works, and what not, not", async (t) => {
      for (const prepare of [() => {}, (session) => session.lock()]) {
        const { session, runDoctor } = await prepareDoctor(t);
        await prepare(session);
        const { code } = await runDoctor();
        const set = await makeRunner(session, way)(["set", "probe"], { input: "x" });
        assert.equal(set.code, code === 0 ? 0 : 3, set.stderr);
      }
    });

    it("takes a locked store for working where it can ask", async (t) => {
      const { session, runDoctor } = await prepareDoctor(t, {}, { DISPLAY: ":0" });
      await session.lock();
      const { code, stdout } = await runDoctor("--json");
      const { works, unlocked, problems } = JSON.parse(stdout);
      assert.deepEqual(
        [code, works, unlocked, problems.length, problems[0].fatal],
        [0, true, false, 1, false],
      );
    });

    for (const password of ["", "right % word"])
      it(`mends what it says, password "${password}"`, async (t) => {
        const { session, runDoctor } = await prepareDoctor(t, { keyring: false });
        await session.startKeyring({ password });
        await session.lock();
        const { problems } = JSON.parse((await runDoctor("--json")).stdout);
        // In the foreground, the daemon ends with the session.
        const fix = problems[0].fix.replace("--components", "--foreground --components");
        session.start("sh", ["-c", fix]).stdin.end(`${password}\n`);
        await session.waitForAnswer(
          [
            "org.freedesktop.secrets",
            login,
            "org.freedesktop.DBus.Properties.Get",
            "string:org.freedesktop.Secret.Collection",
            "string:Locked",
          ],
          /boolean false/,
        );
        assert.equal((await runDoctor()).code, 0);
      });

    it("tells a command that makes a keyring with a password", async (t) => {
      const { session, runDoctor } = await prepareDoctor(t, { bus: false });
      const { problems } = JSON.parse((await runDoctor("--json")).stdout);
      const run = async (password, ...args) => {
        const command = [...ways[way]("secrets"), ...args];
        const script = problems[0].fix.replace(/COMMAND$/, '"$@"');
        // A file, and no pipe: a keyring that the bus starts while it ends may outlive it, and keep the pipe open.
        const output = join(session.directory, "output");
        const words = ["-c", `exec >"$0" 2>/dev/null; ${script}`, output, ...command];
        const { code } = await session.run("bash", words, { input: `${password}\n` });
        return { code, stdout: readFileSync(output, "utf8") };
      };
      assert.equal((await run("right % word", "set", "a", "kept")).code, 0);
      assert.equal((await run("right % word", "get", "a")).stdout, "kept\n");
      assert.notEqual((await run("wrong", "get", "a")).code, 0);
      const facts = JSON.parse((await run("right % word", "doctor", "--json")).stdout);
      assert.equal(facts.encrypted_at_rest, true);
    });

    it("recognizes where it runs", async (t) => {
      const { runDoctor } = await prepareDoctor(t, { keyring: false }, { WSL_DISTRO_NAME: "Debian" });
      const { place, problems } = JSON.parse((await runDoctor("--json")).stdout);
      assert.equal(place, "WSL");
      assert.match(problems[0].what, /systemd in \/etc\/wsl\.conf/);
    });
  });
}

describe("the programs of a package without a binary", () => {
  it("say what is wrong", () => {
    const load = `require.cache[require.resolve("../load.js")] = undefined;
      require("node:module")._load = ((load) => (id, ...rest) => {
        if (/\\.node$|^@os-secrets/.test(id)) throw Object.assign(new Error(id), { code: "MODULE_NOT_FOUND" });
        return load(id, ...rest);
      })(require("node:module")._load);
      require("../program.js")("secrets");`;
    const options = { cwd: __dirname, encoding: "utf8" };
    const { status, stdout, stderr } = spawnSync(process.execPath, ["-e", load], options);
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, /^secrets: os-secrets cannot load its native binary/);
  });
});
