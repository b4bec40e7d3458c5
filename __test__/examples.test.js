// The programs in examples/ do what they and their READMEs say, under every runtime.

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const { once } = require("node:events");
const { mkdirSync, readFileSync, symlinkSync } = require("node:fs");
const { createServer, get } = require("node:http");
const { join } = require("node:path");
const { createInterface } = require("node:readline");
const { text } = require("node:stream/consumers");
const { before, describe, it } = require("node:test");
const { stripVTControlCharacters } = require("node:util");
const { writeIdentity } = require("./support/age.js");
const { prepareFileStore } = require("./support/file-store.js");
const { exceptOnWine, linuxOnly } = require("./support/platform.js");
const { ways } = require("./support/programs.js");
const { bun, findDeno, node, root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");
const { runOnTerminal } = require("./support/terminal.js");

const TOKEN = "ghp_example";

const printed = (stdout) => ({ code: 0, signal: null, stdout, stderr: "" });
const failed = (stderr) => ({ code: 1, signal: null, stdout: "", stderr });

/** The path of an example's file. */
const fileOf = (name) => join(root, "examples", name, `${name}.mjs`);

/** The first console block of an example's README, and the commands in it. */
function readConsole(name) {
  const readme = readFileSync(join(root, "examples", name, "README.md"), "utf8");
  const [, block] = /```console\n(.*?)```/s.exec(readme);
  return { block, commands: [...block.matchAll(/^\$ (.*)$/gm)].map(([, command]) => command) };
}

/** The PATH on which the programs of the READMEs are. */
function pathOf(session) {
  const bin = join(session.directory, "bin");
  mkdirSync(bin);
  const [secrets] = ways.native("secrets");
  const programs = { node: node(22)[0], bun, deno: findDeno(), secrets };
  for (const [program, path] of Object.entries(programs)) symlinkSync(path, join(bin, program));
  return `${bin}:${session.env.PATH}`;
}

/** A server that accepts one token, which is octocat's; `count` tells how many requests it got. */
async function startApi(t) {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    const isKnown = request.url === "/user" && request.headers.authorization === `Bearer ${TOKEN}`;
    response.statusCode = request.url.startsWith("/broken/") ? 500 : isKnown ? 200 : 401;
    response.end(JSON.stringify({ login: "octocat" }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { address: `http://127.0.0.1:${server.address().port}`, count: () => requests };
}

describe("examples/login", () => {
  const notLoggedIn = failed("You are not logged in. Run the command login first.\n");

  /** The options of a test in which a runtime calls the server. Wine refuses the keep-alive that Node's fetch wants. */
  const calling = (name) => (name === "Bun" ? {} : exceptOnWine("a fetch in Node"));

  /** A session, a server to log in to, and a function that runs the example and checks that it shows no token. */
  async function prepare(t, options) {
    const api = await startApi(t);
    const session = await startSession(options);
    t.after(() => session.stop());
    session.env.GITHUB_API_URL = api.address;
    async function run([command, ...args], name, options) {
      const outcome = await session.run(command, [...args, fileOf("login"), name], options);
      assert.ok(!(outcome.stdout + outcome.stderr).includes("ghp_"), "the token is shown");
      return outcome;
    }
    return { api, session, run };
  }

  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`logs in, says who is logged in, and logs out under ${name}`, calling(name), async (t) => {
      const { run } = await prepare(t);
      assert.deepEqual(await run(runtime, "whoami"), notLoggedIn);
      assert.deepEqual(
        await run(runtime, "login", { input: `${TOKEN}\n` }),
        printed("Logged in as octocat.\n"),
      );
      assert.deepEqual(await run(runtime, "whoami"), printed("octocat\n"));
      assert.deepEqual(await run(runtime, "logout"), printed("Logged out.\n"));
      assert.deepEqual(await run(runtime, "whoami"), notLoggedIn);
      assert.deepEqual(await run(runtime, "logout"), printed("You were not logged in.\n"));
    });

    it(`stores no token that is not accepted under ${name}`, calling(name), async (t) => {
      const { api, run } = await prepare(t);
      const usage = failed("Usage: login.mjs login | whoami | logout\n");
      assert.deepEqual(await run(runtime, "toString"), usage);
      for (const [input, path, message] of [
        ["\n", "", "No token was entered. Nothing was stored."],
        ["ghp_other", "", `${api.address} does not accept the token. Log in with another one.`],
        [TOKEN, "/broken", `${api.address}/broken failed with status 500. Try again later.`],
        // Runtimes quote what no header can hold.
        ["ghp_€", "", `No request could be made to ${api.address}. Check the network and the token.`],
      ]) {
        const env = { GITHUB_API_URL: `${api.address}${path}` };
        assert.deepEqual(await run(runtime, "login", { input, env }), failed(`${message}\n`));
        assert.deepEqual(await run(runtime, "whoami", { env }), notLoggedIn);
      }
    });

    it(
      `shows nothing of the answer on a terminal under ${name}`,
      linuxOnly("a pseudo-terminal"),
      async (t) => {
        const { session, run } = await prepare(t);
        const command = [...runtime, fileOf("login"), "login"];
        const type = (text) => runOnTerminal(session, command, [["Token: ", text]], { NO_COLOR: "1" });
        for (const given of [`${TOKEN}\u0003`, "\u0004"]) {
          const shown = "Token: \nNo token was entered. Nothing was stored.\n";
          assert.deepEqual(await type(given), { shown, code: 1, kept: true });
        }
        assert.deepEqual(await run(runtime, "whoami"), notLoggedIn);
        const shown = "Token: \nLogged in as octocat.\n";
        assert.deepEqual(await type(`ghp_exampel\u007f\u007fle\r`), { shown, code: 0, kept: true });
        assert.deepEqual(await run(runtime, "whoami"), printed("octocat\n"));
      },
    );

    it(`says what to do about a locked store under ${name}`, linuxOnly("a bus"), async (t) => {
      const { session, run } = await prepare(t);
      await run(runtime, "login", { input: TOKEN });
      await session.lock();
      const unlock = failed(
        "The credential store is locked and cannot ask for its password here. Unlock it on your desktop first.\n",
      );
      const again = failed(
        "The credential store is still locked, because its prompt was closed. Run the command again to unlock it.\n",
      );
      for (const command of ["whoami", "logout"]) {
        assert.deepEqual(await run(runtime, command), unlock);
        // No prompter is installed, so gnome-keyring takes its prompt for closed.
        assert.deepEqual(await run(runtime, command, { env: { DISPLAY: ":99" } }), again);
      }
      assert.deepEqual(await run(runtime, "login", { input: TOKEN }), unlock);
    });

    it(`says what to do without a store under ${name}, which helps`, linuxOnly("a bus"), async (t) => {
      const { session, run } = await prepare(t, { bus: false });
      const { code, stdout, stderr } = await run(runtime, "login", { input: TOKEN });
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(
        stderr,
        /^The credential store cannot be reached, .*\nOn a machine without a desktop, use an encrypted file: run "npx os-secrets init" once and set OS_SECRETS_PROVIDER=file\.\n$/,
      );
      const [secrets, ...args] = ways.native("secrets");
      assert.equal((await session.run(secrets, [...args, "init"])).code, 0);
      session.env.OS_SECRETS_PROVIDER = "file";
      assert.deepEqual(await run(runtime, "login", { input: TOKEN }), printed("Logged in as octocat.\n"));
      assert.deepEqual(await run(runtime, "whoami"), printed("octocat\n"));
      assert.deepEqual(await run(runtime, "logout"), printed("Logged out.\n"));
    });
  }

  it("has one login for Node and Bun", calling("Node"), async (t) => {
    const { run } = await prepare(t);
    for (const [first, second] of [
      [node(22), [bun]],
      [[bun], node(22)],
    ]) {
      await run(first, "login", { input: TOKEN });
      assert.deepEqual(await run(second, "whoami"), printed("octocat\n"));
      assert.deepEqual(await run(second, "logout"), printed("Logged out.\n"));
      assert.deepEqual(await run(first, "whoami"), notLoggedIn);
    }
  });

  it("sends a token to no other server than its own", calling("Node"), async (t) => {
    const { run } = await prepare(t);
    const other = await startApi(t);
    await run(node(22), "login", { input: TOKEN });
    const env = { GITHUB_API_URL: other.address };
    assert.deepEqual(await run(node(22), "whoami", { env }), notLoggedIn);
    assert.equal(other.count(), 0);
  });

  it("does what its README shows", linuxOnly("a shell"), async (t) => {
    const { session } = await prepare(t);
    const { block, commands } = readConsole("login");
    const script = commands.map((command) => `cat <<'END'\n$ ${command}\nEND\n${command}\n`).join("");
    const bash = ["bash", "--norc", "-ec", `cd ${join(root, "examples", "login")}\n${script}`];
    const { shown } = await runOnTerminal(session, bash, [["Token: ", `${TOKEN}\r`]], {
      PATH: pathOf(session),
    });
    // Deno clears the lines of a progress bar.
    assert.equal(stripVTControlCharacters(shown).replace(/ $/gm, ""), block);
    assert.deepEqual(
      new Set(commands.map((command) => command.split(" ")[0])),
      new Set(["node", "bun", "deno"]),
    );
  });
});

describe("examples/server", () => {
  /** Starts the server by a command: its address, once it listens. */
  async function start(session, [command, ...args], options) {
    const child = session.start(command, args, options);
    child.stderr.resume();
    for await (const line of createInterface(child.stdout)) {
      const [, address] = /^Listening on (http:.*)$/.exec(line) ?? [];
      if (address) return address;
    }
    throw new Error("the server does not listen");
  }

  /** What the server answers: its status and text. */
  async function ask(address, authorization) {
    const [response] = await once(
      get(address, { headers: authorization ? { authorization } : {} }),
      "response",
    );
    return [response.statusCode, await text(response)];
  }

  /** A store for the server, and the environment that leads to it. */
  async function prepare(t) {
    const prepared = await prepareFileStore(t);
    const { session, path, identity } = prepared;
    Object.assign(session.env, { OS_SECRETS_FILE: path, OS_SECRETS_IDENTITY: identity.path, PORT: "0" });
    return prepared;
  }

  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`answers who sends its token under ${name}`, async (t) => {
      const { session, store } = await prepare(t);
      await store.set("my-server", "token", TOKEN);
      const address = await start(session, [...runtime, fileOf("server")]);
      assert.deepEqual(await ask(address, `Bearer ${TOKEN}`), [200, "Hello\n"]);
      for (const wrong of [undefined, "Bearer ", `Bearer ${TOKEN}x`]) {
        assert.deepEqual(await ask(address, wrong), [401, "Wrong token\n"]);
      }
    });

    it(`does not start without its token under ${name}`, async (t) => {
      const { session, store } = await prepare(t);
      const [command, ...args] = runtime;
      const run = (env) => session.run(command, [...args, fileOf("server")], { env });
      const missing =
        "The server cannot start. There is no token. Store one: npx os-secrets set --store file --service my-server token\n";
      assert.deepEqual(await run(), failed(missing));
      await store.set("my-server", "token", TOKEN);
      const other = writeIdentity(session.directory, "other");
      const { code, stdout, stderr } = await run({ OS_SECRETS_IDENTITY: other.path });
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, /^The server cannot start\. .*identity/);
    });
  }

  it("does what its README shows", linuxOnly("a shell"), async (t) => {
    const session = await startSession({ bus: false });
    t.after(() => session.stop());
    // The commands make files, so they run in a folder of the test.
    const cwd = join(session.directory, "server");
    mkdirSync(cwd);
    symlinkSync(fileOf("server"), join(cwd, "server.mjs"));
    const { block, commands } = readConsole("server");
    assert.match(block, /\nListening on http:\/\/127\.0\.0\.1:8080\n$/);
    const last = commands.pop();
    const bash = ["bash", "--norc", "-euc", `${commands.join("\n")}\nexec ${last}`];
    const env = { ...session.env, PATH: pathOf(session), PORT: "0" };
    const address = await start(session, bash, { cwd, env });
    assert.deepEqual(await ask(address, "Bearer example-token"), [200, "Hello\n"]);
  });
});

