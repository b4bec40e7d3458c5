// The contract of BusDK's bus-secrets, in the order of its page, in every way to start the program.

const assert = require("node:assert/strict");
const { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } = require("node:fs");
const { join, normalize } = require("node:path");
const { describe, it } = require("node:test");
const { version } = require("../package.json");
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

/** The length of a long argument. On Windows, a whole command line has at most 32,767 characters. */
const LONGEST = isWindows ? 30_000 : 100_000;

const SCOPES = [[], ["--scope", "auto"], ["--scope", "user"], ["--scope", "repo"]];

/** The results of the tests in each way. */
const resultsOf = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));

for (const way of Object.keys(ways)) {
  describe(`bus-secrets, ${way}`, { concurrency: 1 }, () => {
    /** Defines a test with its own workspace. */
    function test(name, run, options = {}) {
      it(name, { skip: options.skip ?? false }, async (t) => {
        const workspace = await startWorkspace(t, { way, ...options });
        await run(workspace, t);
        resultsOf[way].push([name, workspace.results]);
      });
    }

    /** Stores secrets in both scopes. `both` is in both of them, the others are in one each. */
    async function fillScopes(workspace) {
      workspace.write(workspace.datapackage, formatDatapackage({ both: "of repo", "in.repo": "r" }));
      workspace.write(workspace.preferences, formatPreferences({ both: "of user", "in-user": "u" }));
    }

    describe("synopsis and scopes", () => {
      test("each form of the synopsis is taken", async (workspace) => {
        await workspace.expectOutput(["set", "a", "1"]);
        await workspace.expectOutput(["set", "b", "2", "--scope", "user"]);
        await workspace.setInRepository("c", "3");
        for (const scope of SCOPES) {
          const [inUser, inRepository] = [scope[1] !== "repo", scope[1] !== "user"];
          const get = (name, value, there) =>
            there
              ? workspace.expectOutput(["get", name, ...scope], `${value}\n`)
              : workspace.expectFailure(["get", name, ...scope], 1);
          await get("a", "1", inUser);
          await get("c", "3", inRepository);
          await workspace.expectOutput(["resolve", "plain", ...scope], "plain\n");
          await workspace.expectOutput(
            ["list", ...scope],
            `${inUser ? "a\nb\n" : ""}${inRepository ? "c\n" : ""}`,
          );
        }
      });

      test("set is for the user unless told otherwise", async (workspace) => {
        await workspace.expectOutput(["set", "a", "1"]);
        assert.equal(readText(workspace.preferences), formatPreferences({ a: "1" }));
        assert.equal(readText(workspace.datapackage), "{}\n");
        await workspace.setInRepository("a", "2");
        assert.equal(readText(workspace.preferences), formatPreferences({ a: "1" }));
        assert.equal(readText(workspace.datapackage), formatDatapackage({ a: "2" }));
      });

      test("the repository comes before the user in auto, which is the default to read", async (workspace) => {
        await fillScopes(workspace);
        const expected = {
          auto: { both: "of repo", "in.repo": "r", "in-user": "u" },
          user: { both: "of user", "in-user": "u" },
          repo: { both: "of repo", "in.repo": "r" },
        };
        for (const scope of SCOPES) {
          const there = expected[scope[1] ?? "auto"];
          for (const name of ["both", "in.repo", "in-user"]) {
            for (const args of [
              ["get", name, ...scope],
              ["resolve", `secret:${name}`, ...scope],
            ]) {
              if (name in there) await workspace.expectOutput(args, `${there[name]}\n`);
              else await workspace.expectFailure(args, 1, new RegExp(`no secret ${name} `));
            }
          }
        }
      });

      test("a value that is empty is one: the user's does not come in its place", async (workspace) => {
        workspace.write(workspace.preferences, formatPreferences({ a: "of user" }));
        await workspace.setInRepository("a", "");
        await workspace.expectOutput(["get", "a"], "\n");
        await workspace.expectOutput(["resolve", "secret:a"], "\n");
      });

      test("list is sorted by bytes, and in auto the union", async (workspace) => {
        workspace.write(
          workspace.datapackage,
          formatDatapackage({ z: "", b: "", a1: "", "a-b": "", 10: "" }),
        );
        workspace.write(
          workspace.preferences,
          formatPreferences({ b: "", a_b: "", "a.b": "", a: "", 9: "" }),
        );
        const lines = (...names) => names.map((name) => `${name}\n`).join("");
        await workspace.expectOutput(["list"], lines("10", "9", "a", "a-b", "a.b", "a1", "a_b", "b", "z"));
        await workspace.expectOutput(["list", "--scope=user"], lines("9", "a", "a.b", "a_b", "b"));
        await workspace.expectOutput(["list", "--scope=repo"], lines("10", "a-b", "a1", "b", "z"));
      });

      test("list shows names only, and only those", async (workspace) => {
        workspace.write(workspace.datapackage, formatDatapackage({ "": "", A: "", "a b": "", good: "" }));
        const values = { color: "red", secrets: "", "secrets.": "", "secrets.A": "", "secrets.fine": "" };
        workspace.write(workspace.preferences, JSON.stringify({ version: 1, values }));
        await workspace.expectOutput(["list"], "fine\ngood\n");
      });

      for (const [name, datapackage] of [
        ["no datapackage.json", null],
        ["an empty datapackage.json", "{}"],
        ["no secrets in datapackage.json", '{"busdk":{}}'],
      ]) {
        test(
          `${name}: nothing is listed or found`,
          async (workspace) => {
            for (const scope of SCOPES) {
              await workspace.expectOutput(["list", ...scope]);
              await workspace.expectFailure(["get", "a", ...scope], 1, /no secret a/);
            }
            assert.equal(existsSync(workspace.preferences), false);
          },
          { datapackage },
        );
      }

      test(
        "without datapackage.json set fails in the repository, and makes none",
        async (workspace) => {
          await workspace.expectFailure(["set", "a", "hunter2", "--scope", "repo"], 1, /datapackage\.json/);
          assert.deepEqual(listFiles(workspace.session.directory), []);
        },
        { datapackage: null },
      );

      test("a workspace is not looked for in the folders above", async (workspace) => {
        await fillScopes(workspace);
        const below = join(workspace.directory, "below");
        mkdirSync(below);
        await workspace.expectFailure(["get", "in.repo"], 1, /no secret in\.repo/, { cwd: below });
        await workspace.expectOutput(["get", "in.repo", "-C", ".."], "r\n", { cwd: below });
      });

      test("delete removes a secret of one scope, the user's unless told otherwise", async (workspace) => {
        await fillScopes(workspace);
        await workspace.expectOutput(["delete", "both"]);
        await workspace.expectOutput(["get", "both"], "of repo\n");
        await workspace.expectFailure(["delete", "both", "--scope", "user"], 1, /no secret both in [^.]*\n$/);
        await workspace.expectOutput(["delete", "both", "--scope", "repo"]);
        await workspace.expectFailure(["delete", "both", "--scope", "repo"], 1, /no secret both in [^.]*\n$/);
        await workspace.expectFailure(["get", "both"], 1, /no secret both/);
        await workspace.expectFailure(["delete", "both", "--scope", "auto"], 2, /--scope/);
        assert.equal(readText(workspace.datapackage), formatDatapackage({ "in.repo": "r" }));
        assert.equal(readText(workspace.preferences), formatPreferences({ "in-user": "u" }));
      });
    });

    describe("names and references", () => {
      test("names are of a-z, 0-9, dot, dash and underscore", async (workspace) => {
        const names = [
          "a",
          "0",
          "openai_api_key",
          "a.b-c_9",
          ".",
          "..",
          "...",
          "-x",
          "--",
          "-",
          "n".repeat(300),
        ];
        for (const name of names) {
          await workspace.expectOutput(["set", "--", name, `value of ${name}`]);
          await workspace.setInRepository(name, `repository's ${name}`);
          await workspace.expectOutput(["get", "--scope=user", "--", name], `value of ${name}\n`);
          await workspace.expectOutput(["resolve", `secret:${name}`], `repository's ${name}\n`);
        }
        await workspace.expectOutput(
          ["list"],
          names
            .toSorted()
            .map((name) => `${name}\n`)
            .join(""),
        );
      });

      test("other names are a wrong use, and not shown", async (workspace) => {
        for (const name of [
          "",
          "Hunter",
          "hunTer",
          "hun ter",
          " hunter",
          "hunter\n",
          "hunter/a",
          "hünter",
          "hunter:a",
        ]) {
          for (const args of [
            ["set", name, "1"],
            ["set", name, "1", "--scope", "repo"],
            ["get", name],
            ["delete", name],
            ["resolve", `secret:${name}`],
          ]) {
            const stderr = await workspace.expectFailure(args, 2, /[Nn]ame/);
            assert.doesNotMatch(stderr, /h.n.?ter/i);
          }
        }
        await workspace.expectFailure(["get", "secret:a"], 2);
        assert.deepEqual(listFiles(workspace.session.directory), [workspace.datapackage]);
      });

      test("resolve returns plain values unchanged", async (workspace) => {
        await fillScopes(workspace);
        const long = "x".repeat(LONGEST);
        const plain = [
          "",
          " ",
          "plain",
          "secret",
          "Secret:both",
          "SECRET:both",
          " secret:both",
          "a secret:both",
        ];
        const odd = [
          "\n",
          "two\nlines\n",
          "tab\t",
          "käse 🧀",
          "{{ secret:both }}",
          "secret :both",
          "$both",
          long,
        ];
        for (const value of [...plain, ...odd])
          await workspace.expectOutput(["resolve", value], `${value}\n`);
        for (const value of ["-x", "--", "-h", "--version", "--scope=repo", "-"]) {
          await workspace.expectOutput(["resolve", "--", value], `${value}\n`);
          await workspace.expectOutput(["--", "resolve", value], `${value}\n`);
        }
      });

      test("resolve is not recursive", async (workspace) => {
        await workspace.expectOutput(["set", "a", "secret:b"]);
        await workspace.expectOutput(["set", "b", "end"]);
        await workspace.expectOutput(["resolve", "secret:a"], "secret:b\n");
        await workspace.expectOutput(["get", "a"], "secret:b\n");
      });

      test("values come back as they were stored", async (workspace) => {
        const values = [
          "",
          " ",
          "\n",
          "two\r\nlines\n",
          '"quoted" \\ \u0007\u001b',
          "käse 🧀",
          "secret:both",
          "null",
        ];
        for (const value of [...values, "v".repeat(LONGEST)]) {
          await workspace.expectOutput(["set", "a", value]);
          await workspace.setInRepository("b", value);
          await workspace.expectOutput(["get", "a"], `${value}\n`);
          await workspace.expectOutput(["get", "b"], `${value}\n`);
        }
        await workspace.expectOutput(["set", "a", "--", "-v"]);
        await workspace.expectOutput(["get", "a"], "-v\n");
      });

      test(
        "values that are not UTF-8 text pass through resolve, and are not stored",
        async (workspace) => {
          const words = ways[way]("bus-secrets").map((word) => `'${word}'`);
          const shell = (line) =>
            workspace.session.run("/bin/bash", ["-c", `${words.join(" ")} ${line}`], {
              cwd: workspace.directory,
            });
          const resolved = await shell("resolve $'a\\xffb' | od -An -tx1");
          assert.deepEqual([resolved.stdout.trim(), resolved.stderr], ["61 ff 62 0a", ""]);
          const stored = await shell("set name $'hunter\\xff2'");
          assert.deepEqual([stored.code, stored.stdout], [2, ""]);
          assert.match(stored.stderr, /^bus-secrets: [^\n]*UTF-8[^\n]*\n$/);
          assert.doesNotMatch(stored.stderr, /hunter/);
          assert.equal(existsSync(workspace.preferences), false);
        },
        linuxOnly("arguments that are no text"),
      );
    });

    describe("flags", () => {
      test("flags stand before and after the command, short and long", async (workspace) => {
        const elsewhere = join(workspace.session.directory, "elsewhere");
        workspace.write(join(elsewhere, "datapackage.json"), formatDatapackage({ a: "there" }));
        workspace.write(workspace.preferences, formatPreferences({ a: "user's" }));
        const file = join(elsewhere, "out");
        for (const [directory, output] of [
          [
            ["-C", elsewhere],
            ["-o", "out"],
          ],
          [
            ["--chdir", elsewhere],
            ["--output", "out"],
          ],
          [[`--chdir=${elsewhere}`], ["--output=out"]],
          [[`-C${elsewhere}`], ["-oout"]],
          [
            ["-C", "../elsewhere"],
            ["-o", file],
          ],
        ]) {
          for (const args of [
            [...directory, ...output, "get", "a"],
            [...output, "get", ...directory, "a"],
            ["get", "a", ...directory, ...output],
            [...directory, ...output, "--", "get", "a"],
            ["get", ...output, ...directory, "--", "a"],
          ]) {
            writeFileSync(file, "old");
            await workspace.expectOutput(args);
            assert.equal(readText(file), "there\n");
          }
        }
        for (const quiet of ["-q", "--quiet"]) {
          await workspace.expectOutput([quiet, "get", "a"]);
          await workspace.expectOutput(["get", quiet, "a"]);
          await workspace.expectOutput(["get", "a", quiet, quiet]);
        }
      });

      test("--scope stands anywhere, in both spellings", async (workspace) => {
        await fillScopes(workspace);
        for (const scope of [["--scope", "user"], ["--scope=user"]]) {
          for (const args of [
            [...scope, "get", "both"],
            ["get", ...scope, "both"],
            ["get", "both", ...scope],
          ]) {
            await workspace.expectOutput(args, "of user\n");
          }
          await workspace.expectOutput([...scope, "set", "both", "of user"]);
          await workspace.expectOutput(["set", "both", ...scope, "of user"]);
        }
        assert.equal(readText(workspace.datapackage), formatDatapackage({ both: "of repo", "in.repo": "r" }));
      });

      test("-- ends flags", async (workspace) => {
        await workspace.expectOutput(["set", "--", "-n", "--scope"]);
        await workspace.expectOutput(["--", "get", "-n"], "--scope\n");
        await workspace.expectOutput(["--", "set", "-n", "--"]);
        await workspace.expectOutput(["get", "--", "-n"], "--\n");
        await workspace.expectFailure(["get", "--", "-n", "--scope=user"], 2);
        await workspace.expectFailure(["--", "-q"], 2, /no command|unknown command/);
        await workspace.expectFailure(["--"], 2, /no command/);
      });

      test("-h and -V win over everything, mistakes and -q included", async (workspace) => {
        const { stdout: help } = await workspace.run(["-h"]);
        assert.match(help, /^[\s\S]*Usage: bus-secrets[\s\S]*\n$/);
        for (const word of ["set", "get", "list", "resolve", "delete", "--scope", "auto", "user", "repo"]) {
          assert.match(help, new RegExp(`\\b${word.replace(/^--/, "")}\\b`));
        }
        for (const flag of ["-h, --help", "-V, --version", "-C, --chdir", "-o, --output", "-q, --quiet"]) {
          assert.ok(help.includes(flag), flag);
        }
        for (const args of [
          ["--help"],
          ["-qh"],
          ["-q", "-o", "out", "--help"],
          ["bogus", "-h"],
          ["--scope", "wrong", "-h"],
          ["-C", "/nowhere", "-h"],
          ["-h", "-V"],
        ]) {
          await workspace.expectOutput(args, help);
        }
        for (const command of ["set", "get", "list", "resolve", "delete"]) {
          const { code, stdout, stderr } = await workspace.run([command, "--help"]);
          assert.deepEqual([code, stderr], [0, ""]);
          assert.match(stdout, new RegExp(`Usage: bus-secrets ${command} `));
        }
        for (const args of [["-V"], ["--version"], ["get", "-qV"], ["set", "A", "-V", "-h"], ["-o", "-V"]]) {
          await workspace.expectOutput(args, `bus-secrets ${version}\n`);
        }
        assert.deepEqual(listFiles(workspace.session.directory), [workspace.datapackage]);
      });

      test("-q writes no result anywhere", async (workspace) => {
        await fillScopes(workspace);
        const out = join(workspace.directory, "out");
        for (const args of [["get", "both"], ["list"], ["resolve", "plain"], ["set", "new", "1"]]) {
          await workspace.expectOutput(["-q", ...args]);
          await workspace.expectOutput([...args, "--quiet", "--output", out]);
          assert.equal(existsSync(out), false);
        }
        await workspace.expectOutput(["-q", "set", "new", "1", "--scope", "repo"]);
        await workspace.expectOutput(["get", "new", "--scope", "repo"], "1\n");
        writeFileSync(out, "old");
        await workspace.expectOutput(["get", "both", "-qo", out]);
        assert.equal(readText(out), "old");
        await workspace.expectFailure(["-q", "get", "missing"], 1, /no secret missing/);
      });

      test("-o takes the result instead of standard output, for its owner alone", async (workspace) => {
        await fillScopes(workspace);
        const out = join(workspace.directory, "out");
        for (const [args, result] of [
          [["get", "both"], "of repo\n"],
          [["list"], "both\nin-user\nin.repo\n"],
          [["resolve", "secret:both", "--scope=user"], "of user\n"],
          [["resolve", "two\nlines"], "two\nlines\n"],
        ]) {
          await workspace.expectOutput([...args, "-o", "out"]);
          assert.equal(readText(out), result);
          assertMode(out, 0o600);
          chmodSync(out, 0o644);
        }
        await workspace.expectOutput(["list", "-o", out]);
        assert.equal(readText(out), "both\nin-user\nin.repo\n");
        assertMode(out, 0o600);
      });

      test("a command that fails leaves the file of -o alone", async (workspace) => {
        const out = join(workspace.directory, "out");
        for (const [args, code] of [
          [["get", "missing"], 1],
          [["resolve", "secret:missing"], 1],
          [["resolve", "secret:"], 2],
          [["get"], 2],
          [["list", "extra"], 2],
        ]) {
          await workspace.expectFailure([...args, "-o", out], code);
          assert.equal(existsSync(out), false);
        }
        workspace.write(out, "old", 0o644);
        await workspace.expectFailure(["get", "missing", "-o", out], 1);
        assert.equal(readText(out), "old");
        assertMode(out, 0o644);
        await workspace.expectFailure(["list", "-o", "missing/out"], 1, /missing\/out/);
        await workspace.expectFailure(["list", "-o", "."], 1, /Cannot write/);
      });
    });

    describe("exit codes and errors", () => {
      test("1: it could not be done", async (workspace) => {
        const file = join(workspace.directory, "file");
        writeFileSync(file, "");
        for (const [args, why] of [
          [["get", "a"], /no secret a /],
          [["get", "a", "--scope", "user"], /no secret a .*user/],
          [["get", "a", "--scope", "repo"], /no secret a .*repository/],
          [["resolve", "secret:a"], /no secret a /],
          [["delete", "a"], /no secret a /],
          [["list", "-C", "nowhere"], isWindows ? /nowhere: / : /nowhere: No such file/],
          [["list", "-C", file], /file: not a directory/i],
          [["get", "a", "-C", "nowhere", "--scope", "user"], /nowhere/],
          [["set", "a", "hunter2", "--scope", "repo", "-C", ".."], /datapackage\.json/],
        ]) {
          await workspace.expectFailure(args, 1, why);
        }
        assert.equal(readText(workspace.datapackage), "{}\n");
      });

      test("2: it was called in a wrong way", async (workspace) => {
        for (const [args, why] of [
          [[], /no command/],
          [["-q"], /no command/],
          [[""], /unknown command/],
          [["bogus"], /unknown command/],
          [["Set", "a", "1"], /unknown command/],
          [["se", "a", "1"], /unknown command/],
          [["help"], /unknown command/],
          [["run", "--", "true"], /unknown command/],
          [["doctor"], /unknown command/],
          [["set"], /<NAME> is missing/],
          [["set", "a"], /value is missing/],
          [["set", "a", "--scope", "repo"], /value is missing/],
          [["get"], /<NAME> is missing/],
          [["delete"], /<NAME> is missing/],
          [["resolve"], /<VALUE> is missing/],
          [["get", "a", "b"], /too many/],
          [["set", "a", "b", "c"], /too many/],
          [["list", "a"], /too many/],
          [["resolve", "a", "b"], /too many/],
          [["list", "--scope"], /--scope/],
          [["list", "--scope", "all"], /--scope must be one of/],
          [["list", "--scope", "User"], /--scope must be one of/],
          [["list", "--scope="], /--scope must be one of/],
          [["resolve", "plain", "--scope", "all"], /--scope must be one of/],
          [["list", "--scope", "user", "--scope", "repo"], /--scope.* twice/],
          [["set", "a", "1", "--scope", "auto"], /--scope must be user or repo/],
          [["list", "-C"], /--chdir/],
          [["list", "-C", ""], /--chdir/],
          [["list", "-o"], /--output/],
          [["list", "-x"], /unknown flag/],
          [["list", "--bogus"], /unknown flag/],
          [["list", "--quiet=1"], /--quiet/],
          [["list", "--json"], /unknown/],
          [["list", "--long"], /unknown/],
          [["get", "a", "--clip"], /unknown/],
          [["has", "a"], /unknown/],
          [["get", "a", "--json"], /unknown/],
          [["get", "a", "--service", "s"], /unknown/],
          [["set", "a", "1", "--service=s"], /unknown/],
        ]) {
          await workspace.expectFailure(args, 2, why, { input: "from standard input\n" });
        }
        assert.deepEqual(listFiles(workspace.session.directory), [workspace.datapackage]);
      });

      test("no error shows a value, wherever it was put by mistake", async (workspace) => {
        workspace.write(workspace.preferences, formatPreferences({ a: "hunter" }));
        workspace.write(workspace.datapackage, '{"busdk":{"secrets":{"a":["hunter"]}}}');
        for (const args of [
          ["set", "a", "my", "hunter"],
          ["set", "a", "--hunter"],
          ["set", "a", "-hunter"],
          ["set", "a", "--hunter=hunter"],
          ["set", "a", "--quiet=hunter"],
          ["set", "hunter hunter", "a"],
          ["set", "Hunter", "a"],
          ["set", "a", "hunter", "--scope", "hunter"],
          ["set", "a", "hunter", "--scope=hunter"],
          ["set", "a", "hunter", "--scope", "auto"],
          ["set", "a", "hunter", "--scope", "user", "--scope", "hunter"],
          ["set", "a", "hunter", "-C", "nowhere"],
          ["set", "a", "hunter", "--service", "hunter"],
          ["set", "--scope", "repo", "--", "a", "-hunter", "hunter"],
          ["hunter"],
          ["hunter", "a"],
          ["a", "hunter"],
          ["-o", "set", "hunter", "a"],
          ["--hunter"],
          ["resolve", "secret:Hunter"],
          ["resolve", "secret:hunter hunter"],
          ["resolve", "hunter", "hunter"],
          ["get", "a"],
          ["resolve", "secret:a"],
        ]) {
          const { code, stdout, stderr } = await workspace.run(args);
          assert.ok(code > 0, args.join(" "));
          assert.equal(stdout, "");
          assert.match(stderr, /^bus-secrets: [^\n]+\n$/);
          assert.doesNotMatch(stderr, /hunter/i, args.join(" "));
        }
      });

      test("an error is one line, and does not steer the terminal", async (workspace) => {
        const stderr = await workspace.expectFailure(["list", "-C", "no\nwhere\u001b[31m"], 1, /no\\nwhere/);
        assert.ok(!stderr.includes("\u001b"));
      });

      test("set takes no value from standard input, and an empty one where it is given", async (workspace) => {
        await workspace.expectFailure(["set", "a"], 2, /value is missing/, { input: "hunter2\n" });
        assert.equal(existsSync(workspace.preferences), false);
        await workspace.expectOutput(["set", "a", ""], "", { input: "hunter2\n" });
        assert.equal(readText(workspace.preferences), formatPreferences({ a: "" }));
        await workspace.expectOutput(["get", "a"], "\n");
      });

      test("set warns that the repository's values are plain text, once they are there", async (workspace) => {
        await workspace.setInRepository("a", "hunter2");
        await workspace.expectFailure(["set", "a", "x", "--scope", "repo", "-C", ".."], 1, /^(?!.*warning)/);
      });
    });

    describe("files", () => {
      const [newer, older] = isWindows ? ["Bus", "BusDK"] : ["bus", "busdk"];
      const at = {
        path: "<session>/own/mine.json",
        directory: "<session>/own",
        inDirectory: "<session>/own/preferences.json",
        newer: `<session>/config/${newer}/preferences.json`,
        older: `<session>/config/${older}/preferences.json`,
        newerAtHome: "<session>/home/.config/bus/preferences.json",
        olderAtHome: "<session>/home/.config/busdk/preferences.json",
      };
      const atHome = [
        ["no XDG_CONFIG_HOME", at.olderAtHome, { XDG_CONFIG_HOME: undefined }],
        ["newer BusDK's at home", at.newerAtHome, { XDG_CONFIG_HOME: undefined }, [at.newerAtHome]],
        ["a relative XDG_CONFIG_HOME", at.olderAtHome, { XDG_CONFIG_HOME: "config" }],
        [
          "empty variables",
          at.olderAtHome,
          { BUS_PREFERENCES_PATH: "", BUS_CONFIG_DIR: "", XDG_CONFIG_HOME: "" },
        ],
      ];
      for (const [name, expected, env, existing = []] of [
        ["BUS_PREFERENCES_PATH", at.path, { BUS_PREFERENCES_PATH: at.path }],
        [
          "BUS_PREFERENCES_PATH before all others",
          at.path,
          { BUS_PREFERENCES_PATH: at.path, BUS_CONFIG_DIR: at.directory },
          [at.inDirectory, at.newer, at.older],
        ],
        ["BUS_CONFIG_DIR", at.inDirectory, { BUS_CONFIG_DIR: at.directory }, [at.newer, at.older]],
        ["an existing file of newer BusDK", at.newer, {}, [at.newer, at.older]],
        ["an existing file of older BusDK", at.older, {}, [at.older]],
        ["a folder of newer BusDK without the file", at.older, {}, [join(at.newer, "..", "other.json")]],
        ["no file", at.older, {}],
        ...(isWindows ? [] : atHome),
      ]) {
        test(`the preferences' place: ${name}`, async (workspace) => {
          const here = (path) => path && normalize(path.replace("<session>", workspace.session.directory));
          for (const path of existing) workspace.write(here(path), formatPreferences({ old: path }));
          const options = {
            env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, here(value)])),
          };
          await workspace.expectOutput(["set", "new", "1"], "", options);
          const there = [...new Set([...existing, expected])].map(here);
          const files = listFiles(workspace.session.directory).filter(
            (path) => path !== workspace.datapackage,
          );
          assert.deepEqual(files, there.toSorted());
          const secrets = existing.includes(expected) ? { new: "1", old: expected } : { new: "1" };
          assert.equal(readText(here(expected)), formatPreferences(secrets));
          for (const path of existing.filter((path) => path !== expected)) {
            assert.equal(readText(here(path)), formatPreferences({ old: path }));
          }
          await workspace.expectOutput(["get", "new"], "1\n", options);
        });
      }

      test("no place for preferences fails what needs one, and nothing else", async (workspace) => {
        const options = { env: { HOME: undefined, XDG_CONFIG_HOME: undefined, APPDATA: undefined } };
        const why = isWindows ? /APPDATA/ : /HOME/;
        await workspace.expectFailure(["set", "a", "hunter2"], 1, why, options);
        await workspace.expectFailure(["get", "a"], 1, why, options);
        await workspace.expectFailure(["list"], 1, why, options);
        await workspace.setInRepository("a", "1", options);
        await workspace.expectOutput(["get", "a"], "1\n", options);
        await workspace.expectOutput(["list", "--scope", "repo"], "a\n", options);
        await workspace.expectOutput(["resolve", "plain"], "plain\n", options);
      });

      test("preferences are sorted, and what is not ours stays in them", async (workspace) => {
        workspace.write(
          workspace.preferences,
          `{"before": 1E+5, "version": 1, "values": {"secrets.b": "2", "ui.size": 1.50, "secretsx": [true, {}]},
            "after": [], "é": {"z": null, "a": 12345678901234567890123}}`,
          0o644,
        );
        await workspace.expectOutput(["set", "c", "3"]);
        await workspace.expectOutput(["set", "a.b", "4"]);
        await workspace.expectOutput(["set", "b", "5"]);
        assert.equal(
          readText(workspace.preferences),
          `{
  "before": 1E+5,
  "version": 1,
  "values": {
    "secrets.a.b": "4",
    "secrets.b": "5",
    "secrets.c": "3",
    "secretsx": [
      true,
      {}
    ],
    "ui.size": 1.50
  },
  "after": [],
  "é": {
    "z": null,
    "a": 12345678901234567890123
  }
}
`,
        );
        assertMode(workspace.preferences, 0o600);
      });

      test("preferences that are made are for their owner alone", async (workspace) => {
        await workspace.expectOutput(["set", "b", "2"]);
        await workspace.expectOutput(["set", "a", "1"]);
        assert.equal(
          readText(workspace.preferences),
          '{\n  "version": 1,\n  "values": {\n    "secrets.a": "1",\n    "secrets.b": "2"\n  }\n}\n',
        );
        const folder = join(workspace.preferences, "..");
        assertMode(workspace.preferences, 0o600);
        assertMode(folder, 0o700);
      });

      const rest = {
        before: `  "name": "ledger",
  "z": 1.0,
  "numbers": [
    1e5,
    1E+5,
    1e-7,
    -0,
    -0.0,
    0.10,
    12345678901234567890123,
    123456789.123456789123456789
  ],
  "a": {
    "2": null,
    "10": true,
    "1": {}
  },
  "käse": "\\"\\\\ 🧀 \\n / \\/ \\u00e4 \\ud800",
  "käse": [],
  "$serde_json::private::Number": "1"`,
        after: `  "resources": []`,
      };

      test("datapackage.json: secrets are added, and the rest stays", async (workspace) => {
        workspace.write(workspace.datapackage, `{\n${rest.before},\n${rest.after}\n}\n`);
        chmodSync(workspace.datapackage, 0o640);
        await workspace.setInRepository("z", "1");
        await workspace.setInRepository("a.b", "2");
        assert.equal(
          readText(workspace.datapackage),
          `{
${rest.before},
${rest.after},
  "busdk": {
    "secrets": {
      "z": "1",
      "a.b": "2"
    }
  }
}
`,
        );
        assertMode(workspace.datapackage, 0o640);
      });

      test("datapackage.json: a secret is replaced where it stands, and deleted", async (workspace) => {
        const busdk = (...secrets) => `  "busdk": {
    "version": 1.0,
    "secrets": {
      ${secrets.join(",\n      ")}
    },
    "last": 1
  }`;
        const whole = (...secrets) => `{\n${rest.before},\n${busdk(...secrets)},\n${rest.after}\n}\n`;
        workspace.write(workspace.datapackage, whole('"b": "1"', '"B": 2', '"a": "3"'));
        await workspace.setInRepository("b", "new");
        assert.equal(readText(workspace.datapackage), whole('"b": "new"', '"B": 2', '"a": "3"'));
        await workspace.expectOutput(["delete", "b", "--scope", "repo"]);
        assert.equal(readText(workspace.datapackage), whole('"B": 2', '"a": "3"'));
      });

      test("datapackage.json: two spaces indent it, and a newline ends it", async (workspace) => {
        workspace.write(workspace.datapackage, '{"a":{"b":[1,{"c":[]}]},\r\n\t"busdk":{"secrets":{}}}');
        await workspace.setInRepository("n", "1");
        assert.equal(
          readText(workspace.datapackage),
          `${JSON.stringify({ a: { b: [1, { c: [] }] }, busdk: { secrets: { n: "1" } } }, null, 2)}\n`,
        );
      });

      test("reading changes no file", async (workspace) => {
        const before = ['{"busdk":{"secrets":{"a":"1"}}}', '{"values":{"secrets.b":"2"},"version":1}'];
        workspace.write(workspace.datapackage, before[0]);
        workspace.write(workspace.preferences, before[1]);
        await workspace.expectOutput(["list"], "a\nb\n");
        await workspace.expectOutput(["get", "a"], "1\n");
        await workspace.expectOutput(["resolve", "secret:b"], "2\n");
        assert.deepEqual([readText(workspace.datapackage), readText(workspace.preferences)], before);
        assert.deepEqual(listFiles(workspace.session.directory), [
          workspace.preferences,
          workspace.datapackage,
        ]);
      });
    });

    test(
      "the page's workflows",
      async (workspace) => {
        const { session } = workspace;
        const words = ways[way]("bus-secrets").map((word) => `'${word}'`);
        const dispatcher = `#!/bin/sh
[ "$1" = secrets ] || exit 9
shift
exec bus-secrets "$@"
`;
        const tools = join(session.directory, "tools");
        workspace.write(join(tools, "bus"), dispatcher, 0o755);
        if (way === "native") symlinkSync(ways.native("bus-secrets")[0], join(tools, "bus-secrets"));
        else workspace.write(join(tools, "bus-secrets"), `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`, 0o755);
        const { code, stdout, stderr } = await session.run(
          "/bin/sh",
          [
            "-ec",
            `bus secrets set openai_api_key 'sk-...' --scope user

          bus secrets list --scope auto
          bus secrets get openai_api_key --scope user
          bus secrets resolve secret:openai_api_key --scope auto

          bus secrets set openai_api_key '<set-this-in-user-scope>' --scope repo
          bus secrets set openai_api_key 'sk-local-user-key' --scope user
          bus secrets resolve secret:openai_api_key --scope auto`,
          ],
          { cwd: workspace.directory, env: { PATH: `${tools}:${session.env.PATH}` } },
        );
        assert.equal(code, 0, stderr);
        assert.equal(stdout, "openai_api_key\nsk-...\nsk-...\n<set-this-in-user-scope>\n");
        assert.match(stderr, /^bus-secrets: warning: [^\n]+\n$/);
        assert.equal(
          readText(workspace.preferences),
          formatPreferences({ openai_api_key: "sk-local-user-key" }),
        );
        assert.equal(
          readText(workspace.datapackage),
          formatDatapackage({ openai_api_key: "<set-this-in-user-scope>" }),
        );
      },
      linuxOnly("a shell"),
    );

    describe("secrets", () => {
      test(
        "what it says of the operating system's store",
        async (workspace) => {
          const steps = [
            [["list"]],
            [["set", "a", "1"]],
            [["set", "b"], "from input\n"],
            [["set", "c"], "two\nlines\n\n"],
            [["set", "d"], ""],
            [["set", "d", ""]],
            [["set", "A", "1"]],
            [["set", "a", "of repo", "--scope", "repo"]],
            [["set", "a", "x", "--scope", "auto"]],
            [["get", "a"]],
            [["get", "a", "--scope", "user"]],
            [["get", "b", "--json"]],
            [["get", "c"]],
            [["get", "d"]],
            [["list"]],
            [["list", "--json"]],
            [["list", "--json", "--scope=repo"]],
            [["resolve", "secret:c"]],
            [["resolve", "secret:d"]],
            [["resolve", "secret:"]],
            [["resolve", "plain"]],
            [["--", "resolve", "-x"]],
            [["set", "--service", "other", "Any Name/", "v"]],
            [["get", "--service", "other", "Any Name/", "--json"]],
            [["get", "--service", "other", "a"]],
            [["get", "--service", "", "a"]],
            [["get", "--service", "other", "--scope", "user", "a"]],
            [["list", "--service=other"]],
            [["delete", "--service=other", "Any Name/"]],
            [["list", "--service=other"]],
            [["get", "a", "-o", "out"]],
            [["get", "a", "-q"]],
            [["delete", "a"]],
            [["delete", "a"]],
            [["delete", "a", "--scope", "repo"]],
            [["list", "-C", "nowhere"]],
            [["bogus", "hunter"]],
            [["get", "a", "--hunter"]],
            [[]],
            [["-V"]],
            [["-h"]],
            [["--", "-h"]],
            ...["set", "get", "list", "resolve", "delete", "run", "inject", "import", "migrate"].map(
              (command) => [[command, "-h"]],
            ),
            [["completions", "bash"]],
            [["completions", "csh"]],
          ];
          for (const [args, input] of steps) await workspace.run(args, { input });
          const codes = workspace.results.map(({ code }) => code);
          const expected = [
            0, 0, 0, 0, 2, 2, 2, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 2, 2, 0, 0, 0,
          ];
          assert.deepEqual(codes.slice(0, 38), [...expected, 0, 0, 0, 1, 0, 1, 2, 2]);
          const printed = new Map(workspace.results.map(({ words, stdout }) => [words.join(" "), stdout]));
          assert.equal(printed.get("get b --json"), '{"name":"b","value":"from input"}\n');
          assert.equal(printed.get("get c"), "two\nlines\n\n");
          assert.equal(printed.get("-- resolve -x"), "-x\n");
          assert.equal(
            printed.get("list --json --scope=repo"),
            '[{"name":"a","scope":"repo","shadows":null}]\n',
          );
        },
        { program: "secrets", bus: true },
      );

      test(
        "plain values and the repository need no store",
        async (workspace) => {
          await workspace.setInRepository("a", "1");
          await workspace.expectOutput(["get", "a"], "1\n");
          await workspace.expectOutput(["resolve", "secret:a"], "1\n");
          await workspace.expectOutput(["resolve", "plain"], "plain\n");
          await workspace.expectOutput(["list", "--scope", "repo"], "a\n");
          await workspace.expectFailure(["get", "b"], 3, /bus/);
          await workspace.expectFailure(["list"], 3, /bus/);
        },
        { program: "secrets", ...linuxOnly("a bus") },
      );
    });
  });
}

// This test must be last: it compares the results of all the others.
it("all ways say the same, byte for byte", () => {
  assert.ok(resultsOf.native.length > 0);
  for (const way of Object.keys(ways)) {
    assert.equal(resultsOf[way].length, resultsOf.native.length);
    for (const [index, [name, told]] of resultsOf.native.entries()) {
      assert.deepEqual(resultsOf[way][index], [name, told], `${way} differs from native`);
    }
  }
});
