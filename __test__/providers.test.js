// Every provider of openStore has the same contract.

const assert = require("node:assert/strict");
const { mkdirSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { makeIdentity } = require("./support/age.js");
const { makePasswordStore } = require("./support/helpers.js");
const { isMac, isWindows, linuxOnly } = require("./support/platform.js");
const { ways } = require("./support/programs.js");
const { runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const program = join(__dirname, "programs", "conformance.js");

const helpers = linuxOnly("Docker's credential helpers");

/** For each provider: what its session needs, the options that open it, and its kind in conformance.js. */
const providers = {
  os: {
    needs: { bus: true },
    options: () => ({ provider: "os" }),
    kind: isWindows ? "windows" : isMac ? "keychain" : "whole",
  },
  memory: { options: () => ({ provider: "memory" }) },
  "file, with an identity,": {
    options: (folder) => ({
      provider: "file",
      path: join(folder, "secrets.age"),
      identity: makeIdentity().text,
    }),
  },
  "file, with a passphrase,": {
    options: (folder) => ({
      provider: "file",
      path: join(folder, "secrets.age"),
      passphrase: "correct horse",
    }),
  },
  "exec, over docker-credential-secretservice,": {
    needs: { bus: true },
    options: () => ({ provider: "exec", command: "/usr/bin/docker-credential-secretservice" }),
    kind: "helper",
    only: helpers,
  },
  "exec, over docker-credential-pass,": {
    prepare: makePasswordStore,
    options: () => ({ provider: "exec", command: "/usr/bin/docker-credential-pass" }),
    kind: "helper",
    only: helpers,
    slow: true,
  },
  "exec, over docker-credential-os-secrets,": {
    needs: { bus: true },
    options: (_, { env }) => ({
      provider: "exec",
      command: ways.native("docker-credential-os-secrets")[0],
      // The model of Keychain has variables of its own.
      env: Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith("KEYCHAIN_"))),
    }),
    kind: isWindows ? "ownHelperOnWindows" : "ownHelper",
    // Starting a program takes long under Wine. On the model of macOS there is one runtime only.
    slow: isMac ? false : ["Node 22"],
  },
};

for (const [name, provider] of Object.entries(providers)) {
  const { needs = { bus: false }, prepare, options, kind = "whole", only = {}, slow } = provider;
  describe(`the provider ${name} conforms`, only, () => {
    // Slow providers run under only two runtimes, or those that they name.
    const few = slow === true ? ["Node 22", "Bun"] : slow;
    const chosen = Object.entries(runtimes).filter(([runtime]) => !few || few.includes(runtime));
    for (const [runtime, [command, ...args]] of chosen) {
      it(`under ${runtime}`, async (t) => {
        const session = await startSession(needs);
        t.after(() => session.stop());
        await prepare?.(session);
        const folder = join(session.directory, "store");
        mkdirSync(folder, { mode: 0o700 });
        const words = [program, JSON.stringify(options(folder, session)), kind];
        const { code, stdout, stderr } = await session.run(command, [...args, ...words]);
        assert.deepEqual({ code, stdout }, { code: 0, stdout: "conforms\n" }, stderr);
      });
    }
  });
}
