// The examples of the manual that no other test runs: those in JavaScript, the commands for a shell, and the encrypted
// file's contents. None is left out: a block that nothing runs fails.

const assert = require("node:assert/strict");
const { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { place } = require("../tools/install.js");
const { writeIdentity } = require("./support/age.js");
const { blocks, examples, manual, read, sectionExamples } = require("./support/documents.js");
const { printedBy } = require("./support/example.js");
const { listItems } = require("./support/items.js");
const { linuxOnly } = require("./support/platform.js");
const { ways } = require("./support/programs.js");
const { node, root } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");
const { writeSshKey } = require("./support/ssh.js");
const { isOfProject } = require("./support/test-runners.js");

const [runtime] = node(22);
const [secrets] = ways.native("secrets");

/** A session with a project that has the package installed, and the programs and Node on its path. */
async function prepare(t, options) {
  const session = await startSession(options);
  t.after(() => session.stop());
  const project = join(session.directory, "project");
  mkdirSync(join(project, "node_modules", ".bin"), { recursive: true });
  symlinkSync(root, join(project, "node_modules", "os-secrets"));
  symlinkSync(join(root, "bin", "os-secrets.js"), join(project, "node_modules", ".bin", "os-secrets"));
  const bin = join(session.directory, "bin");
  mkdirSync(bin);
  session.env.PATH = [bin, join(secrets, ".."), join(runtime, ".."), session.env.PATH].join(":");
  /** Puts a program on the path. */
  const install = (name, script) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o700);
  };
  /** Runs a script in the project: what it prints, on both outputs. */
  const run = async (script, how = {}) => {
    const words = ["--norc", "-euc", `exec 2>&1\n${script}`];
    const { code, stdout } = await session.run("bash", words, { cwd: project, ...how });
    assert.equal(code, 0, stdout);
    return stdout;
  };
  return { session, project, install, run };
}

/** A project whose own test reads a credential and prints what comes of it. */
async function prepareTest(t) {
  const prepared = await prepare(t, { bus: false });
  const { project } = prepared;
  writeFileSync(join(project, "package.json"), '{ "scripts": { "test": "node test.js" } }');
  writeFileSync(
    join(project, "test.js"),
    `const { secrets } = require("os-secrets");
     const told = (call) => call.then(console.log, ({ code }) => console.log(code));
     told(secrets.set("s", "n", "kept").then(() => secrets.get("s", "n")));`,
  );
  return prepared;
}

/** A repository with an encrypted file, which holds a secret. */
async function prepareRepository(t) {
  const prepared = await prepare(t, { bus: false });
  const { session, run } = prepared;
  session.env.OS_SECRETS_IDENTITY = writeIdentity(session.directory).path;
  await run(`git init -q -b main; git config user.name x; git config user.email x@example.com
    echo node_modules >.gitignore; mkdir ci; printf 1 | secrets set -q --store ci/secrets.age first
    git add .; git commit -qm first`);
  return prepared;
}

