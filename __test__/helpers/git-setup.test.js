// secrets setup git, with the real git.

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} = require("node:fs");
const { delimiter, dirname, join } = require("node:path");
const { describe, it } = require("node:test");
const { describeClient, startClient } = require("../support/clients.js");
const { ways } = require("../support/programs.js");

const BLOCK = "[credential]\n\thelper =\n\thelper = os-secrets\n";
const REQUEST = "protocol=https\nhost=example.com\nusername=u\npassword=hunter2\n";

/** Adds to a client what these tests need. The system's configuration is a file of the session. */
function withConfiguration(client) {
  const { session } = client;
  const [config, system] = [join(session.home, ".gitconfig"), join(session.directory, "system")];
  writeFileSync(system, "");
  Object.assign(session.env, { GIT_CONFIG_SYSTEM: system, GIT_TERMINAL_PROMPT: "0", GIT_ASKPASS: "" });
  delete session.env.SSH_ASKPASS;
  return {
    ...client,
    config,
    system,
    read: () => readFileSync(config, "utf8"),
    write: (text, file = config) => writeFileSync(file, text),
    /** Runs secrets setup git, which must succeed. Returns { stdout, stderr }. */
    async setUp(...args) {
      const { code, stdout, stderr } = await client.run("secrets", ["setup", "git", ...args]);
      assert.equal(code, 0, stderr);
      return { stdout, stderr };
    },
    git: (...args) => client.succeed("git", args),
    /** The helpers for all URLs that git reads. */
    async helpers() {
      const text = await client.succeed("git", ["config", "--get-all", "credential.helper"]);
      return text.split("\n").slice(0, -1);
    },
    stored: async () =>
      (await client.run("secrets", ["list", "--service", "git:https://example.com"])).stdout,
  };
}

describeClient("secrets setup git", (startClient) => {
  const start = async (t) => withConfiguration(await startClient(t));

  it("makes git ask os-secrets, and no helper that keeps plain text", async (t) => {
    const client = await start(t);
    client.write("[credential]\n\thelper = cache\n", client.system);
    client.write("[user]\n\tname = Test\n[credential]\n\thelper = store\n[core]\n\tpager = cat\n");
    const { stdout, stderr } = await client.setUp();
    assert.equal(stdout, `changed ${client.config}\n${BLOCK.replace(/^/gm, "+ ").replace(/\+ $/, "")}`);
    assert.match(stderr, /git does not ask the helper cache of file:\S+system any more/);
    assert.match(stderr, /git does not ask the helper store of file:\S+\.gitconfig any more/);
    assert.match(stderr, /secrets import --from git --delete/);
    await client.succeed("git", ["credential", "approve"], { input: REQUEST });
    assert.equal(await client.stored(), "u\n");
    assert.ok(!existsSync(join(client.session.home, ".git-credentials")));
    const filled = await client.succeed("git", ["credential", "fill"], {
      input: "protocol=https\nhost=example.com\n",
    });
    assert.equal(filled, "protocol=https\nhost=example.com\nusername=u\npassword=hunter2\n");
    // Again, nothing is changed.
    const before = client.read();
    assert.equal((await client.setUp()).stdout, "git asks os-secrets already\n");
    assert.equal(client.read(), before);
    assert.match(await client.succeed("secrets", ["setup"]), /^git +asks os-secrets$/m);
  });
});

