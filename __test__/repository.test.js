// The secrets of the repository: whose datapackage.json is read, and what is said if it hides a secret of the
// user.

const assert = require("node:assert/strict");
const { chmodSync, chownSync, lchownSync, mkdirSync, renameSync, rmSync, symlinkSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { runIsolated } = require("./support/apart.js");
const { linuxOnly } = require("./support/platform.js");
const { ways } = require("./support/programs.js");
const { root, runtimes } = require("./support/runtimes.js");
const { runOnTerminal } = require("./support/terminal.js");
const { formatDatapackage, readText, startWorkspace } = require("./support/workspace.js");

const isRoot = process.getuid?.() === 0;
const OTHER_USER = 65534;
const text = formatDatapackage({ a: "theirs" });

/** The commands that read or change the repository's secrets. */
const commands = [
  ["get", "a"],
  ["resolve", "secret:a"],
  ["list"],
  ["get", "a", "--scope", "repo"],
  ["set", "a", "x", "--scope", "repo"],
  ["delete", "a", "--scope", "repo"],
];
const commandsOfSecrets = [...commands, ["inject", "-i", "template"], ["run", "--", "true"]];

for (const program of ["bus-secrets", "secrets"]) {
  describe(
    `a datapackage.json that another user can have written, ${program},`,
    linuxOnly("file modes"),
    () => {
      async function prepare(t) {
        const workspace = await startWorkspace(t, { program, datapackage: text });
        workspace.write(join(workspace.directory, "template"), "{{ secret:a }}");
        return workspace;
      }

      async function expectRefusal(workspace, why, path = workspace.datapackage) {
        const [wanted, code] = program === "secrets" ? [commandsOfSecrets, 3] : [commands, 1];
        for (const args of wanted) {
          const stderr = await workspace.expectFailure(args, code, why, { env: { A: "secret:a" } });
          assert.ok(stderr.includes(path) && !stderr.includes("theirs"), stderr);
        }
        assert.equal(readText(workspace.datapackage), text);
      }

      it("is refused if everybody can write it, with the command that changes this", async (t) => {
        const workspace = await prepare(t);
        for (const mode of [0o666, 0o602, 0o777]) {
          chmodSync(workspace.datapackage, mode);
          await expectRefusal(workspace, new RegExp(`its mode is ${mode.toString(8)}.*: chmod go-w /`));
        }
        const { stderr } = await workspace.run(["get", "a"]);
        const { code } = await workspace.session.run("sh", ["-c", stderr.trim().split(", then run: ")[1]]);
        assert.equal(code, 0);
        await workspace.expectOutput(["get", "a"], "theirs\n");
      });

      it("is refused if it belongs to another user", { skip: !isRoot && "it needs root" }, async (t) => {
        const workspace = await prepare(t);
        chownSync(workspace.datapackage, OTHER_USER, 0);
        await expectRefusal(workspace, /belongs to the user 65534, and this process runs as 0.*: chown 0 \//);
        // The directory does not matter. A file that others put there is their own.
        chownSync(workspace.datapackage, 0, 0);
        chmodSync(workspace.directory, 0o777);
        await workspace.expectOutput(["get", "a"], "theirs\n");
      });

      it("is refused if it is another user's link", { skip: !isRoot && "it needs root" }, async (t) => {
        const workspace = await prepare(t);
        const target = join(workspace.session.directory, "other", "datapackage.json");
        mkdirSync(join(target, ".."));
        renameSync(workspace.datapackage, target);
        symlinkSync(target, workspace.datapackage);
        await workspace.expectOutput(["get", "a"], "theirs\n");
        lchownSync(workspace.datapackage, OTHER_USER, 0);
        await expectRefusal(workspace, /symbolic link that belongs to the user 65534.*: chown -h 0 \//);
        lchownSync(workspace.datapackage, 0, 0);
        chmodSync(target, 0o666);
        await expectRefusal(workspace, /can be written by other users/, target);
      });

      it("is refused if another user can have put it where a link leads", async (t) => {
        const workspace = await prepare(t);
        const at = (name) => join(workspace.session.directory, name);
        for (const folder of ["own", "others"]) mkdirSync(at(folder));
        renameSync(workspace.datapackage, at("others/package.json"));
        symlinkSync("../others/package.json", at("own/link"));
        symlinkSync(at("own/link"), workspace.datapackage);
        await workspace.expectOutput(["get", "a"], "theirs\n");
        const advice = `: Use the scope user, or check where the symbolic link leads: ls -l ${workspace.datapackage}`;
        const refuse = (path, why) =>
          expectRefusal(workspace, new RegExp(`${path} ${why}.*\\${advice.replace(":", ".")}\n`), path);
        for (const folder of ["own", "others"]) {
          chmodSync(at(folder), 0o777);
          await refuse(at(folder), "can be written by other users");
          // In such a directory, others cannot replace what is ours.
          chmodSync(at(folder), 0o1777);
          await workspace.expectOutput(["get", "a"], "theirs\n");
          chmodSync(at(folder), 0o755);
        }
        if (!isRoot) return;
        for (const [path, why] of [
          [at("own"), "belongs to the user 65534"],
          [at("own/link"), "is a symbolic link that belongs to the user 65534"],
          [at("others"), "belongs to the user 65534"],
          [at("others/package.json"), "belongs to the user 65534"],
        ]) {
          lchownSync(path, OTHER_USER, 0);
          await refuse(path, why);
          lchownSync(path, 0, 0);
        }
        await workspace.expectOutput(["get", "a"], "theirs\n");
      });

      it("is not read if it is no file, and nothing else is advised to be changed", async (t) => {
        const workspace = await prepare(t);
        const { session, datapackage } = workspace;
        const fifo = join(session.directory, "fifo");
        await session.run("mkfifo", ["-m", "666", fifo]);
        for (const target of ["/dev/null", "/", fifo]) {
          rmSync(datapackage);
          symlinkSync(target, datapackage);
          const why = `Cannot read ${datapackage}: it is a symbolic link to ${target}, which is not a regular file`;
          const stderr = await workspace.expectFailure(["get", "a"], program === "secrets" ? 3 : 1);
          assert.ok(stderr.includes(`${why}. `) && stderr.includes("--scope user"), stderr);
          assert.doesNotMatch(stderr, /chmod|chown/);
        }
        rmSync(datapackage);
        await session.run("mkfifo", ["-m", "666", datapackage]);
        const stderr = await workspace.expectFailure(["get", "a"], program === "secrets" ? 3 : 1);
        assert.ok(stderr.includes(`Cannot read ${datapackage}: it is not a regular file. `), stderr);
        rmSync(datapackage);
        symlinkSync("/nothing/there", datapackage);
        await workspace.expectFailure(["get", "a", "--scope", "repo"], 1);
      });

      it("is read by other users if it is root's", { skip: !isRoot && "it needs root" }, async (t) => {
        const workspace = await prepare(t);
        const { session, directory } = workspace;
        for (const folder of [session.directory, directory]) chmodSync(folder, 0o755);
        const [path] = ways.native(program);
        const script = `install -m 755 "${path}" "${session.directory}/program"
        exec setpriv --reuid=${OTHER_USER} --clear-groups "${session.directory}/program" get a --scope repo`;
        const { stdout, stderr } = await session.run("bash", ["--norc", "-euc", script], { cwd: directory });
        assert.deepEqual([stdout, stderr], ["theirs\n", ""]);
      });

      it("is read if only the private group of its owner can write it", async (t) => {
        const workspace = await prepare(t);
        chmodSync(workspace.datapackage, 0o664);
        /** Runs the program as root, with these accounts. In the test's namespace, its user is root. */
        const runAmong = (passwd, group) => {
          const files = { passwd, group };
          const mounts = Object.entries(files).map(([name, lines]) => {
            const path = join(workspace.session.directory, name);
            workspace.write(path, lines.map((line) => `${line}\n`).join(""), 0o644);
            return `mount --bind ${path} /etc/${name}`;
          });
          const script = [...mounts, `cd ${workspace.directory}`, `exec "$@"`].join("\n");
          return runIsolated(workspace.session, script, [...ways.native(program), "get", "a"]);
        };
        const rootUser = "root:x:0:0:root:/root:/bin/sh";
        for (const [passwd, group, expected] of [
          [[rootUser], ["root:x:0:"], "theirs\n"],
          [[rootUser, "alice:x:5:5::/:/bin/sh"], ["root:x:0:root"], "theirs\n"],
          // Another member, another user's primary group, and a shared group.
          [[rootUser], ["root:x:0:alice"], ""],
          [[rootUser, "alice:x:5:0::/:/bin/sh"], ["root:x:0:"], ""],
          [[rootUser], ["staff:x:0:"], ""],
        ]) {
          const { stdout, stderr } = await runAmong(passwd, group);
          assert.equal(stdout, expected, stderr);
          if (expected === "") assert.match(stderr, /its mode is 664/);
        }
      });
    },
  );
}

describe("the library refuses such a datapackage.json", linuxOnly("file modes"), () => {
  for (const [name, [command, ...args]] of Object.entries(runtimes)) {
    it(`under ${name}`, async (t) => {
      const workspace = await startWorkspace(t, { datapackage: text });
      chmodSync(workspace.datapackage, 0o666);
      const file = join(workspace.directory, "program.cjs");
      workspace.write(
        file,
        `const { resolve, resolveEnv } = require(${JSON.stringify(root)});
         const told = ({ code, message }) => console.log(code, message);
         resolve("secret:a").catch(told).then(() => resolveEnv({ A: "secret:a" })).catch(told);`,
      );
      const { stdout, stderr } = await workspace.session.run(command, [...args, file], {
        cwd: workspace.directory,
      });
      assert.match(stdout, /^(ERR_SECRETS_ACCESS_DENIED .*chmod go-w .*\n){2}$/, stderr);
    });
  }
});

/** The warning about a secret that both scopes have. */
const warningOf = (name) =>
  `secrets: warning: ${name} is in the repository (datapackage.json) and in your store. The repository's ` +
  "value is used; --scope user uses yours\n";

describe("a secret that both scopes have, in secrets,", () => {
  const datapackageOf = (secrets) => ({ program: "secrets", datapackage: formatDatapackage(secrets) });

  /** Returns a workspace whose repository has `both` and `repo`, and whose user has `both` and `user`. */
  async function prepare(t) {
    const options = datapackageOf({ both: "of repo", repo: "of repo" });
    const workspace = await startWorkspace(t, { ...options, bus: true });
    for (const name of ["both", "user"]) {
      const { code } = await workspace.run(["set", name, "-q"], { input: "of user" });
      assert.equal(code, 0);
    }
    return workspace;
  }

  async function expectResult(workspace, args, stdout, stderr, options) {
    const result = await workspace.run(args, options);
    assert.deepEqual(result, { code: 0, signal: null, stdout, stderr });
  }

  it("is the repository's, and each command says so once", async (t) => {
    const workspace = await prepare(t);
    const references = { A: "secret:both", B: "secret:both", C: "secret:repo", D: "secret:user" };
    const print = `const { A, B, C, D } = process.env; console.log([A, B, C, D].join())`;
    const template = "{{ secret:both }} {{ secret:both }} {{ secret:user }}";
    for (const [args, stdout, options] of [
      [["get", "both"], "of repo\n"],
      [["get", "both", "--scope", "auto", "--json"], '{"name":"both","value":"of repo"}\n'],
      [["resolve", "secret:both"], "of repo\n"],
      [["inject"], "of repo of repo of user", { input: template }],
      [
        ["run", "--", process.execPath, "-e", print],
        "of repo,of repo,of repo,of user\n",
        { env: references },
      ],
    ]) {
      await expectResult(workspace, args, stdout, warningOf("both"), options);
      const quiet = await workspace.run(["-q", ...args], options);
      assert.equal(quiet.stderr, "");
    }
    for (const [args, stdout] of [
      [["get", "both", "--scope", "repo"], "of repo\n"],
      [["get", "both", "--scope", "user"], "of user\n"],
      [["get", "repo"], "of repo\n"],
      [["get", "user"], "of user\n"],
      [["get", "both", "--service", "os-secrets"], "of user\n"],
    ]) {
      await expectResult(workspace, args, stdout, "");
    }
  });

  it("is listed with its scope, for users and with --long and --json", async (t) => {
    const workspace = await prepare(t);
    const table = "both  repo (shadows user)\nrepo  repo\nuser  user\n";
    const json = [
      { name: "both", scope: "repo", shadows: "user" },
      { name: "repo", scope: "repo", shadows: null },
      { name: "user", scope: "user", shadows: null },
    ];
    for (const [args, stdout] of [
      [["list"], "both\nrepo\nuser\n"],
      [["list", "--json"], `${JSON.stringify(json)}\n`],
      [
        ["list", "--json", "--scope", "repo"],
        `${JSON.stringify([{ ...json[0], shadows: null }, json[1]])}\n`,
      ],
    ]) {
      await expectResult(workspace, args, stdout, "");
    }
    // The store may know when a secret was changed.
    const withoutTimes = (text) => text.replace(/ {2}\d{4}-\d\d-\d\dT\S+Z$/gm, "");
    for (const [args, stdout] of [
      [["list", "--long"], table],
      [["list", "--long", "--scope", "user"], "both  user\nuser  user\n"],
    ]) {
      const listed = await workspace.run(args);
      assert.deepEqual([listed.code, withoutTimes(listed.stdout), listed.stderr], [0, stdout, ""]);
    }
    await workspace.expectFailure(["list", "--long", "--service", "s"], 2, /--long cannot be used with/);
    if (linuxOnly("a pseudo-terminal").skip) return;
    const runShown = (program, ...args) =>
      runOnTerminal(workspace.session, [...ways.native(program), "-C", "workspace", "list", ...args], []);
    assert.equal((await runShown("secrets")).shown, table);
    assert.equal((await runShown("secrets", "-o", "names")).shown, "");
    assert.equal(readText(join(workspace.directory, "names")), "both\nrepo\nuser\n");
    assert.equal((await runShown("bus-secrets")).shown, "both\nrepo\n");
  });

  it("is told when set or delete leaves one in the other scope", async (t) => {
    const workspace = await prepare(t);
    const warning = (text) => `secrets: warning: ${text}\n`;
    const plain = warning(
      "datapackage.json holds its secrets in plain text. Everyone who has the repository can read them",
    );
    const hidden =
      "is in the repository, too. In this directory, that value is used instead of yours; --scope user uses yours";
    const hides =
      "is in your store, too. In this directory, the repository's value is used instead; --scope user uses yours";
    const inRepository = ["--scope", "repo"];
    for (const [args, stderr] of [
      [["set", "both", "x"], warning(`both ${hidden}`)],
      [["set", "user", "x"], ""],
      [["set", "both", "x", ...inRepository], warning(`both ${hides}`) + plain],
      [["set", "repo", "x", ...inRepository], plain],
      [["delete", "repo", ...inRepository], ""],
      [["delete", "user"], ""],
      [["delete", "both"], warning("both is still in the repository. To delete it there, use --scope repo")],
      [["set", "both", "x"], warning(`both ${hidden}`)],
      [
        ["delete", "both", ...inRepository],
        warning("both is still in your store. To delete it there, use --scope user"),
      ],
      [["delete", "both"], ""],
    ]) {
      await expectResult(workspace, args, "", stderr);
    }
  });

  it("is read although the user's store is locked, and nobody is asked", linuxOnly("a bus"), async (t) => {
    const workspace = await startWorkspace(t, datapackageOf({ both: "of repo" }));
    const { session } = workspace;
    await expectResult(workspace, ["get", "both"], "of repo\n", "");
    await session.startBus();
    await expectResult(workspace, ["get", "both"], "of repo\n", "");
    const prompter = await session.startPrompter();
    const keyring = await session.startKeyring({ prompter });
    await workspace.run(["set", "both", "-q"], { input: "of user" });
    await session.lock();
    // A locked gnome-keyring still finds items by their attributes.
    await expectResult(workspace, ["get", "both"], "of repo\n", warningOf("both"));
    keyring.kill("SIGSTOP");
    // Ends although the service does not answer, within the time limit of a program.
    await expectResult(workspace, ["get", "both"], "of repo\n", "");
    keyring.kill("SIGCONT");
  });

  it("is read although the user's file has a passphrase", linuxOnly("a pseudo-terminal"), async (t) => {
    const workspace = await startWorkspace(t, datapackageOf({ both: "of repo" }));
    const { session } = workspace;
    const env = { OS_SECRETS_PROVIDER: "file", OS_SECRETS_PASSPHRASE: "passphrase" };
    await workspace.run(["set", "both", "-q"], { input: "of user", env });
    const { stderr } = await workspace.run(["get", "both"], { env });
    assert.ok(stderr.endsWith(warningOf("both")), stderr);
    const command = [...ways.native("secrets"), "-C", "workspace", "get", "both"];
    const { shown } = await runOnTerminal(session, command, [], { OS_SECRETS_PROVIDER: "file" });
    assert.match(shown, /^secrets: using the encrypted file .*\nof repo\n$/);
  });
});

describe("secrets doctor names the repository", () => {
  async function prepare(t, datapackage) {
    const workspace = await startWorkspace(t, { program: "secrets", datapackage, bus: true });
    const runDoctor = async () => {
      const { code, stdout: text } = await workspace.run(["doctor"]);
      const { repository, problems } = JSON.parse((await workspace.run(["doctor", "--json"])).stdout);
      return { code, text, repository, notes: problems.map(({ what, fix, fatal }) => [what, fix, fatal]) };
    };
    return { path: workspace.datapackage, runDoctor };
  }

  it("if there is none", async (t) => {
    const { runDoctor } = await prepare(t, null);
    const { code, text, repository, notes } = await runDoctor();
    assert.deepEqual([code, repository, notes], [0, null, []]);
    assert.match(text, /^repository +none$/m);
  });

  it("if it has secrets, and how many", async (t) => {
    const { path, runDoctor } = await prepare(t, formatDatapackage({ a: "hunter2", b: "" }));
    const { code, text, repository, notes } = await runDoctor();
    assert.deepEqual([code, repository], [0, { path, secrets: 2 }]);
    const what = `${path} has 2 secrets, which are used before yours in this directory`;
    assert.deepEqual(notes, [[what, "secrets list --long", false]]);
    assert.ok(text.includes(` ${path} (2 secrets)\n`) && text.includes(`note: ${what}\n`), text);
    assert.ok(!text.includes("hunter2"));
  });

  it("if it is refused, and why", linuxOnly("file modes"), async (t) => {
    const { path, runDoctor } = await prepare(t, formatDatapackage({ a: "hunter2" }));
    chmodSync(path, 0o666);
    const { code, text, repository, notes } = await runDoctor();
    assert.deepEqual([code, repository], [1, { path, secrets: null }]);
    assert.ok(text.startsWith("works ") && text.includes(` ${path} (cannot be used)\n`), text);
    assert.match(text, /^works +no\n/);
    const [[what, fix, fatal]] = notes;
    assert.match(what, /^The repository cannot be used\. .* can be written by other users/);
    assert.deepEqual([fix, fatal], [`chmod go-w ${path}`, true]);
  });

  it("if its link leads to something else", linuxOnly("symbolic links"), async (t) => {
    const { path, runDoctor } = await prepare(t, null);
    symlinkSync("/dev/null", path);
    const { code, notes } = await runDoctor();
    const [[what, fix, fatal]] = notes;
    assert.match(what, /is a symbolic link to \/dev\/null, which is not a regular file/);
    assert.deepEqual([code, fatal], [1, true]);
    assert.equal(fix, `Make ${path} a file that you can read, or use --scope user`);
  });

  it("if it is not valid, with the line", async (t) => {
    for (const [content, told] of [
      ['{\n "busdk": hunter2\n}', /datapackage\.json is not valid JSON at line 2, column \d+: /],
      [
        '{ "busdk": { "secrets": "hunter2" } }',
        /datapackage\.json has under "busdk\.secrets" something that is not/,
      ],
    ]) {
      const { path, runDoctor } = await prepare(t, content);
      const { code, text, repository, notes } = await runDoctor();
      assert.deepEqual([code, repository], [1, { path, secrets: null }]);
      const [[what, fix, fatal]] = notes;
      assert.match(what, told);
      assert.deepEqual([fix, fatal], [`Correct ${path}, or use --scope user, which does not read it`, true]);
      assert.match(text, /^works +no\n/);
      assert.ok(!text.includes("hunter2"));
    }
  });

  it("if the directory must not be read, as get does", linuxOnly("file modes"), async (t) => {
    const workspace = await startWorkspace(t, { program: "secrets", bus: true });
    const { session, datapackage, directory } = workspace;
    // Not as root, who may read everything.
    const user = isRoot ? OTHER_USER : process.getuid();
    const program = join(session.directory, "secrets");
    await session.run("install", ["-m", "755", ...ways.native("secrets"), program]);
    chmodSync(session.directory, 0o755);
    const setUser = isRoot ? `setpriv --reuid=${user} --clear-groups` : "";
    const run = (...args) =>
      session.run("bash", [
        "-euc",
        `cd "$1"; shift; chmod 0 .; ${setUser} "$@"`,
        "-",
        directory,
        program,
        ...args,
      ]);
    for (const args of [["get", "a"], ["doctor"], ["doctor", "--json"]]) {
      const { code, stdout, stderr } = await run(...args);
      chmodSync(directory, 0o700);
      assert.equal(code, args[0] === "get" ? 3 : 1, stderr);
      const told = stdout + stderr;
      assert.ok(told.includes(`Cannot read ${datapackage}: Permission denied (os error 13). `), told);
      assert.match(told, /--scope user/);
    }
  });
});
