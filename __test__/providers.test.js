// Every provider of openStore keeps the same contract.

const assert = require("node:assert/strict");
const { mkdirSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { newIdentity } = require("./support/age.js");
const { passwordStoreIn } = require("./support/helpers.js");
const { runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const program = join(__dirname, "programs", "conformance.js");

/** Each provider: what it needs in a session, and the options that open it. */
const providers = {
  os: { needs: { bus: true }, options: () => ({ provider: "os" }) },
  memory: { options: () => ({ provider: "memory" }) },
  "file, with an identity,": {
    options: (folder) => ({ provider: "file", path: `${folder}/secrets.age`, identity: newIdentity().text }),
  },
  "file, with a passphrase,": {
    options: (folder) => ({ provider: "file", path: `${folder}/secrets.age`, passphrase: "correct horse" }),
  },
  "exec, over docker-credential-secretservice,": {
    needs: { bus: true },
    options: () => ({ provider: "exec", command: "/usr/bin/docker-credential-secretservice" }),
    text: true,
  },
  "exec, over docker-credential-pass,": {
    prepare: passwordStoreIn,
    options: () => ({ provider: "exec", command: "/usr/bin/docker-credential-pass" }),
    text: true,
    slow: true,
  },
};

for (const [name, { needs = { bus: false }, prepare, options, text, slow }] of Object.entries(providers)) {
  describe(`the provider ${name} conforms`, () => {
    // What is slow is run under one runtime of each kind.
    const chosen = Object.entries(runtimes).filter(
      ([runtime]) => !slow || ["Node 22", "Bun"].includes(runtime),
    );
    for (const [runtime, [command, ...args]] of chosen) {
      it(`under ${runtime}`, async (t) => {
        const session = await startSession(needs);
        t.after(() => session.stop());
        await prepare?.(session);
        const folder = join(session.directory, "store");
        mkdirSync(folder, { mode: 0o700 });
        const words = [program, JSON.stringify(options(folder)), text ? "text" : ""];
        const { code, stdout, stderr } = await session.run(command, [...args, ...words]);
        assert.deepEqual({ code, stdout }, { code: 0, stdout: "conforms\n" }, stderr);
      });
    }
  });
}
