// The two files in which the program stores secrets: if their content is wrong, if many processes write at
// once, and if a writer is killed.

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const { once } = require("node:events");
const {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  watch,
  writeFileSync,
} = require("node:fs");
const { dirname, join } = require("node:path");
const { describe, it } = require("node:test");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { ways } = require("./support/programs.js");
const {
  assertMode,
  formatDatapackage,
  listFiles,
  formatPreferences,
  startWorkspace,
  readText,
} = require("./support/workspace.js");

const [program] = ways.native("bus-secrets");

/** For each file: its path, its text with these secrets, its members, and the flags of its scope. */
const files = {
  "datapackage.json": {
    findPath: (workspace) => workspace.datapackage,
    formatFile: formatDatapackage,
    members: ["busdk", "secrets"],
    name: (name) => name,
    scope: ["--scope", "repo"],
  },
  "preferences.json": {
    findPath: (workspace) => workspace.preferences,
    formatFile: formatPreferences,
    members: ["values"],
    name: (name) => `secrets.${name}`,
    scope: ["--scope", "user"],
  },
};

/**
 * Returns a function that runs the program as a user other than root. If root runs the test, it is not the
 * owner.
 */
function prepareOtherUser({ session, directory }, path) {
  // This copy is in a folder that every user may read.
  const copy = join(session.directory, "program");
  copyFileSync(program, copy);
  for (const folder of [session.directory, dirname(dirname(path)), dirname(path)]) chmodSync(folder, 0o755);
  const [command, ...first] =
    process.getuid() === 0 ? ["setpriv", "--reuid=65534", "--clear-groups"] : ["env"];
  return (args) => session.run(command, [...first, copy, ...args], { cwd: directory });
}

/** Returns the text of a JSON file with this value in these nested members. */
function nestValue(members, value) {
  return JSON.stringify(members.reduceRight((inner, member) => ({ [member]: inner }), value));
}

