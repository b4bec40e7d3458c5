// Deadlines, signals and `interactive: false`: every call ends and says whether anything was changed.

const assert = require("node:assert/strict");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { secretsIn } = require("./support/client.js");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");
const { openStore, secrets } = require("..");

const key = { service: "bounds", name: "name" };
const nothing = /Nothing was changed\./;

describe("wrong bounds are refused at once", () => {
  const wrong = {
    signal: [null, 1, "x", true, {}, { aborted: false }, () => {}, [new AbortController().signal]],
    timeout: [null, "100", true, {}, 10n, Number.NaN, 0, -1, 0.5, 2 ** 31, Number.POSITIVE_INFINITY],
    interactive: [null, 0, 1, "false", {}],
  };
  for (const [property, values] of Object.entries(wrong)) {
    for (const value of values) {
      for (const method of ["get", "set", "delete"]) {
        it(`${method} with ${property} ${typeof value === "bigint" ? "10n" : JSON.stringify(value)}`, () => {
          const call = () => secrets[method]({ ...key, value: "value", [property]: value });
          assert.throws(call, (error) => {
            assert.ok(error instanceof TypeError);
            assert.match(error.code, /^ERR_INVALID_ARG_(TYPE|VALUE)$/);
            assert.ok(error.message.startsWith(`The property 'options.${property}' must be`), error.message);
            return true;
          });
          assert.throws(() => openStore()[method]({ ...key, value: "value", [property]: value }), TypeError);
        });
      }
    }
  }

  it("and are not read from Object.prototype, nor in the positional forms", () => {
    Object.assign(Object.prototype, { timeout: "x", signal: "x", interactive: "x" });
    try {
      for (const call of [() => secrets.get(key), () => secrets.get("s", "n")]) call().catch(() => {});
    } finally {
      for (const property of ["timeout", "signal", "interactive"]) delete Object.prototype[property];
    }
  });
});

for (const [name, runtime] of Object.entries(runtimes)) {
  describe(`bounds under ${name}`, () => {
    let session;
    let keyring;
    let ours;
    before(async () => {
      session = await startSession({ keyring: false });
      if (!isWindows) keyring = await session.startKeyring();
      ours = secretsIn(session, runtime, "os-secrets");
      await ours.set({ ...key, value: "value" });
    });
    after(() => session.stop());

    /** Runs a body while the keyring is stopped and does not answer. */
    async function withStoppedKeyring(body) {
      keyring.kill("SIGSTOP");
      try {
        await body();
      } finally {
        keyring.kill("SIGCONT");
      }
    }

    it(
      "a deadline passes on a service that does not answer, and the next call works",
      linuxOnly("a bus"),
      async () => {
        const late = { name: "TimeoutError", code: "ERR_SECRETS_TIMEOUT" };
        await withStoppedKeyring(async () => {
          await assert.rejects(ours.get({ ...key, timeout: 600 }), { ...late, message: /within 600 ms/ });
          // The call had only searched for the item.
          await assert.rejects(ours.set({ ...key, value: "late", timeout: 600 }), {
            ...late,
            message: nothing,
          });
          await assert.rejects(ours.delete({ ...key, name: "x", timeout: 600 }), {
            ...late,
            message: nothing,
          });
        });
        assert.equal(await ours.get(key), "value");
      },
    );

    it("a deadline that is kept changes nothing", async () => {
      assert.equal(await ours.get({ ...key, timeout: 60_000 }), "value");
      assert.equal(await ours.get({ ...key, timeout: 2 ** 31 - 1, interactive: true }), "value");
    });

    it("a signal that has fired keeps the call from being sent", async () => {
      const aborted = { name: "AbortError", code: "ABORT_ERR", cause: "the reason" };
      await assert.rejects(ours.abortedGet(key), { ...aborted, message: "The call was aborted." });
      const message = "The call was aborted. Nothing was changed.";
      await assert.rejects(ours.abortedSet({ ...key, value: "other" }), { ...aborted, message });
      await assert.rejects(ours.abortedDelete(key), { ...aborted, message });
      assert.equal(await ours.get(key), "value");
    });

    it("a signal that fires ends a call that waits, and the next one works", linuxOnly("a bus"), async () => {
      await withStoppedKeyring(async () => {
        const aborted = { name: "AbortError", code: "ABORT_ERR", cause: "the reason" };
        await assert.rejects(ours.abortingGet(key), { ...aborted, message: "The call was aborted." });
        const message = "The call was aborted. Nothing was changed.";
        await assert.rejects(ours.abortingSet({ ...key, value: "other" }), { ...aborted, message });
      });
      assert.equal(await ours.get(key), "value");
    });

    /** Makes fifty calls with one signal. Returns the printed outcomes. */
    async function runWithSignal(...words) {
      const [command, ...args] = runtime;
      const program = join(root, "__test__", "programs", "one-signal.js");
      const { code, stdout, stderr } = await session.run(command, [...args, program, ...words]);
      assert.deepEqual([code, stderr], [0, ""]);
      return stdout.trim();
    }

    it("many calls have one signal, and nothing warns of that", async () => {
      assert.equal(await runWithSignal(), "value 50");
    });

    it("one signal ends many calls", linuxOnly("a bus"), () =>
      withStoppedKeyring(async () => assert.equal(await runWithSignal("abort"), "ABORT_ERR 50")),
    );

    it("OS_SECRETS_TIMEOUT is the deadline of each message", linuxOnly("a bus"), async () => {
      const hasty = secretsIn(session, runtime, "os-secrets", { env: { OS_SECRETS_TIMEOUT: "1500" } });
      await withStoppedKeyring(() =>
        assert.rejects(hasty.get(key), {
          code: "ERR_SECRETS_TIMEOUT",
          message: /within 1500 ms \(OpenSession\)/,
        }),
      );
      assert.equal(await hasty.get(key), "value");
      await withStoppedKeyring(() =>
        assert.rejects(hasty.get(key), {
          code: "ERR_SECRETS_TIMEOUT",
          message: /within 1500 ms \(SearchItems\)/,
        }),
      );
      assert.equal(await hasty.get(key), "value");
      const wrong = secretsIn(session, runtime, "os-secrets", { env: { OS_SECRETS_TIMEOUT: "soon" } });
      await assert.rejects(wrong.get(key), {
        code: "ERR_SECRETS_INVALID_SETTING",
        message: /OS_SECRETS_TIMEOUT/,
      });
    });

    it("interactive: false does not matter where nobody must be asked", async () => {
      assert.equal(await ours.get({ ...key, interactive: false }), "value");
      await ours.set({ ...key, value: "value", interactive: false });
    });

    it("interactive: false rejects on a locked store, and changes nothing", linuxOnly("a bus"), async () => {
      await session.lock();
      const refused = { name: "Error", code: "ERR_SECRETS_INTERACTION_NOT_ALLOWED" };
      await assert.rejects(ours.get({ ...key, interactive: false }), refused);
      await assert.rejects(ours.set({ ...key, value: "other", interactive: false }), refused);
      await assert.rejects(ours.delete({ ...key, interactive: false }), refused);
      await session.end(keyring);
      keyring = await session.startKeyring();
      assert.equal(await ours.get(key), "value");
    });
  });
}