/** The commands for a shell, by their pages: what shows that each works, in the order of the page. */
const commands = {
  "docs/keytar.md": [
    async (command, t) => {
      const { run, session } = await prepare(t);
      const attributes = "xdg:schema org.freedesktop.Secret.Generic service my-cli-tool account github-token";
      const label = "my-cli-tool/github-token";
      await session.run("secret-tool", ["store", "--label", label, ...attributes.split(" ")], {
        input: "old",
      });
      // The package is there, so nothing is downloaded.
      const env = { npm_config_offline: "true" };
      assert.match(await run(command, { env }), /^copied github-token$/m);
      assert.equal(await run("secrets get --service my-cli-tool github-token"), "old\n");
    },
  ],
  "docs/file-store.md": [
    async (command, t) => {
      const { run } = await prepare(t, { bus: false });
      const env = { XDG_CONFIG_HOME: "", XDG_DATA_HOME: "" };
      await run("secrets init; printf ghp_example | secrets set --store file token", { env });
      assert.deepEqual(JSON.parse(await run(command, { env })).credentials, {
        "os-secrets": { token: "ghp_example" },
      });
    },
    async (command, t) => {
      const { run, session, project } = await prepare(t, { bus: false });
      const env = { HOME: session.directory };
      const { path } = writeSshKey(project, "colleague", ["-t", "ed25519"]);
      mkdirSync(join(session.directory, ".ssh"), { mode: 0o700 });
      copyFileSync(path, join(session.directory, ".ssh", "id_ed25519"));
      await run("secrets init; printf ghp_example | secrets set --store file deploy-token", { env });
      assert.match(await run(command, { env }), /ghp_example\n$/);
    },
    async (command, t) => {
      const { run, session } = await prepare(t, { bus: false });
      const env = { PATH: `${place("age-plugins")}:${session.env.PATH}` };
      await run(command, { env });
      const get = "OS_SECRETS_IDENTITY=./identity secrets get --store file deploy-token";
      assert.match(await run(get, { env }), /ghp_example\n$/);
    },
    async (command, t) => {
      const { run, session } = await prepare(t);
      await run("secrets init; printf ghp_example | secrets set --store file token");
      const printed = await run(`${command}secrets get --store file token`);
      assert.match(printed, /ghp_example\n$/);
      assert.deepEqual(
        (await listItems(session)).map(({ label }) => label),
        ["os-secrets/identity"],
      );
    },
    async (command, t) => {
      const { run } = await prepareRepository(t);
      await run(command);
      await run(
        "git add .; git commit -qm attributes; printf x | secrets set -q --store ci/secrets.age second",
      );
      assert.match(await run("git diff"), /^ secret os-secrets\/first$\n^\+secret os-secrets\/second$/m);
      assert.equal(await run("git status --porcelain"), " M ci/secrets.age\n");
      // Without a key, git goes on.
      const env = { OS_SECRETS_IDENTITY: "", XDG_CONFIG_HOME: "/none" };
      const shown = await run("git diff HEAD; git log -p --format=%s", { env });
      assert.match(shown, /^\+\(There is nothing to unlock the store.s file/m);
    },
    async (command, t) => {
      const { run } = await prepareRepository(t);
      await run(examples("docs/file-store.md", "sh")[4]);
      const set = (...pairs) =>
        pairs
          .map(([name, value]) => `printf ${value} | secrets set -q --store ci/secrets.age ${name}`)
          .join("\n");
      const merged = await run(`git add .; git commit -qm attributes; git checkout -qb theirs
        ${set(["theirs", "t"], ["both", "t"])}; git commit -qam theirs; git checkout -q main
        ${set(["ours", "o"], ["both", "o"])}; git commit -qam ours; git merge theirs || echo conflict`);
      assert.match(merged, /^CONFLICT .*ci\/secrets\.age\n.*\nconflict$/m);
      // A secret that has two values is an exit code of 1.
      const printed = await run(`set +e\n${command}`);
      assert.match(printed, /os-secrets\/both was not copied: a different value is stored/);
      await run("git commit -qm merged");
      const got =
        "for name in both first ours theirs; do secrets get -C . --store ci/secrets.age $name 2>/dev/null; done";
      assert.equal(await run(got), "o\n1\no\nt\n");
      assert.equal(await run("git status --porcelain"), "");
    },
  ],
  "docs/linux.md": [
    async (command, t) => {
      const { install, run } = await prepare(t, { bus: false });
      install(
        "my-cli-tool",
        "secrets get token >before; printf kept | secrets set token; secrets get token >after",
      );
      const env = { KEYRING_PASSWORD: "a %s word" };
      await run(command, { env });
      assert.deepEqual(await run("cat before; echo; cat after"), "\nkept\n");
      // The keyring that it has made opens again, with its password.
      await run(command, { env });
      assert.deepEqual(await run("cat before"), "kept\n");
    },
    async (command, t) => {
      const { run, session } = await prepare(t, { keyring: false, bus: true });
      const first = await session.startKeyring({ password: "right" });
      await run("printf kept | secrets set token");
      await session.end(first);
      await session.startKeyring({ password: null });
      // In the foreground it ends with the session.
      const words = command.trim().replace("--components", "--foreground --components").split(" ");
      session.start(words[0], words.slice(1)).stdin.end("right");
      await run("for i in $(seq 100); do secrets get token && exit; sleep 0.1; done; exit 1");
    },
  ],
  "docs/testing.md": [
    async (command, t) => {
      const { run } = await prepareTest(t);
      assert.match(await run(command), /^kept$/m);
    },
    async (command, t) => {
      const { run } = await prepareTest(t);
      assert.match(await run(command), /^kept$/m);
    },
    async (command, t) => {
      const { run } = await prepareTest(t);
      assert.match(await run(command), /^ERR_SECRETS_PLATFORM_ERROR$/m);
    },
  ],
};

/** What other tests take of each page, by language. */
const elsewhere = {
  "docs/api.md": ["javascript"],
  // What is installed is tested in __test__/install/.
  "README.md": ["console", "sh", "toml"],
  "docs/keytar.md": ["json"],
  "docs/helpers.md": ["bash", "hcl", "ini", "json", "text", "toml", "yaml"],
  "docs/program.md": ["bash", "console", "json", "toml"],
  "docs/platforms.md": ["bash", "json"],
  "docs/servers.md": ["console", "dockerfile", "ini", "toml", "yaml"],
  "docs/testing.md": ["console"],
};

describe("the manual", () => {
  it("has no example that nothing runs", () => {
    for (const page of manual) {
      const here = [
        "js",
        ...(commands[page] ? ["sh"] : []),
        ...(page === "docs/file-store.md" ? ["json"] : []),
      ];
      const known = [...here, ...(elsewhere[page] ?? [])];
      for (const { language, text } of blocks(read(page))) {
        assert.ok(known.includes(language), `${page}: ${language}\n${text}`);
      }
      assert.equal(
        examples(page, "sh").length,
        commands[page]?.length ?? (page === "README.md" ? 1 : 0),
        page,
      );
    }
  });

  it("installs the package by its name", () => {
    assert.deepEqual(examples("README.md", "sh"), [`npm install ${require("../package.json").name}\n`]);
  });
});

describe("the commands of the manual", linuxOnly("a shell"), () => {
  for (const [page, tests] of Object.entries(commands)) {
    for (const [index, test] of tests.entries()) {
      it(`${page}, number ${index + 1}`, (t) => test(examples(page, "sh")[index], t));
    }
  }
});

describe("the examples in JavaScript", linuxOnly("a shell"), () => {
  for (const page of manual) {
    for (const [index, source] of examples(page, "js").entries()) {
      // Those for test runners are in test-runners.test.js, here and in __test__/install/.
      if (isOfProject(source)) continue;
      it(`${page}, number ${index + 1}`, async (t) => {
        const { session, project, install, run } = await prepare(t);
        const { path: identity } = writeIdentity(session.directory);
        await run("printf sk-example | secrets set openai_api_key");
        install("my-server", '[ "$OPENAI_API_KEY" = sk-example ] || echo wrong >&2');
        const file = join(project, "main.mjs");
        writeFileSync(file, source.replaceAll("/var/lib/my-server", join(session.directory, "own")));
        const env = { OS_SECRETS_IDENTITY: identity, OPENAI_API_KEY: "secret:openai_api_key" };
        const { code, stdout, stderr } = await session.run(runtime, [file], { cwd: project, env });
        assert.deepEqual({ code, stderr }, { code: 0, stderr: "" }, stdout);
        // What node:test prints is its own.
        if (source.includes("node:test")) return assert.match(stdout, /pass 1\n.*fail 0\n/s);
        const expected = printedBy(source);
        const printed = stdout.split("\n").slice(0, -1);
        assert.deepEqual(
          printed.map((line, at) => (expected[at] === undefined ? undefined : line)),
          expected,
        );
      });
    }
  }
});

it(
  "the worker of synchronous calls passes errors on, and runs in no other worker",
  linuxOnly("a shell"),
  async (t) => {
    const { session, project } = await prepare(t, { bus: false });
    const [source] = sectionExamples("docs/api.md", "Synchronous calls", "js");
    const [functions] = source.split("\nconst key =");
    writeFileSync(join(project, "sync.mjs"), `${functions}\nexport { callSync };`);
    writeFileSync(
      join(project, "main.mjs"),
      `import { isMainThread, Worker } from "node:worker_threads";
     if (isMainThread) {
       const workerData = { call: "of another module" };
       for (const options of [{ workerData }, {}]) new Worker(new URL(import.meta.url), options);
     } else {
       const { callSync } = await import("./sync.mjs");
       for (const service of ["s", 5]) {
         try {
           callSync("get", { service, name: "n", timeout: 60_000 });
         } catch (error) {
           console.log(error instanceof Error, error.name, error.code, error.reason);
         }
       }
     }`,
    );
    const { stdout, stderr } = await session.run(runtime, ["main.mjs"], { cwd: project });
    const expected = [
      "true Error ERR_SECRETS_PLATFORM_ERROR no-bus",
      "true TypeError ERR_INVALID_ARG_TYPE undefined",
    ];
    assert.deepEqual(stdout.split("\n").sort(), ["", ...expected, ...expected].sort(), stderr);
  },
);

it(
  "the contents of an encrypted file that docs/file-store.md shows can be read",
  linuxOnly("a shell"),
  async (t) => {
    const { run, session, project } = await prepare(t, { bus: false });
    const { path: identity, recipient } = writeIdentity(session.directory);
    const [json] = examples("docs/file-store.md", "json");
    mkdirSync(join(project, "own"), { mode: 0o700 });
    writeFileSync(join(project, "secrets.json"), json);
    await run(`umask 077; age --encrypt --recipient ${recipient} --output own/secrets.age secrets.json`);
    writeFileSync(
      join(project, "main.cjs"),
      `const store = require("os-secrets").openStore({ provider: "file", path: "own/secrets.age" });
     const encoding = "buffer";
     (async () => {
       for (const key of await store.list()) console.log(key.service, key.name, await store.get({ ...key, encoding }));
     })();`,
    );
    const env = { OS_SECRETS_IDENTITY: identity };
    assert.equal(
      await run("node main.cjs", { env }),
      "my-cli-tool github-token <Buffer 67 68 70 5f 65 78 61 6d 70 6c 65>\nmy-vpn key <Buffer 00 01 02 03 04 05>\n",
    );
  },
);