for (const [file, { findPath, formatFile, members, name: nameIn, scope }] of Object.entries(files)) {
  describe(file, () => {
    /**
     * Defines a test with a workspace. It gets the file's `path`, and `set`, `get` and `list` commands for
     * its scope.
     */
    function test(name, run, options = {}) {
      it(name, options, async (t) => {
        const workspace = await startWorkspace(t);
        const path = findPath(workspace);
        workspace.write(path, formatFile({}), 0o600);
        const here = {
          workspace,
          path,
          set: ["set", "a", "hunter2", ...scope],
          get: ["get", "a", ...scope],
          list: ["list", ...scope],
          setSecret: (name, value) =>
            file === "datapackage.json"
              ? workspace.setInRepository(name, value)
              : workspace.expectOutput(["set", "--", name, value]),
        };
        await run(here, t);
      });
    }

    /** Asserts that every command refuses the file and leaves it as it is. */
    async function expectRefusal({ workspace, path, set, get, list }, why) {
      const before = lstatSync(path).isFile() ? readFileSync(path) : lstatSync(path).ino;
      for (const args of [set, get, list, ["delete", "a", ...scope], ["resolve", "secret:a", ...scope]]) {
        const stderr = await workspace.expectFailure(args, 1, why);
        assert.doesNotMatch(stderr, /hunter/);
      }
      assert.deepEqual(lstatSync(path).isFile() ? readFileSync(path) : lstatSync(path).ino, before);
      assert.deepEqual(readdirSync(dirname(path)), [file]);
    }

    describe("what does not parse is left as it is", () => {
      for (const [name, content, why] of [
        ["an empty file", "", /line 1, column 0/],
        ["spaces", " \n\n", /line 3, column 0/],
        ["a text that ends early", '{\n  "a": {\n    "b": "hunter2"\n', /line 4, column 0/],
        ["a comma too many", '{\n  "a": "hunter2",\n}\n', /line 3, column 1/],
        ["a comment", '// hunter2\n{"a": 1}', /line 1, column 1/],
        ["a single quote", "{\n 'hunter2': 1}", /line 2, column 2/],
        ["a text after the end", '{"a": 1}\n "hunter2"', /line 2, column 2/],
        ["a newline in a text", '{"a": "hunter\n2"}', /line 1, column 13/],
        ["a number that is none", '{"a": 01}', /line 1, column 8/],
        ["bytes that are not UTF-8", Buffer.from('{"a":\n "hunter\xff"}', "latin1"), /line 2, column 9/],
        ["UTF-16", Buffer.from('\ufeff{"a": "hunter2"}', "utf16le"), /line 1, column 1/],
        ["two byte order marks", "\ufeff\ufeff{}", /line 1, column 1/],
        ["a list", '["hunter2"]', /not a JSON object/],
        ["a text", '"hunter2"', /not a JSON object/],
        ["null", "null", /not a JSON object/],
        [
          "200 objects in each other",
          `\n${'{"a":'.repeat(200)}1${"}".repeat(200)}`,
          /line 2, column \d+:.*deep/,
        ],
        [
          "100,000 lists in each other",
          `{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}`,
          /line 1, column \d+:.*deep/,
        ],
        ["100,000 lists that do not end", `{"a":${"[".repeat(1e5)}`, /line 1, column \d+/],
      ]) {
        test(name, async (here) => {
          writeFileSync(here.path, content);
          await expectRefusal(here, why);
          const stderr = await here.workspace.expectFailure(here.get, 1);
          assert.ok(stderr.includes(file), stderr);
        });
      }
    });

    describe("what holds something else is left as it is", () => {
      for (let depth = 0; depth < members.length; depth++) {
        const place = members.slice(0, depth + 1).join(".");
        for (const value of [null, "hunter2", 1, true, ["hunter2"]]) {
          test(`${place} is ${value === null ? "null" : Array.isArray(value) ? "a list" : typeof value}`, async (here) => {
            writeFileSync(here.path, nestValue(members.slice(0, depth + 1), value));
            await expectRefusal(here, new RegExp(`"${place}" something that is not an object`));
          });
        }
      }

      test("a value that is not a text: it is listed, not shown, and can be replaced and deleted", async (here) => {
        const { workspace, path, get, list, setSecret } = here;
        for (const value of [null, 1, true, ["hunter2"], { a: "hunter2" }]) {
          const content = nestValue(members, { [nameIn("a")]: value, [nameIn("b")]: "2" });
          writeFileSync(path, content);
          const stderr = await workspace.expectFailure(
            get,
            1,
            /"(secrets\.)?a" something that is not a text/,
          );
          assert.doesNotMatch(stderr, /hunter/);
          await workspace.expectOutput(list, "a\nb\n");
          await workspace.expectOutput(["get", "b", ...scope], "2\n");
          assert.equal(readText(path), content);
          await workspace.expectOutput(["delete", "a", ...scope]);
          await workspace.expectOutput(list, "b\n");
          writeFileSync(path, content);
          await setSecret("a", "1");
          await workspace.expectOutput(get, "1\n");
        }
      });

      test("a text that is half of a character is not shown", async ({ workspace, path, get }) => {
        writeFileSync(path, nestValue(members, { [nameIn("a")]: "X" }).replace("X", "\\ud800"));
        await workspace.expectFailure(get, 1, /something that is not a text/);
      });
    });

    describe("what is no file is left as it is", () => {
      test("a directory", async (here) => {
        rmSync(here.path);
        mkdirSync(here.path);
        await expectRefusal(here, isWindows ? /Cannot (read|write)/ : /directory/);
      });

      test(
        "a pipe, which is not waited for",
        async (here) => {
          rmSync(here.path);
          execFileSync("mkfifo", [here.path]);
          await expectRefusal(here, /not a regular file/);
        },
        // A program that reads the pipe waits for ever.
        { timeout: 60_000, ...linuxOnly("named pipes") },
      );

      test(
        "a file that may not be read",
        async ({ workspace, path, set, get, list }) => {
          writeFileSync(path, formatFile({ a: "hunter2" }));
          const run = prepareOtherUser(workspace, path);
          chmodSync(path, 0o000);
          for (const args of [set, get, list]) {
            const { code, stdout, stderr } = await run(args);
            assert.deepEqual([code, stdout], [1, ""], stderr);
            assert.match(stderr, /^bus-secrets: Cannot (read|write) [^\n]*Permission denied[^\n]*\n$/);
          }
          chmodSync(path, 0o600);
          assert.equal(readText(path), formatFile({ a: "hunter2" }));
        },
        linuxOnly("file modes"),
      );

      test(
        "a file in a folder that may not be written",
        async ({ workspace, path, set, get }) => {
          writeFileSync(path, formatFile({ a: "1" }));
          const run = prepareOtherUser(workspace, path);
          chmodSync(path, 0o644);
          chmodSync(dirname(path), 0o555);
          const { code, stdout, stderr } = await run(set);
          assert.deepEqual([code, stdout], [1, ""], stderr);
          assert.match(stderr, /^bus-secrets: Cannot write [^\n]*Permission denied[^\n]*\n$/);
          assert.equal((await run(get)).stdout, "1\n");
          chmodSync(dirname(path), 0o755);
          assert.equal(readText(path), formatFile({ a: "1" }));
          assert.deepEqual(readdirSync(dirname(path)), [file]);
        },
        linuxOnly("file modes"),
      );
    });

    describe("what is unusual stays", () => {
      test("a byte order mark", async ({ workspace, path, setSecret, get }) => {
        writeFileSync(path, `\ufeff${formatFile({ a: "1" })}`);
        await workspace.expectOutput(get, "1\n");
        await setSecret("a", "2");
        assert.equal(readText(path), `\ufeff${formatFile({ a: "2" })}`);
      });

      test("lines that end as on Windows are read", async ({ workspace, path, setSecret, get }) => {
        writeFileSync(path, formatFile({ a: "1\r\n" }).replaceAll("\n", "\r\n"));
        await workspace.expectOutput(get, "1\r\n\n");
        await setSecret("a", "2");
        assert.equal(readText(path), formatFile({ a: "2" }));
      });

      test("100 objects in each other, and all else that is deep", async ({
        workspace,
        path,
        setSecret,
        get,
      }) => {
        const deep = `${'{"a":'.repeat(100)}1${"}".repeat(100)}`;
        writeFileSync(path, `{"deep":${deep}}`);
        await setSecret("a", "1");
        await workspace.expectOutput(get, "1\n");
        assert.deepEqual(JSON.parse(readText(path)).deep, JSON.parse(deep));
      });

      test("members that are there twice, of which the last counts", async ({
        workspace,
        path,
        setSecret,
        get,
      }) => {
        const twice = (value) => {
          const [one, two] = ["1", value].map((text) => `"${nameIn("a")}":"${text}"`);
          return nestValue(members, { x: 1 }).replace('"x":1', `${one},${two},"x":1,"x":2`);
        };
        writeFileSync(path, twice("2"));
        await workspace.expectOutput(get, "2\n");
        await setSecret("a", "3");
        assert.equal(readText(path).replaceAll(/\s/g, ""), twice("3"));
        await workspace.expectOutput(["delete", "a", ...scope]);
        await workspace.expectFailure(get, 1, /no secret a/);
      });

      test("names that are spelled with escapes", async ({ workspace, path, setSecret, get }) => {
        const spelled = nestValue(members, { [nameIn("a")]: "1" }).replace('a":"1"', '\\u0061":"\\u0031"');
        writeFileSync(path, spelled);
        await workspace.expectOutput(get, "1\n");
        await setSecret("a", "2");
        await workspace.expectOutput(["list", ...scope], "a\n");
        await workspace.expectOutput(get, "2\n");
      });

      test("10 MB", async ({ workspace, path, setSecret, get }) => {
        const rest = Array.from({ length: 100_000 }, (_, index) => `${index}`.padEnd(100, "x"));
        writeFileSync(path, JSON.stringify({ rest }));
        assert.ok(lstatSync(path).size > 10e6);
        await setSecret("a", "1");
        await workspace.expectOutput(get, "1\n");
        assert.deepEqual(JSON.parse(readText(path)).rest, rest);
      });

      test("10,000 secrets", async ({ workspace, path, setSecret, list }) => {
        const names = Array.from({ length: 10_000 }, (_, index) => `n${`${index}`.padStart(5, "0")}`);
        writeFileSync(path, formatFile(Object.fromEntries(names.map((name) => [name, name]))));
        await workspace.expectOutput(list, names.map((name) => `${name}\n`).join(""));
        await workspace.expectOutput(["get", "n04999", ...scope], "n04999\n");
        await setSecret("n10000", "n10000");
        assert.equal(
          readText(path),
          formatFile(Object.fromEntries([...names, "n10000"].map((name) => [name, name]))),
        );
      });

      test("names that would lead elsewhere as paths", async ({ workspace, path, setSecret }) => {
        for (const name of [".", "..", "...", "__proto__"]) {
          await setSecret(name, `value of ${name}`);
          await workspace.expectOutput(["get", name, ...scope], `value of ${name}\n`);
        }
        await workspace.expectOutput(["list", ...scope], ".\n..\n...\n__proto__\n");
        assert.deepEqual(readdirSync(dirname(path)), [file]);
      });
    });

    describe("writing", () => {
      test("another name of the file keeps what it was", async ({ workspace, path, setSecret }) => {
        writeFileSync(path, formatFile({ a: "1" }));
        const other = join(workspace.session.directory, "other");
        linkSync(path, other);
        await setSecret("a", "2");
        assert.deepEqual([readText(other), readText(path)], [formatFile({ a: "1" }), formatFile({ a: "2" })]);
      });

      test(
        "what a killed writer left is taken away, wherever it leads",
        async ({ workspace, path, setSecret }) => {
          const victim = join(workspace.session.directory, "victim");
          writeFileSync(victim, "untouched");
          symlinkSync(victim, join(dirname(path), `.${file}.os-secrets.tmp`));
          await setSecret("a", "1");
          assert.equal(readText(victim), "untouched");
          assert.equal(readText(path), formatFile({ a: "1" }));
          assert.deepEqual(readdirSync(dirname(path)), [file]);
        },
        linuxOnly("symbolic links"),
      );

      test(
        "a failed write leaves the file and nothing else",
        async ({ workspace, path, setSecret }) => {
          await setSecret("a", "1");
          const limited = ["-c", 'ulimit -f 1; trap "" XFSZ; exec "$@"', "sh", program, "set"];
          const value = "v".repeat(5000);
          const { code, stderr } = await workspace.session.run(
            "/bin/sh",
            [...limited, "b", value, ...scope],
            {
              cwd: workspace.directory,
            },
          );
          assert.equal(code, 1, stderr);
          assert.match(stderr, /^bus-secrets: Cannot write [^\n]*too large[^\n]*\n$/i);
          assert.equal(readText(path), formatFile({ a: "1" }));
          assert.deepEqual(readdirSync(dirname(path)), [file]);
        },
        linuxOnly("a shell"),
      );

      test("50 processes that set different names lose none", async ({ path, setSecret }) => {
        const names = Array.from({ length: 50 }, (_, index) => `n${`${index}`.padStart(2, "0")}`);
        await Promise.all(names.map((name) => setSecret(name, `value of ${name}`)));
        const object = members.reduce((value, member) => value[member], JSON.parse(readText(path)));
        assert.deepEqual(
          Object.entries(object).toSorted(),
          names.map((name) => [nameIn(name), `value of ${name}`]),
        );
        assert.deepEqual(readdirSync(dirname(path)), [file]);
      });

      test("a writer that is killed leaves the old file or the new one", async ({
        workspace,
        path,
        setSecret,
      }, t) => {
        const { session } = workspace;
        // The file is large, so that a write takes some time.
        const filler = "x".repeat(1 << 18);
        const whole = (value) => formatFile({ a: value }).replace("{", `{\n  "filler": "${filler}",`);
        writeFileSync(path, whole("first"));
        let [current, span] = ["first", 20];
        const killed = { before: 0, after: 0, within: 0 };
        for (let round = 0; round < 200; round++) {
          const args = ["set", "a", `${round}`, ...scope];
          const child = session.start(program, args, { cwd: workspace.directory, stdio: "ignore" });
          const ended = once(child, "exit");
          if (round % 2 === 0) {
            const changes = watch(dirname(path), () => child.kill("SIGKILL"));
            await ended;
            changes.close();
          } else {
            await new Promise((resolve) => setTimeout(resolve, Math.random() * span));
            child.kill("SIGKILL");
            const [, signal] = await ended;
            // On any machine, this kills about half of the writers before they end.
            span *= signal === null ? 0.9 : 1.1;
          }
          const found = readText(path);
          if (found === whole(`${round}`)) current = `${round}`;
          else
            assert.ok(found === whole(current), `round ${round} left neither the old file nor the new one`);
          killed[current === `${round}` ? "after" : "before"] += 1;
          if (readdirSync(dirname(path)).length > 1) killed.within += 1;
        }
        t.diagnostic(JSON.stringify(killed));
        // It depends on the disk how many are killed during a write. So the test also leaves a temporary file
        // itself.
        assert.ok(killed.before > 0 && killed.after > 0, JSON.stringify(killed));
        writeFileSync(join(dirname(path), `.${file}.os-secrets.tmp`), "left behind");
        await setSecret("a", "the last");
        assert.ok(readText(path) === whole("the last"));
        assert.deepEqual(readdirSync(dirname(path)), [file]);
      });
    });
  });
}