describe("the configuration of git", () => {
  const start = async (t) => withConfiguration(await startClient(t));

  it("is restored byte for byte, with its mode and links", async (t) => {
    const client = await start(t);
    const real = join(client.session.home, "dotfiles");
    const texts = [
      "",
      "[user]\n\tname = Test",
      "[user]\r\n\tname = Test\r\n",
      '\ufeff# comment\n[credential "https://example.com"]\n\tusername = x\n',
      "[credential]\n\thelper = store ; plain\n\n\n# the end",
      '[credential]\n\thelper = cache \\\n--timeout 5\n[credential "https://h"]\nhelper = x\n',
    ];
    for (const text of texts) {
      rmSync(client.config, { force: true });
      client.write(text, real);
      chmodSync(real, 0o640);
      symlinkSync(real, client.config);
      await client.setUp();
      assert.equal((await client.helpers()).at(-1), "os-secrets");
      assert.notEqual(client.read(), text);
      assert.ok(lstatSync(client.config).isSymbolicLink());
      assert.equal(statSync(real).mode & 0o777, 0o640);
      const { stdout } = await client.setUp("--undo");
      assert.equal(stdout, `restored ${client.config}\n`);
      assert.equal(client.read(), text);
      assert.equal(statSync(real).mode & 0o777, 0o640);
    }
    const { stdout } = await client.setUp("--undo");
    assert.equal(stdout, "nothing that secrets setup git has changed is left\n");
  });

  it("reads the same as before beside our block, whatever the end of the file", async (t) => {
    const client = await start(t);
    const read = async () => {
      const text = await client.succeed("git", ["config", "--global", "--null", "--list"]);
      return text.split("\0").filter((entry) => !/^credential\.helper(\n|$)/.test(entry));
    };
    const ends = [
      "\tname = A \\",
      "\tname = A \\\n",
      "\tname = A \\\n\\",
      "\tname = A # comment \\",
      "\tname = A\n# comment",
      "\tname = A\n; comment \\",
      "\tname = A\n[core]",
      "\tname = A\n[core] # \\",
      "\tname",
      "\tname =",
      '\tname = "A ',
      '\tname = A\n[credential "https://h.example"]\n\tusername = x \\',
      "\tname = A\n[credential]\n\thelper = cache \\",
    ];
    let count = 0;
    for (const end of ends.flatMap((end) => [end, end.replaceAll("\n", "\r\n")])) {
      const text = `[user]\n${end}`;
      client.write(text);
      const isTaken = (await client.run("git", ["config", "--global", "--list"])).code === 0;
      if (!isTaken) {
        assert.equal((await client.run("secrets", ["setup", "git"])).code, 1, JSON.stringify(text));
        assert.equal(client.read(), text);
        continue;
      }
      count += 1;
      const before = await read();
      await client.setUp();
      assert.deepEqual(await read(), before, JSON.stringify(text));
      assert.equal((await client.helpers()).at(-1), "os-secrets", JSON.stringify(text));
      await client.git("config", "--global", "alias.added", "status");
      await client.setUp("--undo");
      assert.deepEqual(
        await read(),
        [...before.slice(0, -1), "alias.added\nstatus", ""],
        JSON.stringify(text),
      );
      client.write(text);
      await client.setUp();
      await client.setUp("--undo");
      assert.equal(client.read(), text);
    }
    assert.ok(count > 20, `git takes only ${count} of the files`);
  });

  it("is removed by --undo if setup has made it", async (t) => {
    const client = await start(t);
    await client.setUp("--dry-run");
    assert.ok(!existsSync(client.config));
    await client.setUp();
    assert.equal(client.read(), BLOCK);
    await client.setUp("--undo");
    assert.ok(!existsSync(client.config));
  });

  it("keeps what git config changes after setup", async (t) => {
    const client = await start(t);
    const user = "[user]\n\tname = Test\n";
    const cases = [
      [["credential.useHttpPath", "true"], `${user}[credential]\n\tuseHttpPath = true\n`],
      [["--add", "credential.helper", "cache"], `${user}[credential]\n\thelper = cache\n`],
      [["user.name", "Other"], "[user]\n\tname = Other\n"],
      [["core.pager", "cat"], `${user}[core]\n\tpager = cat\n`],
      [["--replace-all", "credential.helper", "cache"], `${user}[credential]\n\thelper = cache\n`],
      [["credential.https://h.helper", "x"], `${user}[credential "https://h"]\n\thelper = x\n`],
    ];
    for (const [args, expected] of cases) {
      client.write(user);
      await client.setUp();
      await client.git("config", "--global", ...args);
      await client.setUp("--undo");
      assert.equal(client.read(), expected, args.join(" "));
      await client.git("config", "--global", "--list");
    }
  });

  it("is found as git finds it", async (t) => {
    const client = await start(t);
    const { session } = client;
    const xdg = join(session.configuration, "git", "config");
    mkdirSync(dirname(xdg));
    client.write("[user]\n\tname = Test\n", xdg);
    await client.setUp();
    assert.ok(!existsSync(client.config));
    assert.deepEqual(await client.helpers(), ["", "os-secrets"]);
    await client.setUp("--undo");
    // Both exist.
    client.write("");
    await client.setUp();
    assert.equal(client.read(), BLOCK);
    await client.setUp("--undo");
    const other = join(session.directory, "other");
    session.env.GIT_CONFIG_GLOBAL = other;
    await client.setUp();
    assert.equal(readFileSync(other, "utf8"), BLOCK);
    assert.deepEqual(await client.helpers(), ["", "os-secrets"]);
  });

  it("keeps the helpers for one URL, and says so without their secrets", async (t) => {
    const client = await start(t);
    const secret = "!f() { echo username=hub; echo password=of-hub; }; f";
    client.write(`[credential "https://a:b@hub.tld"]\n\thelper =\n\thelper = "${secret}"\n`);
    for (const args of [["--dry-run"], []]) {
      const { stdout, stderr } = await client.setUp(...args);
      assert.match(stderr, /for https:\/\/hub\.tld, git asks a shell command and not os-secrets, as before/);
      assert.doesNotMatch(stdout + stderr, /of-hub|a:b/);
    }
    const filled = await client.succeed("git", ["credential", "fill"], {
      input: "url=https://a:b@hub.tld\npassword=\n",
    });
    assert.match(filled, /^password=$/m);
    client.write(client.read().replace("a:b@", ""));
    const hub = await client.succeed("git", ["credential", "fill"], {
      input: "protocol=https\nhost=hub.tld\n",
    });
    assert.match(hub, /^password=of-hub$/m);
    // A helper in front of one for all URLs cannot be kept, and the user is told.
    await client.setUp("--undo");
    client.write(`${client.read()}[credential]\n\thelper = store\n`);
    const { stderr } = await client.setUp();
    assert.match(stderr, /for https:\/\/hub\.tld, git asks os-secrets instead of a shell command/);
  });

  it("says if the configuration of a repository still has another helper", async (t) => {
    const client = await start(t);
    await client.git("init", "--quiet");
    await client.git("config", "credential.helper", "store");
    const { stderr } = await client.setUp();
    assert.match(stderr, /git also asks the helper store of file:\.git\/config/);
  });

  it("names the program by its path if it is not in PATH", async (t) => {
    const client = await start(t);
    const { session, bin } = client;
    const folder = join(session.directory, "a 'b' (c)");
    mkdirSync(folder);
    for (const name of ["secrets", "git-credential-os-secrets"]) {
      copyFileSync(ways.native("secrets")[0], join(folder, name));
    }
    session.env.PATH = session.env.PATH.replace(`${bin}${delimiter}`, "");
    await client.succeed(join(folder, "secrets"), ["setup", "git"]);
    await client.succeed("git", ["credential", "approve"], { input: REQUEST });
    const filled = await client.succeed("git", ["credential", "fill"], {
      input: "protocol=https\nhost=example.com\n",
    });
    assert.match(filled, /^password=hunter2$/m);
    const again = await client.succeed(join(folder, "secrets"), ["setup", "git"]);
    assert.equal(again, "git asks os-secrets already\n");
    // Under Node, the program is the script beside the one that runs.
    await client.succeed(join(folder, "secrets"), ["setup", "git", "--undo"]);
    const [node, ...args] = ways.Node("secrets");
    await client.succeed(node, [...args, "setup", "git"]);
    assert.match(client.read(), /^\thelper = \S+bin\/git-credential-os-secrets\.js$/m);
    session.env.PATH = `${dirname(node)}${delimiter}${session.env.PATH}`;
    const byNode = await client.succeed("git", ["credential", "fill"], {
      input: "protocol=https\nhost=example.com\n",
    });
    assert.equal(byNode, filled);
  });

  it("is not changed if there is no program that git could start", async (t) => {
    const client = await start(t);
    const alone = join(client.session.directory, "alone");
    mkdirSync(alone);
    copyFileSync(ways.native("secrets")[0], join(alone, "secrets"));
    client.session.env.PATH = client.session.env.PATH.replace(`${client.bin}${delimiter}`, "");
    const { code, stderr } = await client.run(join(alone, "secrets"), ["setup", "git"]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /git-credential-os-secrets is neither in your PATH .* npm install --global os-secrets/,
    );
    assert.ok(!existsSync(client.config));
  });

  it("loses nothing that git config writes beside setup and --undo", async (t) => {
    const client = await start(t);
    client.write("[user]\n\tname = Test\n");
    const lock = `${client.config}.lock`;
    const names = Array.from({ length: 60 }, (_, index) => `n${index}`);
    let isDone = false;
    const others = async () => {
      for (const name of names) {
        const args = ["config", "--global", `alias.${name}`, "status"];
        for (;;) {
          const { code, stderr } = await client.run("git", args);
          if (code === 0) break;
          assert.match(stderr, /could not lock config file/);
        }
      }
      isDone = true;
    };
    const ours = async () => {
      for (let count = 0; count < 8 || !isDone; count += 1) {
        await client.setUp();
        await client.setUp("--undo");
      }
    };
    await Promise.all([others(), ours()]);
    const listed = await client.git("config", "--global", "--name-only", "--list");
    assert.deepEqual(listed.split("\n").slice(0, -1), ["user.name", ...names.map((name) => `alias.${name}`)]);
    assert.ok(!existsSync(lock));
  });

  it("is not changed while git has locked it, and the lock is named", async (t) => {
    const client = await start(t);
    client.write("[user]\n\tname = Test\n");
    client.write("", `${client.config}.lock`);
    const { code, stderr } = await client.run("secrets", ["setup", "git"]);
    assert.equal(code, 1);
    assert.match(stderr, /another program has locked it with \S+\.gitconfig\.lock\. Try again, and remove /);
    assert.equal(client.read(), "[user]\n\tname = Test\n");
    assert.ok(existsSync(`${client.config}.lock`));
    rmSync(`${client.config}.lock`);
    await client.setUp();
  });

  it("can be changed by git after the setup that follows a kill", async (t) => {
    const client = await start(t);
    const lock = `${client.config}.lock`;
    const { env } = client.session;
    let stale = 0;
    for (let count = 0; count < 40; count += 1) {
      client.write("[user]\n\tname = Test\n");
      const child = spawn("secrets", ["setup", "git"], { cwd: client.session.home, env, stdio: "ignore" });
      const ended = once(child, "exit");
      const hasEnded = () => / Z /.test(readFileSync(`/proc/${child.pid}/stat`, "utf8"));
      // Nothing else runs meanwhile: an event would come too late.
      while (!existsSync(lock) && !hasEnded());
      child.kill("SIGKILL");
      await ended;
      stale += existsSync(lock);
      await client.setUp();
      await client.git("config", "--global", "alias.a", "status");
      assert.equal((await client.helpers()).at(-1), "os-secrets");
      await client.setUp("--undo");
      assert.ok(!existsSync(lock));
    }
    t.diagnostic(`${stale} of the kills left the lock`);
    // A kill that leaves it is made for sure.
    client.write("os-secrets 1\n", lock);
    await client.setUp();
    assert.ok(!existsSync(lock));
    client.write("os-secrets 1\n", lock);
    assert.equal((await client.setUp()).stdout, "git asks os-secrets already\n");
    assert.ok(!existsSync(lock));
  });

  it("is not changed if git does not take it", async (t) => {
    const client = await start(t);
    const text = '[user]\n\tname = "hunter2\n';
    client.write(text);
    for (const args of [[], ["--dry-run"], ["extra"]]) {
      const { code, stdout, stderr } = await client.run("secrets", ["setup", "git", ...args]);
      assert.notEqual(code, 0);
      assert.doesNotMatch(stdout + stderr, /hunter2/);
    }
    assert.equal(client.read(), text);
  });

  it("is set up without git, too", async (t) => {
    const client = await start(t);
    client.write("[credential]\n\thelper = store\n");
    client.session.env.PATH = client.bin;
    const { stderr } = await client.setUp();
    assert.match(stderr, /git does not ask the helper store of file:\S+ any more/);
    assert.equal(client.read(), `[credential]\n\thelper = store\n${BLOCK}`);
  });
});