describe("crates/os-secrets/examples/login.rs", exceptOnWine("compilers, of Rust and TypeScript"), () => {
  const program = ways.native(join("examples", "login"))[0];
  before(() => {
    const args = ["build", "--quiet", "--locked", "--package", "os-secrets", "--example", "login"];
    execFileSync("cargo", args, { cwd: root });
  });

  it("stores a token, prints it, and deletes it", async (t) => {
    const session = await startSession();
    t.after(() => session.stop());
    const run = (command, input) => session.run(program, [command], { input });
    const notLoggedIn = failed("You are not logged in. Run the command login first.\n");
    assert.deepEqual(await run("token"), notLoggedIn);
    assert.deepEqual(await run("login", "\n"), failed("The token is empty. Nothing was stored.\n"));
    assert.deepEqual(await run("login", `${TOKEN}\n`), printed("Logged in.\n"));
    assert.deepEqual(await run("token"), printed(`${TOKEN}\n`));
    assert.deepEqual(await run("logout"), printed("Logged out.\n"));
    assert.deepEqual(await run("logout"), printed("You were not logged in.\n"));
    assert.deepEqual(await run("token"), notLoggedIn);
    assert.deepEqual(await run("other"), failed("Usage: login login | token | logout\n"));
  });

  it("says what to do about a locked store", linuxOnly("a bus"), async (t) => {
    const session = await startSession();
    t.after(() => session.stop());
    const run = (command, options) => session.run(program, [command], options);
    await run("login", { input: TOKEN });
    await session.lock();
    const locked = await run("token");
    assert.equal(locked.code, 1);
    assert.match(locked.stderr, /is locked and cannot ask for its password here\. Unlock it/);
    const closed = await run("token", { env: { DISPLAY: ":99" } });
    assert.equal(closed.code, 1);
    assert.match(closed.stderr, /is still locked, because its prompt was closed\. Run the command again/);
  });
});