describe("preferences.json alone", () => {
  for (const [name, version] of [
    ["a later version", "2"],
    ["a version that is a text", '"1"'],
    ["no version but null", "null"],
    ["a version that is a list", "[1]"],
  ]) {
    it(`${name} is refused, and stays`, async (t) => {
      const workspace = await startWorkspace(t);
      const content = `{"version":${version},"values":{"secrets.a":"hunter2"}}`;
      workspace.write(workspace.preferences, content);
      for (const args of [["get", "a"], ["list"], ["set", "a", "1"], ["delete", "a"]]) {
        await workspace.expectFailure(args, 1, /preferences\.json is of a version/);
      }
      assert.equal(readText(workspace.preferences), content);
    });
  }

  it("version 1 in another spelling, and none, are taken", async (t) => {
    const workspace = await startWorkspace(t);
    for (const version of ['"version":1.0,', ""]) {
      workspace.write(workspace.preferences, `{${version}"values":{"secrets.a":"1"}}`);
      await workspace.expectOutput(["get", "a"], "1\n");
    }
  });

  it("a symbolic link is refused, and what it leads to stays", linuxOnly("symbolic links"), async (t) => {
    const workspace = await startWorkspace(t);
    const target = join(workspace.session.directory, "target.json");
    mkdirSync(dirname(workspace.preferences));
    symlinkSync(target, workspace.preferences);
    for (const content of [null, formatPreferences({ a: "hunter2" })]) {
      if (content !== null) writeFileSync(target, content);
      for (const args of [["get", "a"], ["list"], ["set", "a", "1"], ["delete", "a"]]) {
        await workspace.expectFailure(args, 1, /symbolic link/);
      }
      assert.equal(existsSync(target) ? readText(target) : null, content);
      assert.equal(readlinkSync(workspace.preferences), target);
    }
  });

  it("a folder that cannot be made fails set, and get finds nothing to read", async (t) => {
    const workspace = await startWorkspace(t);
    const file = join(workspace.session.directory, "file");
    writeFileSync(file, "");
    const options = { env: { BUS_PREFERENCES_PATH: join(file, "below", "preferences.json") } };
    await workspace.expectFailure(["set", "a", "hunter2"], 1, /Cannot create .*file/, options);
    await workspace.expectFailure(["get", "a"], 1, /./, options);
    assert.equal(readText(file), "");
  });

  it(
    "it is for its owner alone, whatever it was and whatever the umask",
    linuxOnly("file modes"),
    async (t) => {
      const workspace = await startWorkspace(t);
      workspace.write(workspace.preferences, formatPreferences({ a: "1" }));
      for (const [before, umask] of [
        [0o644, "000"],
        [0o400, "000"],
        [0o666, "077"],
      ]) {
        chmodSync(workspace.preferences, before);
        const line = `umask ${umask}; exec "$@"`;
        const { code } = await workspace.session.run(
          "/bin/sh",
          ["-c", line, "sh", program, "set", "b", "2"],
          {
            cwd: workspace.directory,
          },
        );
        assert.equal(code, 0);
        assertMode(workspace.preferences, 0o600);
      }
    },
  );
});

