// Programs that ask os-secrets for their credentials: a session for them, on each kind of store.

const { mkdirSync, rmSync, symlinkSync, writeFileSync } = require("node:fs");
const assert = require("node:assert/strict");
const { delimiter, join } = require("node:path");
const { describe } = require("node:test");
const { bin: programs } = require("../../package.json");
const { ways } = require("./programs.js");
const { startSession } = require("./session.js");

/** The names of the program, among them those under which it answers clients. */
const names = Object.keys(programs);

/** The kinds of store, each with what starts a session on it. */
const stores = {
  "gnome-keyring": {
    start: () => startSession(),
    lock: ({ session }) => session.lock(),
    /** The service that keeps the store ends, and no other one starts. */
    end: ({ session }) => session.endOwner(),
  },
  "the encrypted file": {
    async start() {
      const session = await startSession({ bus: false });
      const folder = join(session.configuration, "os-secrets");
      mkdirSync(folder, { mode: 0o700 });
      // Clients do not pass on every variable. The settings file needs none.
      writeFileSync(join(folder, "config.toml"), 'store = "file"\n', { mode: 0o600 });
      return session;
    },
    /** Nothing unlocks a file without its identity. */
    lock: ({ session }) => rmSync(join(session.configuration, "os-secrets", "identity")),
    /** The settings name the operating system's store, and there is none. */
    end: ({ session }) =>
      writeFileSync(join(session.configuration, "os-secrets", "config.toml"), 'store = "os"\n'),
  },
};

/** Defines tests of a client on each kind of store. `define` gets a function that starts a session for one test. */
function describeClient(client, define) {
  for (const [name, store] of Object.entries(stores)) {
    describe(`${client} on ${name}`, () => define((t) => startClientSession(t, store)));
  }
}

/**
 * Starts a session in which the programs are on the PATH. Returns it with functions:
 *
 *   run(command, args, options)          runs a program: { code, signal, stdout, stderr }
 *   succeed(command, args, options)      the same; it must end with 0. Returns its standard output
 *   store(service, name, value)          stores a credential
 *   read(service, name)                  its value, or null
 *   lock(), end()                        locks the store; makes it unreachable
 */
async function startClientSession(t, store) {
  const session = await store.start();
  t.after(() => session.stop());
  const bin = join(session.directory, "bin");
  mkdirSync(bin);
  const [program] = ways.native("secrets");
  for (const name of names) symlinkSync(program, join(bin, name));
  session.env.PATH = `${bin}${delimiter}${session.env.PATH}`;
  const run = (command, args, options) => session.run(command, args, { cwd: session.home, ...options });
  const succeed = async (command, args, options) => {
    const { code, stdout, stderr } = await run(command, args, options);
    assert.equal(code, 0, `${command} ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const client = {
    session,
    bin,
    run,
    succeed,
    store: (service, name, input) =>
      succeed("secrets", ["set", "--raw", "--service", service, name], { input }),
    async read(service, name) {
      const { code, stdout, stderr } = await run("secrets", ["get", "--raw", "--service", service, name]);
      if (code === 0) return stdout;
      assert.equal(code, 1, stderr);
      return null;
    },
    lock: async () => store.lock({ session }),
    end: async () => store.end({ session }),
  };
  if (store === stores["the encrypted file"]) await succeed("secrets", ["init"]);
  return client;
}

/** Starts a client's session for a test that needs only one kind of store. */
const startClient = (t) => startClientSession(t, stores["the encrypted file"]);

module.exports = { describeClient, startClient, startClientSession, stores };
