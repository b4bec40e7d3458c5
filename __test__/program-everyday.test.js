// The commands of `secrets` for every day: has, rename, generate, export, import of JSON, and edit.

const assert = require("node:assert/strict");
const { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { describe, it } = require("node:test");
const { writeIdentity } = require("./support/age.js");
const { runIsolated } = require("./support/apart.js");
const { listItems } = require("./support/items.js");
const { linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { startSession } = require("./support/session.js");
const { runOnTerminal } = require("./support/terminal.js");
const { assertMode } = require("./support/workspace.js");

/**
 * Starts a session with functions that run `secrets`: `run` returns its result, `set` and `get` need a result of 0, and
 * `get` returns the exact value.
 */
async function prepare(t, { way = "native", ...options } = {}) {
  const session = await startSession(options);
  t.after(() => session.stop());
  const run = (args, more) => runProgram(session, way, "secrets", args, { cwd: session.directory, ...more });
  const expectSuccess = async (args, more) => {
    const { code, stdout, stderr } = await run(args, more);
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const set = (name, input, ...flags) => expectSuccess(["set", name, "--raw", ...flags], { input });
  const get = (name, ...flags) => expectSuccess(["get", name, "--raw", ...flags]);
  return { session, run, set, get };
}

/** The result of a program that printed nothing. */
const silent = (code) => ({ code, signal: null, stdout: "", stderr: "" });

describe("has", () => {
  for (const way of Object.keys(ways)) {
    it(`says by its exit code whether there is a secret, and prints nothing, ${way}`, async (t) => {
      const { run, set } = await prepare(t, { way });
      assert.deepEqual(await run(["has", "token"]), silent(1));
      await set("token", "v");
      await set("key", "v", "--service", "app");
      assert.deepEqual(await run(["has", "token"]), silent(0));
      assert.deepEqual(await run(["has", "token", "--scope", "repo"]), silent(1));
      assert.deepEqual(await run(["has", "--service", "app", "key"]), silent(0));
      assert.deepEqual(await run(["has", "--service", "app", "token"]), silent(1));
      assert.equal((await run(["has", "No Name"])).code, 2);
    });
  }

  it("prints no note about an encrypted file", async (t) => {
    const { session, run, set } = await prepare(t, { bus: false });
    const store = join(session.directory, "s.age");
    session.env.OS_SECRETS_IDENTITY = writeIdentity(session.directory).path;
    assert.deepEqual(await run(["has", "token", "--store", store]), silent(1));
    await set("token", "v", "--store", store);
    assert.deepEqual(await run(["has", "token", "--store", store]), silent(0));
  });

  it("exits with 3 if the store cannot tell", linuxOnly("a bus"), async (t) => {
    const { run } = await prepare(t, { bus: false });
    const { code, stdout, stderr } = await run(["has", "token"]);
    assert.deepEqual([code, stdout], [3, ""]);
    assert.match(stderr, /^secrets: /);
  });

  it("asks nobody, even if the keyring is locked", linuxOnly("a bus"), async (t) => {
    const { session, run, set } = await prepare(t);
    await set("token", "v");
    await session.lock();
    // Whoever asks here waits for a prompter that does not exist, and fails.
    assert.equal((await run(["get", "token"])).code, 3);
    assert.deepEqual(await run(["has", "token"]), silent(0));
    assert.deepEqual(await run(["has", "other"]), silent(1));
  });
});

describe("rename", () => {
  for (const way of Object.keys(ways)) {
    it(`gives a secret another name, whatever its bytes, ${way}`, async (t) => {
      const { run, set, get } = await prepare(t, { way });
      await set("old", "two\nlines\r\n");
      assert.deepEqual(await run(["rename", "old", "new"]), silent(0));
      assert.equal(await get("new"), "two\nlines\r\n");
      assert.deepEqual(await run(["has", "old"]), silent(1));
      await set("Any Name", "v", "--service", "app");
      assert.deepEqual(await run(["rename", "--service", "app", "Any Name", "other"]), silent(0));
      assert.equal(await get("other", "--service", "app"), "v");
      assert.deepEqual(await run(["has", "Any Name", "--service", "app"]), silent(1));
    });
  }

  it("replaces a secret only with --force, and needs none if the value is the same", async (t) => {
    const { run, set, get } = await prepare(t);
    await set("old", "v");
    await set("new", "other");
    const refused = "secrets: new has a different value. Nothing was changed; to replace it, use --force\n";
    assert.deepEqual(await run(["rename", "old", "new"]), { ...silent(1), stderr: refused });
    assert.deepEqual([await get("old"), await get("new")], ["v", "other"]);
    assert.deepEqual(await run(["rename", "old", "new", "--force"]), silent(0));
    assert.equal(await get("new"), "v");
    await set("old", "v");
    assert.deepEqual(await run(["rename", "old", "new"]), silent(0));
    assert.deepEqual(await run(["has", "old"]), silent(1));
  });

  it("changes nothing if there is no such secret, or a name is wrong", async (t) => {
    const { run, set, get } = await prepare(t);
    await set("kept", "v");
    const missing = await run(["rename", "nope", "kept", "--force"]);
    assert.deepEqual(missing, {
      ...silent(1),
      stderr: "secrets: There is no secret nope in the user's store\n",
    });
    for (const args of [
      ["kept", "kept"],
      ["kept", "Kept"],
      ["kept", "kept2", "--scope", "auto"],
    ]) {
      assert.equal((await run(["rename", ...args])).code, 2, args.join(" "));
    }
    assert.equal(await get("kept"), "v");
  });

  it("stays in its scope", async (t) => {
    const { session, run, set, get } = await prepare(t);
    writeFileSync(join(session.directory, "datapackage.json"), "{}");
    await set("name", "mine");
    await set("name", "ours", "--scope", "repo");
    assert.equal((await run(["rename", "name", "other", "--scope", "repo", "-q"])).code, 0);
    assert.deepEqual([await get("name"), await get("other")], ["mine", "ours"]);
    assert.deepEqual(await run(["has", "other", "--scope", "user"]), silent(1));
  });

  it("leaves the value under both names if the old one cannot be deleted", linuxOnly("a bus"), async (t) => {
    const { session, run, set, get } = await prepare(t, { bus: false });
    const policy = '<deny send_interface="org.freedesktop.Secret.Item" send_member="Delete"/>';
    await session.startBus("bus", { policy });
    await session.startKeyring();
    await set("old", "v");
    const { code, stderr } = await run(["rename", "old", "new"]);
    assert.equal(code, 3, stderr);
    assert.match(stderr, /^secrets: new has the value, but old may still have it as well: /);
    assert.deepEqual([await get("old"), await get("new")], ["v", "v"]);
  });

  it("of two secrets to one name keeps both values", async (t) => {
    const { run, set, get } = await prepare(t);
    for (let round = 0; round < 5; round++) {
      await set("one", "first");
      await set("other", "second");
      const results = await Promise.all(["one", "other"].map((old) => run(["rename", old, "new"])));
      assert.deepEqual(results.map(({ code }) => code).sort(), [0, 1]);
      const isFirst = results[0].code === 0;
      assert.equal(await get("new"), isFirst ? "first" : "second");
      assert.equal(await get(isFirst ? "other" : "one"), isFirst ? "second" : "first");
      assert.equal((await run(["delete", "new"])).code, 0);
    }
  });
});

describe("generate", () => {
  for (const [place, flags] of [
    ["the user's store", []],
    ["an encrypted file", ["--store", "./own/s.age"]],
    ["the repository", ["--scope", "repo"]],
  ]) {
    it(`at once in many processes loses no value, in ${place}`, async (t) => {
      const { session, run, get } = await prepare(t);
      session.env.OS_SECRETS_IDENTITY = writeIdentity(session.directory).path;
      writeFileSync(join(session.directory, "datapackage.json"), "{}");
      const generate = () => run(["generate", "token", "--print", ...flags]);
      const results = await Promise.all(Array.from({ length: 8 }, generate));
      const printed = results.filter(({ code }) => code === 0).map(({ stdout }) => stdout.trim());
      assert.equal(printed[0].length, 32);
      assert.deepEqual(printed, [await get("token", ...flags)]);
      const refused = results.filter(({ code }) => code !== 0);
      for (const { code, stderr } of refused) {
        assert.equal(code, 1);
        assert.match(stderr, /^secrets: token exists already/m);
      }
    });
  }

  for (const way of Object.keys(ways)) {
    it(`stores a new value, and prints it only if asked, ${way}`, async (t) => {
      const { run, get } = await prepare(t, { way });
      assert.deepEqual(await run(["generate", "token"]), silent(0));
      const value = await get("token");
      assert.match(value, /^[A-Za-z0-9]{32}$/);
      const printed = await run(["generate", "other", "--print"]);
      assert.deepEqual(printed, { ...silent(0), stdout: `${await get("other")}\n` });
      assert.notEqual(await get("other"), value);
      assert.deepEqual(await run(["generate", "--service", "app", "Key"]), silent(0));
      assert.equal((await get("Key", "--service", "app")).length, 32);
    });
  }

  it("replaces a secret only with --force", async (t) => {
    const { run, set, get } = await prepare(t);
    await set("token", "mine");
    const stderr = "secrets: token exists already. Nothing was changed; to replace it, use --force\n";
    assert.deepEqual(await run(["generate", "token", "--print"]), { ...silent(1), stderr });
    assert.equal(await get("token"), "mine");
    assert.deepEqual(await run(["generate", "token", "--force"]), silent(0));
    assert.match(await get("token"), /^[A-Za-z0-9]{32}$/);
  });

  it("takes a length and an alphabet", async (t) => {
    const { run, get } = await prepare(t);
    for (const [flags, pattern] of [
      [["--length", "1"], /^[A-Za-z0-9]$/],
      [["--length", "2000"], /^[A-Za-z0-9]{2000}$/],
      [["--alphabet", "hex"], /^[0-9a-f]{32}$/],
      [["--alphabet", "lower"], /^[0-9a-z]{32}$/],
      [["--alphabet", "url", "--length", "64"], /^[A-Za-z0-9_-]{64}$/],
      [["--alphabet", "ascii", "--length", "64"], /^[!-~]{64}$/],
      [["--alphabet", "ä€👋", "--length", "100"], /^[ä€👋]{100}$/u],
    ]) {
      assert.deepEqual(await run(["generate", "token", "--force", ...flags]), silent(0));
      assert.match(await get("token"), pattern);
    }
    for (const flags of [
      ["--length", "0"],
      ["--length", "4097"],
      ["--length", "x"],
      ["--alphabet", "a"],
      ["--alphabet", "aa"],
    ]) {
      const { code, stdout } = await run(["generate", "new", ...flags]);
      assert.deepEqual([code, stdout], [2, ""], flags.join(" "));
    }
    assert.deepEqual(await run(["has", "new"]), silent(1));
  });
});

describe("export and import of JSON", () => {
  const values = {
    text: 'a "quoted" \\ \u001b\t\u2028 👋\r\n',
    reference: "secret:text",
    nul: "a\0b",
    bytes: Buffer.from([0xff, 0x00, 0x0a, 0x80]),
  };
  const inJson = { ...values, bytes: { base64: "/wAKgA==" } };

  for (const way of Object.keys(ways)) {
    it(`copies values of any bytes, ${way}`, async (t) => {
      const { session, run, set } = await prepare(t, { way, bus: false });
      session.env.OS_SECRETS_IDENTITY = writeIdentity(session.directory).path;
      const one = ["--store", join(session.directory, "one.age"), "-q"];
      const other = ["--store", join(session.directory, "other.age"), "-q"];
      for (const [name, value] of Object.entries(values)) await set(name, value, ...one);
      const file = join(session.directory, "all.json");
      const exported = await run(["export", "--values", ...one.slice(0, 2)]);
      assert.deepEqual(JSON.parse(exported.stdout), inJson);
      // Nothing is written with --quiet.
      assert.equal((await run(["export", "--values", ...one, "-o", file])).code, 0);
      assert.ok(!existsSync(file));
      assert.equal((await run(["export", "--values", ...one.slice(0, 2), "-o", file])).code, 0);
      assertMode(file, 0o600);
      assert.equal(readFileSync(file, "utf8"), exported.stdout);
      const input = exported.stdout;
      for (const [args, how] of [
        [["import", file], {}],
        [["import"], { input }],
      ]) {
        assert.deepEqual(await run([...args, ...other], how), silent(0));
      }
      for (const name of Object.keys(values)) {
        // Windows has devices of names such as nul.
        const out = join(session.directory, `value of ${name}`);
        assert.equal((await run(["get", name, "--raw", ...other.slice(0, 2), "-o", out])).code, 0);
        assert.deepEqual(readFileSync(out), Buffer.from(values[name]));
      }
    });
  }

  it("shows no value unless it is asked for", async (t) => {
    const { run, set } = await prepare(t);
    assert.deepEqual(await run(["export"]), { ...silent(0), stdout: "{}\n" });
    await set("b", "hidden");
    await set("a", "hidden");
    await set("Key", "hidden", "--service", "app");
    const stderr = "secrets: the values are left out; --values exports them\n";
    assert.deepEqual(await run(["export"]), {
      ...silent(0),
      stderr,
      stdout: '{\n  "a": null,\n  "b": null\n}\n',
    });
    assert.deepEqual(await run(["export", "--service", "app"]), {
      ...silent(0),
      stderr,
      stdout: '{\n  "Key": null\n}\n',
    });
    const { stdout } = await run(["export", "--service", "app", "--values"]);
    assert.deepEqual(JSON.parse(stdout), { Key: "hidden" });
  });

  it("exports the values that are used, and warns of those that are hidden", async (t) => {
    const { session, run, set } = await prepare(t);
    writeFileSync(join(session.directory, "datapackage.json"), "{}");
    await set("both", "mine");
    await set("both", "ours", "--scope", "repo");
    const { stdout, stderr } = await run(["export", "--values"]);
    assert.deepEqual(JSON.parse(stdout), { both: "ours" });
    assert.match(stderr, /^secrets: warning: both is in the repository/);
    const mine = await run(["export", "--values", "--scope", "user"]);
    assert.deepEqual(JSON.parse(mine.stdout), { both: "mine" });
  });

  it("imports what it can, and says what it skips", async (t) => {
    const { run, set, get } = await prepare(t);
    await set("c", "other");
    const input = '\ufeff {"A_B": "v", "null": null, "empty": "", "c": "new"}';
    const { code, stdout, stderr } = await run(["import"], { input });
    assert.deepEqual([code, stdout], [1, "stored a_b\n"]);
    assert.match(
      stderr,
      /skipped null: there is no value\n.*skipped empty: the value is empty\n.*c was not stored/s,
    );
    assert.deepEqual([await get("a_b"), await get("c")], ["v", "other"]);
  });

  it("imports nothing from JSON that is not of this form, and shows none of it", async (t) => {
    const { session, run } = await prepare(t);
    const array = join(session.directory, "array.JSON");
    writeFileSync(array, '["hunter2"]');
    const utf16 = join(session.directory, "utf16.json");
    writeFileSync(utf16, Buffer.from('\ufeff{"a":"hunter2"}', "utf16le"));
    for (const [code, input, told, file = "-"] of [
      [1, '{"a":"hunter2"', /standard input is not valid JSON at line 1/],
      [1, '{"a":["hunter2"]}', /has for a neither a text nor an object/],
      [1, '{"a":12}', /has for a neither/],
      [1, '{"a":{"base64":"hunter 2"}}', /has for a neither/],
      [1, '{"a":{"base64":"aA==","hunter2":""}}', /has for a neither/],
      [1, '{"a":"hunter2","A":"hunter2"}', /has several values for a;/],
      [2, '{"a b":"hunter2"}', /name/],
      [2, '{"a":null}', /the input has no values; .* export --values/],
      [2, "{}", /the input has no values/],
      [1, "", /array\.JSON is not a JSON object/, array],
      [1, "", /utf16\.json is UTF-16 text/, utf16],
    ]) {
      const ended = await run(["import", file], { input });
      assert.deepEqual([ended.code, ended.stdout], [code, ""], input);
      assert.match(ended.stderr, told);
      assert.ok(!ended.stderr.includes("hunter"), ended.stderr);
    }
    assert.deepEqual(await run(["list"]), silent(0));
  });

  it("keeps bytes out of the repository, which is text", async (t) => {
    const { session, run } = await prepare(t);
    writeFileSync(join(session.directory, "datapackage.json"), "{}");
    const input = JSON.stringify(inJson);
    const { code, stdout, stderr } = await run(["import", "--scope", "repo"], { input });
    assert.deepEqual([code, stdout], [1, "stored text\nstored reference\n"]);
    const refused = (name) =>
      `secrets: ${name} was not stored: the repository holds only UTF-8 text without NUL bytes\n`;
    assert.ok(stderr.startsWith(refused("nul") + refused("bytes")), stderr);
  });
});

describe("edit", linuxOnly("a shell"), () => {
  /** Prepares an encrypted file, so that a test sees whether something was stored, and a function that makes an editor. */
  async function prepareEditor(t, way) {
    const prepared = await prepare(t, { way, bus: false });
    const { session } = prepared;
    const store = join(session.directory, "s.age");
    Object.assign(session.env, {
      OS_SECRETS_IDENTITY: writeIdentity(session.directory).path,
      OS_SECRETS_PROVIDER: "file",
      OS_SECRETS_FILE: store,
    });
    const editor = join(session.directory, "editor");
    /** Runs `edit` with a script as the editor. The script finds the file in $1. */
    const edit = async (script, args = ["token"], env = {}) => {
      writeFileSync(editor, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
      return prepared.run(["edit", "-q", ...args], { env: { EDITOR: editor, ...env } });
    };
    return { ...prepared, edit, editor, stored: () => readFileSync(store) };
  }

  for (const way of Object.keys(ways)) {
    it(`stores what the editor writes, ${way}`, async (t) => {
      const { session, set, get, edit } = await prepareEditor(t, way);
      await set("token", "old");
      const seen = join(session.directory, "seen");
      const script = `stat -c %a "$1" >'${seen}'; stat -f -c %T "$1" >>'${seen}'; cat "$1" >>'${seen}'
        echo "$1" >>'${seen}'; cp "$1" "$1~"; printf 'new\\nlines\\n' >"$1"`;
      assert.deepEqual(await edit(script), silent(0));
      assert.equal(await get("token"), "new\nlines");
      const [mode, kind, value, path] = readFileSync(seen, "utf8").split("\n");
      assert.deepEqual([mode, kind, value], ["600", "tmpfs", "old"]);
      assert.ok(!existsSync(path) && !existsSync(`${path}~`) && !existsSync(dirname(path)), path);
    });
  }

  it("overwrites the file and its copies with zeros", async (t) => {
    const { set, edit } = await prepareEditor(t);
    await set("token", "old");
    const links = mkdtempSync("/dev/shm/os-secrets-test-");
    t.after(() => rmSync(links, { recursive: true }));
    const script = `mv "$1" "$1~"; printf 'newer' >"$1"; ln "$1" '${links}/new'; ln "$1~" '${links}/old'`;
    assert.deepEqual(await edit(script, ["token"], { XDG_RUNTIME_DIR: links }), silent(0));
    assert.deepEqual(readFileSync(join(links, "new")), Buffer.alloc(5));
    assert.deepEqual(readFileSync(join(links, "old")), Buffer.alloc(4));
    assert.deepEqual(readdirSync(links), ["new", "old"]);
  });

  it("stores nothing if nothing was changed, the editor failed, or nothing is left", async (t) => {
    const { run, set, get, edit, stored } = await prepareEditor(t);
    await set("token", "old");
    const before = stored();
    const told = [
      ["true", 0, /^$/],
      ["printf new >$1; exit 3", 1, /the editor failed \(exit status: 3\); nothing was changed/],
      ["printf new >$1; kill -TERM $$", 1, /the editor failed \(signal: 15 .*; nothing was changed/],
      ["rm $1", 1, /Cannot read /],
      [": >$1", 1, /the value is empty; nothing was changed/],
      ["echo >$1", 1, /the value is empty; nothing was changed/],
      ["printf '\\377' >$1", 2, /must be UTF-8 text without NUL bytes.*--raw/],
    ];
    for (const [script, code, pattern] of told) {
      const ended = await edit(script);
      assert.deepEqual([ended.code, ended.stdout], [code, ""], script);
      assert.match(ended.stderr, pattern);
      assert.deepEqual(stored(), before);
    }
    const notRun = await run(["edit", "token"], { env: { EDITOR: "/nowhere/editor" } });
    assert.equal(notRun.code, 1);
    assert.match(notRun.stderr, /the editor failed \(exit status: 127\)/);
    assert.equal((await edit("echo new >$1", ["nope"])).code, 1);
    assert.equal(await get("token"), "old");
  });

  it("stores nothing if another program has changed the secret in the meantime", async (t) => {
    const { session, set, get, edit } = await prepareEditor(t);
    await set("token", "old");
    const [secrets] = ways.native("secrets");
    // The editor does not get the identity.
    const env = `OS_SECRETS_IDENTITY='${session.env.OS_SECRETS_IDENTITY}'`;
    const ended = await edit(`printf other | ${env} '${secrets}' set -q token && printf mine >$1`);
    assert.deepEqual([ended.code, ended.stdout], [1, ""]);
    assert.match(ended.stderr, /another program has changed the secret in the meantime; nothing was stored/);
    assert.equal(await get("token"), "other");
  });

  it("edits bytes with --raw, and only then", async (t) => {
    const { session, run, set, edit } = await prepareEditor(t);
    const bytes = Buffer.from([0xff, 0x00]);
    await set("token", bytes);
    const refused = await edit("echo >$1");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /the value is not UTF-8 text.*--raw/);
    assert.deepEqual(await edit("echo >>$1", ["--raw", "token"]), silent(0));
    const out = join(session.directory, "out");
    assert.equal((await run(["get", "token", "--raw", "-o", out])).code, 0);
    assert.deepEqual(readFileSync(out), Buffer.concat([bytes, Buffer.from("\n")]));
  });

  it("takes an editor with arguments, and VISUAL before EDITOR", async (t) => {
    const { session, run, set, get } = await prepareEditor(t);
    await set("token", "old\r");
    session.env.EDITOR = "false";
    const edit = (VISUAL) => run(["edit", "-q", "token"], { env: { VISUAL } });
    assert.deepEqual(await edit("sed -i 's/old/new $/'"), silent(0));
    assert.equal(await get("token"), "new $\r");
    assert.deepEqual(await edit("X='a b' Y=newer; sed -i s/new/$Y/"), silent(0));
    assert.equal(await get("token"), "newer $\r");
    assert.equal((await edit("")).code, 1);
  });

  it("is not ended by Ctrl-C before its editor, and leaves no file", async (t) => {
    const { session, set, get, editor } = await prepareEditor(t);
    await set("token", "old");
    const seen = join(session.directory, "seen");
    writeFileSync(
      editor,
      `#!/bin/sh\ntrap 'printf new >"$1"; exit 0' INT; echo "$1" >'${seen}'\necho ready; read -r line\n`,
      {
        mode: 0o700,
      },
    );
    const command = [...ways.native("secrets"), "edit", "-q", "token"];
    const { code } = await runOnTerminal(session, command, [["ready", "\u0003"]], { EDITOR: editor });
    assert.equal(code, 0);
    assert.equal(await get("token"), "new");
    assert.ok(!existsSync(dirname(readFileSync(seen, "utf8").trim())));
  });

  it("refuses if there is no directory in memory", linuxOnly("a file system of its own"), async (t) => {
    const { session, set, get } = await prepareEditor(t);
    await set("token", "old");
    const script = 'mount --bind . /dev/shm && exec "$@"';
    const args = [...ways.native("secrets"), "edit", "-q", "token"];
    session.env.EDITOR = "sed -i s/old/new/";
    const { code, stderr } = await runIsolated(session, script, args, { cwd: session.directory });
    assert.equal(code, 1);
    assert.match(stderr, /^secrets: there is no directory in memory .*use secrets set\n$/);
    assert.equal(await get("token"), "old");
  });
});

describe("list --long", () => {
  it("shows when a secret was changed", linuxOnly("a bus"), async (t) => {
    const { session, run, set } = await prepare(t);
    writeFileSync(join(session.directory, "datapackage.json"), "{}");
    await set("ours", "v", "--scope", "repo", "-q");
    await set("token", "v");
    const [{ path }] = await listItems(session);
    const property = ["string:org.freedesktop.Secret.Item", "string:Modified"];
    const get = "org.freedesktop.DBus.Properties.Get";
    const { stdout } = await session.call("org.freedesktop.secrets", path, get, ...property);
    const seconds = Number(/uint64 (\d+)/.exec(stdout)[1]);
    assert.ok(seconds > 0);
    const changed = new Date(seconds * 1000).toISOString().replace(".000", "");
    const table = `ours   repo\ntoken  user  ${changed}\n`;
    assert.deepEqual(await run(["list", "--long"]), { ...silent(0), stdout: table });
    const objects = [
      { name: "ours", scope: "repo", shadows: null, changed: null },
      { name: "token", scope: "user", shadows: null, changed },
    ];
    assert.deepEqual(JSON.parse((await run(["list", "--long", "--json"])).stdout), objects);
    assert.deepEqual(
      JSON.parse((await run(["list", "--json"])).stdout),
      objects.map(({ changed, ...object }) => object),
    );
    // Nobody is asked for the time, either.
    await session.lock();
    assert.deepEqual(await run(["list", "--long"]), { ...silent(0), stdout: table });
  });

  it("shows only the scope if the store does not know", async (t) => {
    const { session, run, set } = await prepare(t, { bus: false });
    session.env.OS_SECRETS_IDENTITY = writeIdentity(session.directory).path;
    const store = ["--store", join(session.directory, "s.age")];
    await set("token", "v", ...store);
    const { stdout } = await run(["list", "--long", ...store]);
    assert.equal(stdout, "token  user\n");
  });
});