describe("datapackage.json alone", () => {
  for (const [name, link] of [
    ["relative", (target) => join("..", "shared", target)],
    ["absolute", (target, directory) => join(directory, "shared", target)],
  ]) {
    it(
      `a ${name} symbolic link is followed, and its target replaced`,
      linuxOnly("symbolic links"),
      async (t) => {
        const workspace = await startWorkspace(t, { datapackage: null });
        const { directory } = workspace.session;
        const target = join(directory, "shared", "package.json");
        workspace.write(target, formatDatapackage({ a: "1" }));
        chmodSync(target, 0o640);
        const leads = link("package.json", directory);
        symlinkSync(leads, workspace.datapackage);
        await workspace.expectOutput(["get", "a"], "1\n");
        await workspace.setInRepository("a", "2");
        assert.equal(readlinkSync(workspace.datapackage), leads);
        assert.deepEqual(
          [lstatSync(target).isFile(), readText(target)],
          [true, formatDatapackage({ a: "2" })],
        );
        assertMode(target, 0o640);
        await workspace.expectOutput(["delete", "a", "--scope", "repo"]);
        assert.equal(readlinkSync(workspace.datapackage), leads);
        assert.deepEqual(listFiles(directory), [target, workspace.datapackage].toSorted());
      },
    );
  }

  it("a link that leads nowhere is no file, and stays", linuxOnly("symbolic links"), async (t) => {
    const workspace = await startWorkspace(t, { datapackage: null });
    symlinkSync("missing.json", workspace.datapackage);
    await workspace.expectFailure(["set", "a", "hunter2", "--scope", "repo"], 1, /the file does not exist/);
    await workspace.expectFailure(["get", "a", "--scope", "repo"], 1, /no secret a/);
    await workspace.expectOutput(["list"]);
    assert.deepEqual(readdirSync(workspace.directory), ["datapackage.json"]);
  });

  it("a link that leads to itself is an error", linuxOnly("symbolic links"), async (t) => {
    const workspace = await startWorkspace(t, { datapackage: null });
    symlinkSync("datapackage.json", workspace.datapackage);
    await workspace.expectFailure(["get", "a"], 1, /Cannot read .*datapackage\.json/);
    await workspace.expectFailure(
      ["set", "a", "hunter2", "--scope", "repo"],
      1,
      /Cannot read .*datapackage\.json/,
    );
  });

  it("its mode is kept", linuxOnly("file modes"), async (t) => {
    const workspace = await startWorkspace(t);
    for (const before of [0o600, 0o640, 0o644, 0o664, 0o444, 0o755]) {
      chmodSync(workspace.datapackage, before);
      await workspace.setInRepository("a", `${before}`);
      assertMode(workspace.datapackage, before);
    }
  });

  it("where it is wrong, the user's secrets do not come in its place", async (t) => {
    const workspace = await startWorkspace(t, { datapackage: "{" });
    workspace.write(workspace.preferences, formatPreferences({ a: "1" }));
    for (const args of [["get", "a"], ["list"], ["resolve", "secret:a"]]) {
      await workspace.expectFailure(args, 1, /datapackage\.json is not valid JSON at line 1, column 1/);
      await workspace.expectOutput([...args, "--scope", "user"], args[0] === "list" ? "a\n" : "1\n");
    }
    await workspace.expectOutput(["resolve", "plain"], "plain\n");
  });
});

describe("the file of -o", () => {
  it("a symbolic link is refused, and stays", linuxOnly("symbolic links"), async (t) => {
    const workspace = await startWorkspace(t);
    const [target, out] = ["target", "out"].map((name) => join(workspace.directory, name));
    symlinkSync(target, out);
    for (const content of [null, "old"]) {
      if (content !== null) writeFileSync(target, content);
      await workspace.expectFailure(["resolve", "hunter2", "-o", out], 1, /symbolic link/);
      assert.equal(existsSync(target) ? readText(target) : null, content);
    }
    assert.equal(readlinkSync(out), target);
  });

  it("a pipe is refused, before anything is changed", linuxOnly("named pipes"), async (t) => {
    const workspace = await startWorkspace(t);
    const out = join(workspace.directory, "out");
    execFileSync("mkfifo", [out]);
    const why =
      /^bus-secrets: Cannot write .*out: it is a named pipe, .* leave out -o and use standard output$/m;
    await workspace.expectFailure(["resolve", "hunter2", "-o", out], 1, why);
    await workspace.expectFailure(["set", "a", "hunter2", "-o", out], 1, why);
    await workspace.expectOutput(["list"], "");
    assert.ok(lstatSync(out).isFIFO());
    await workspace.expectFailure(["list", "-o", workspace.directory], 1, /it is a directory/);
  });

  it("an open stream is not followed", linuxOnly("named pipes"), async (t) => {
    const workspace = await startWorkspace(t);
    for (const out of ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]) {
      await workspace.expectFailure(["resolve", "hunter2", "-o", out], 1, /is a link to an open stream/);
    }
  });

  it("- is standard output", async (t) => {
    const workspace = await startWorkspace(t);
    await workspace.expectOutput(["resolve", "plain", "-o", "-"], "plain\n");
    assert.deepEqual(readdirSync(workspace.directory), ["datapackage.json"]);
    await workspace.expectOutput(["resolve", "plain", "-o", "./-"]);
    assert.equal(readText(join(workspace.directory, "-")), "plain\n");
  });

  it("another name of it keeps what it was", async (t) => {
    const workspace = await startWorkspace(t);
    const [out, other] = ["out", "other"].map((name) => join(workspace.directory, name));
    writeFileSync(out, "old");
    linkSync(out, other);
    await workspace.expectOutput(["resolve", "new", "-o", out]);
    assert.deepEqual([readText(out), readText(other)], ["new\n", "old"]);
    assert.deepEqual(readdirSync(workspace.directory), ["datapackage.json", "other", "out"]);
  });

  it("a full device is an error", linuxOnly("a full disk"), async (t) => {
    const workspace = await startWorkspace(t);
    await workspace.expectFailure(["resolve", "hunter2", "-o", "/dev/full"], 1, /No space left/);
    await workspace.expectOutput(["resolve", "hunter2", "-o", "/dev/null"]);
  });
});
