// `update` replaces a credential while no other process or task updates it.

const assert = require("node:assert/strict");
const { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { openStore, secrets } = require("..");
const { prepareFileStore } = require("./support/file-store.js");
const { writeHelper } = require("./support/helpers.js");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { commands, node, root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");
const { startTokenServer } = require("./support/token-server.js");

const key = { service: "my-tool", name: "refresh-token" };
const PROCESSES = 20;
const ROUNDS = 2;

/** Starts a session that ends with the test. */
async function prepareSession(t, options) {
  const session = await startSession(options);
  t.after(() => session.stop());
  return session;
}

/** Starts a program of `programs/`, which is talked to in lines. */
function startProgram(session, [command, ...args], program, ...rest) {
  return session.startInLines(command, [...args, join(__dirname, "programs", program), ...rest]);
}

/** Runs a program in a session that has `store`, `key`, and `fail`, which returns the error of a call. */
async function runWithStore(session, [command, ...args], options, source) {
  const file = join(session.directory, "program.cjs");
  const head = `
    const assert = require("node:assert/strict");
    const { openStore, secrets } = require(${JSON.stringify(root)});
    const key = ${JSON.stringify(key)};
    const store = openStore(${JSON.stringify(options)});
    const fail = (call) => call.then((value) => assert.fail("it resolved to " + value), (error) => error);`;
  writeFileSync(file, `${head}\n(async () => {${source}})();`);
  const { code, stderr } = await session.run(command, [...args, file]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
}

/** The stores that processes share, each with the session and the options of `openStore`. */
const shared = {
  async "the operating system's store"(t) {
    return { session: await prepareSession(t), options: { provider: "os" } };
  },
  async "an encrypted file"(t) {
    const { session, path, identity } = await prepareFileStore(t);
    return { session, options: { provider: "file", path, identity: identity.path } };
  },
};

describe("update", () => {
  for (const [name, prepare] of Object.entries(shared)) {
    it(`loses no token of ${PROCESSES} processes that refresh it, in ${name}`, async (t) => {
      const { session, options } = await prepare(t);
      const server = await startTokenServer(t);
      await runWithStore(session, node(22), options, `await store.set({ ...key, value: "token 0" });`);
      const processes = Array.from({ length: PROCESSES }, (_, at) => {
        const args = [server.url, `${ROUNDS}`, JSON.stringify(options)];
        return startProgram(session, commands[at % commands.length], "refresh.js", ...args);
      });
      for (const { readLine } of processes) assert.equal(await readLine(), "ready");
      for (const { child } of processes) child.stdin.end("go\n");
      for (const { closed } of processes)
        assert.deepEqual(await closed, { code: 0, signal: null, stderr: "" });
      assert.deepEqual(server.refused, []);
      assert.equal(server.exchanged, PROCESSES * ROUNDS);
      const check = `assert.equal(await store.get(key), ${JSON.stringify(server.current)});`;
      await runWithStore(session, node(22), options, check);
    });

    it(`is not held up by a process that was killed, in ${name}`, async (t) => {
      const { session, options } = await prepare(t);
      const holder = startProgram(session, node(22), "hold-update.js", JSON.stringify(options));
      assert.equal(await holder.readLine(), "updating");
      const blocked = `
        const error = await fail(store.update({ ...key, timeout: 100 }, () => "lost"));
        assert.deepEqual([error.name, error.code], ["TimeoutError", "ERR_SECRETS_TIMEOUT"]);
        assert.match(error.message, /Another update .* did not end within 100 ms/);
        assert.equal(await store.get(key), null);`;
      await runWithStore(session, node(22), options, blocked);
      holder.child.kill("SIGKILL");
      await holder.closed;
      await runWithStore(
        session,
        node(22),
        options,
        `assert.equal(await store.update(key, () => "new"), "new");`,
      );
    });

    it(`holds up neither set nor delete, in ${name}`, async (t) => {
      const { session, options } = await prepare(t);
      const source = `
        const stored = await store.update(key, async (old) => {
          await store.set({ ...key, value: "set" });
          assert.equal(await store.delete(key), true);
          await store.set({ ...key, name: "another", value: "set" });
          return "updated";
        });
        assert.deepEqual([stored, await store.get(key)], ["updated", "updated"]);`;
      await runWithStore(session, node(22), options, source);
    });
  }

  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`is not held up by a worker thread that has ended, under ${name}`, async (t) => {
      const { session, path, identity } = await prepareFileStore(t);
      const options = { provider: "file", path, identity: identity.path };
      const holder = startProgram(session, runtime, "hold-update.js", JSON.stringify(options), "worker");
      assert.equal(await holder.readLine(), "updating");
      const update = (timeout) => openStore(options).update({ ...key, timeout }, () => "new");
      await assert.rejects(update(100), { code: "ERR_SECRETS_TIMEOUT" });
      holder.child.stdin.end("end\n");
      assert.equal(await holder.readLine(), "ended");
      assert.equal(await update(60_000), "new");
    });

    it(`stores what its function returns, under ${name}`, async (t) => {
      const session = await prepareSession(t, { bus: false });
      const source = `
        const seen = [];
        const update = (value, options = key) => store.update(options, (old) => (seen.push(old), value));
        assert.equal(await update("one"), "one");
        assert.equal(await update(Promise.resolve("two")), "two");
        assert.equal(await update(undefined), "two");
        assert.equal(await store.get(key), "two");
        assert.equal(await update(null), null);
        assert.equal(await update(undefined), null);
        assert.equal(await update("three"), "three");
        assert.equal(await update(""), null);
        assert.equal(await store.has(key), false);
        assert.deepEqual(seen, [null, "one", "two", "two", null, null, "three"]);
        assert.equal(await update("a\\ud800"), "a\\ufffd");
        const buffer = { ...key, encoding: "buffer" };
        const stored = await update(Uint8Array.of(0, 255), buffer);
        assert.deepEqual([Buffer.isBuffer(stored), ...stored], [true, 0, 255]);
        assert.deepEqual([...await update(undefined, buffer)], [0, 255]);
        const altered = await store.update(buffer, (old) => void old.fill(1));
        assert.deepEqual([Buffer.isBuffer(altered), ...altered], [true, 0, 255]);
        assert.deepEqual([...await store.get(buffer)], [0, 255]);
        assert.equal((await fail(update("x"))).code, "ERR_SECRETS_INVALID_DATA");
        assert.equal(await update(new Uint8Array(0), buffer), null);`;
      await runWithStore(session, runtime, { provider: "memory" }, source);
    });

    it(`changes nothing if its function fails, under ${name}`, async (t) => {
      const session = await prepareSession(t, { bus: false });
      const source = `
        await store.set({ ...key, value: "old" });
        const own = new Error("own");
        own.stack = "own stack";
        for (const error of [own, "text", undefined, null]) {
          assert.equal(await fail(store.update(key, () => { throw error; })), error);
          assert.equal(await fail(store.update(key, () => Promise.reject(error))), error);
        }
        assert.equal(own.stack, "own stack");
        for (const value of [5, true, {}, [], Symbol.iterator, () => {}, Buffer.from("x"), new String("x")]) {
          const { name, code } = await fail(store.update(key, () => value));
          assert.deepEqual([name, code], ["TypeError", "ERR_INVALID_ARG_TYPE"]);
        }
        const gone = new Uint8Array(8);
        structuredClone(gone.buffer, { transfer: [gone.buffer] });
        assert.equal((await fail(store.update({ ...key, encoding: "buffer" }, () => gone))).code, "ERR_INVALID_ARG_VALUE");
        assert.equal((await fail(store.update(key, () => "a\\0b"))).code, "ERR_INVALID_ARG_VALUE");
        assert.equal(await store.get(key), "old");`;
      await runWithStore(session, runtime, { provider: "memory" }, source);
    });

    it(`runs one function at a time, and refuses a nested call at once, under ${name}`, async (t) => {
      const session = await prepareSession(t, { bus: false });
      const source = `
        const tick = () => new Promise((resolve) => setTimeout(resolve, 1));
        const append = async (old) => (await tick(), (old ?? "") + ".");
        await Promise.all(Array.from({ length: 50 }, () => store.update(key, append)));
        assert.equal(await store.get(key), ".".repeat(50));
        const other = { ...key, name: "another" };
        const nested = await store.update(key, async () => {
          await tick();
          const errors = [fail(store.update(key, () => "nested"))];
          await store.update(other, async () => {
            errors.push(fail(store.update(key, () => "nested")));
            return "other";
          });
          const reasons = (await Promise.all(errors)).map(({ code, reason }) => code + " " + reason);
          return reasons.join();
        });
        assert.equal(nested, Array(2).fill("ERR_SECRETS_PLATFORM_ERROR nested-update").join());
        assert.equal(await store.get(other), "other");
        // A call that the function has started and that runs later is not nested.
        let later;
        await store.update(key, () => {
          later = tick().then(tick).then(() => store.update(key, (old) => old + "!"));
          return "first";
        });
        assert.equal(await later, "first!");`;
      await runWithStore(session, runtime, { provider: "memory" }, source);
    });

    it(`refuses to close its store from its function, under ${name}`, async (t) => {
      const session = await prepareSession(t, { bus: false });
      const source = `
        const another = openStore({ provider: "memory" });
        let closeLater, later;
        const stored = await store.update(key, async () => {
          const errors = [await fail(store.close())];
          await another.update(key, async () => {
            errors.push(await fail(store.close()));
            errors.push(await fail(another.close()));
            return "nested";
          });
          await another.close();
          later = new Promise((resolve) => { closeLater = resolve; }).then(() => store.close());
          for (const { message, reason } of errors) {
            assert.match(message, /^The function of an update cannot close .*\\. Close the store after the update$/);
            assert.equal(reason, "nested-update");
          }
          return "value";
        });
        assert.deepEqual([stored, await store.get(key)], ["value", "value"]);
        // The function has returned by now, so this close is not refused.
        closeLater();
        await later;
        assert.equal((await fail(store.get(key))).reason, "closed");`;
      await runWithStore(session, runtime, { provider: "memory" }, source);
    });
  }

  it("waits for as long as the function of another update runs, within its own bounds", async () => {
    const store = openStore({ provider: "memory" });
    let end;
    const ended = new Promise((resolve) => {
      end = resolve;
    });
    const slow = store.update(key, () => ended);
    const never = () => assert.fail("it was called");
    await assert.rejects(store.update({ ...key, timeout: 20 }, never), { name: "TimeoutError" });
    const controller = new AbortController();
    const aborted = store.update({ ...key, signal: controller.signal }, never);
    controller.abort("enough");
    await assert.rejects(aborted, {
      name: "AbortError",
      code: "ABORT_ERR",
      cause: "enough",
      message: /Nothing was changed/,
    });
    await assert.rejects(store.update({ ...key, signal: AbortSignal.abort() }, never), {
      name: "AbortError",
    });
    const next = store.update(key, (old) => `${old}, next`);
    end("slow");
    assert.deepEqual(await Promise.all([slow, next]), ["slow", "slow, next"]);
  });

  it("does not bound its function", async () => {
    const store = openStore({ provider: "memory" });
    const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time));
    const slow = store.update({ ...key, timeout: 1000 }, () => sleep(1200).then(() => "slow"));
    assert.equal(await slow, "slow");
    const controller = new AbortController();
    const { signal } = controller;
    let ran = false;
    const aborted = store.update({ ...key, signal }, async () => {
      controller.abort();
      await sleep(1);
      ran = true;
      return "aborted";
    });
    await assert.rejects(aborted, { name: "AbortError", message: /Nothing was changed/ });
    assert.deepEqual([ran, await store.get(key)], [true, "slow"]);
    assert.equal(await store.update(key, () => "not held up"), "not held up");
  });

  it("gives storing the whole timeout, however long the wait and the read took", async () => {
    const sleep = () => new Promise((resolve) => setTimeout(resolve, 1000));
    let stored;
    const provider = {
      get: () => sleep().then(() => null),
      async set({ value }) {
        await sleep();
        stored = value;
      },
      delete: () => assert.fail("it was called"),
    };
    const update = openStore({ provider }).update({ ...key, timeout: 1500 }, () => "exchanged");
    assert.deepEqual([await update, stored], ["exchanged", "exchanged"]);
  });

  it("is one call for close", async () => {
    const store = openStore({ provider: "memory" });
    const order = [];
    let begun;
    const running = new Promise((resolve) => {
      begun = resolve;
    });
    let end;
    const ended = new Promise((resolve) => {
      end = resolve;
    });
    const update = store.update(key, () => {
      begun();
      return ended;
    });
    await running;
    const closed = store.close().then(() => order.push("closed"));
    await assert.rejects(
      store.update(key, () => "late"),
      { reason: "closed" },
    );
    order.push("function ends");
    end("value");
    assert.equal(await update, "value");
    await closed;
    assert.deepEqual(order, ["function ends", "closed"]);
  });

  it("throws at once if an argument is wrong", () => {
    const store = openStore({ provider: "memory" });
    const change = () => assert.fail("it was called");
    const type = { name: "TypeError", code: "ERR_INVALID_ARG_TYPE" };
    const value = { name: "TypeError", code: "ERR_INVALID_ARG_VALUE" };
    for (const [args, error] of [
      [[], type],
      [["my-tool", "refresh-token", change], type],
      [[key], type],
      [[key, "value"], type],
      [[{ ...key, service: "" }, change], type],
      [[{ ...key, name: "a\0" }, change], value],
      [[{ ...key, timeout: 0 }, change], value],
      [[{ ...key, signal: 1 }, change], type],
      [[{ ...key, encoding: "hex" }, change], value],
      [[{ ...key, persist: "roaming" }, change], value],
    ]) {
      assert.throws(() => store.update(...args), error);
    }
    assert.equal(store.update(key, () => undefined) instanceof Promise, true);
  });

  it("is no method of secrets", () => {
    assert.deepEqual(Object.keys(secrets), ["get", "set", "delete"]);
    assert.equal("update" in secrets, false);
  });

  it("works detached", async () => {
    const { update } = openStore({ provider: "memory" });
    assert.equal(await update(key, () => "detached"), "detached");
  });

  it("holds up nobody if it was forgotten", async (t) => {
    const session = await prepareSession(t, { bus: false });
    const source = `
      await new Promise((resolve) => {
        store.update(key, () => (resolve(), new Promise(() => {})));
      });
      await new Promise((resolve) => setTimeout(resolve, 1));
      for (let left = 100; ; left--) {
        gc();
        const outcome = await store.update({ ...key, timeout: 100 }, () => "next").catch(({ code }) => code);
        if (outcome === "next") break;
        assert.ok(left > 0, outcome);
      }`;
    await runWithStore(session, [...node(22), "--expose-gc"], { provider: "memory" }, source);
  });
});

/** Lists the files in a directory while an update of a store is in progress, and after it. */
async function listLocks(directory, store) {
  const list = () => (existsSync(directory) ? readdirSync(directory) : []);
  let during;
  await store.update(key, () => {
    during = list();
    return "value";
  });
  return [during, list()];
}

describe("the lock of an update", () => {
  for (const [place, variable, folder] of [
    ["the runtime directory", "XDG_RUNTIME_DIR", "os-secrets"],
    ["the cache directory if there is no runtime directory", "XDG_CACHE_HOME", join("os-secrets", "locks")],
  ]) {
    it(`is a private file in ${place}`, linuxOnly("a bus"), async (t) => {
      const session = await prepareSession(t);
      const directory = join(session.env[variable], folder);
      if (variable !== "XDG_RUNTIME_DIR") session.env.XDG_RUNTIME_DIR = join(session.directory, "none");
      const source = `
        const { readdirSync, statSync } = require("node:fs");
        const { join } = require("node:path");
        const directory = ${JSON.stringify(directory)};
        await store.update(key, () => {
          const [name, ...others] = readdirSync(directory);
          assert.match(name, /^[0-9a-f]{64}\\.lock$/);
          assert.deepEqual(others, []);
          assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600);
          assert.equal(statSync(directory).mode & 0o777, 0o700);
          return "value";
        });
        assert.deepEqual(readdirSync(directory), []);`;
      await runWithStore(session, node(22), { provider: "os" }, source);
    });
  }

  it("is not taken in a directory that others can use", linuxOnly("a bus"), async (t) => {
    const session = await prepareSession(t);
    const directory = join(session.env.XDG_RUNTIME_DIR, "os-secrets");
    mkdirSync(directory, { mode: 0o700 });
    chmodSync(directory, 0o770);
    const source = `
      const error = await fail(store.update(key, () => "value"));
      assert.deepEqual([error.code, error.reason], ["ERR_SECRETS_ACCESS_DENIED", "not-private"]);
      assert.match(error.message, /Run: chmod 700 /);
      assert.equal(await store.get(key), null);`;
    await runWithStore(session, node(22), { provider: "os" }, source);
  });

  it("says which variable to set if its directory cannot be made", linuxOnly("a bus"), async (t) => {
    const session = await prepareSession(t);
    session.env.XDG_RUNTIME_DIR = join(session.directory, "none");
    session.env.XDG_CACHE_HOME = "/proc/none";
    const source = `
      const error = await fail(store.update(key, () => "value"));
      assert.match(error.message, /^Cannot create the directory for locks .*: [^.]*\\. Set [^.]*XDG_CACHE_HOME to [^.]*$/);
      assert.equal(await store.get(key), null);`;
    await runWithStore(session, node(22), { provider: "os" }, source);
  });

  it("of an encrypted file lies beside it", async (t) => {
    const { folder, store } = await prepareFileStore(t);
    const [during, after] = await listLocks(folder, store);
    assert.equal(during.length, 1);
    assert.match(during[0], /^\.secrets\.age\.os-secrets\.[0-9a-f]{64}\.lock$/);
    assert.deepEqual(after, ["secrets.age"]);
    if (!isWindows) assert.equal(statSync(join(folder, "secrets.age")).mode & 0o777, 0o600);
  });

  it(
    "of an encrypted file that cannot be written is refused before the function runs",
    linuxOnly("file modes"),
    async (t) => {
      const { folder, store } = await prepareFileStore(t);
      await store.set({ ...key, value: "old" });
      chmodSync(folder, 0o755);
      const never = () => assert.fail("it was called");
      await assert.rejects(store.update(key, never), { reason: "not-private" });
      chmodSync(folder, 0o700);
      assert.equal(await store.get(key), "old");
    },
  );

  it("of a credential helper is the user's", async (t) => {
    const session = await prepareSession(t, { bus: false });
    const file = JSON.stringify(join(session.directory, "kept"));
    const options = writeHelper(
      session.directory,
      `const kept = ${file};
       if (operation === "store") writeFileSync(kept, input);
       if (operation === "erase") rmSync(kept);
       if (operation === "get") {
         if (!existsSync(kept)) answer("credentials not found in native keychain", 1);
         answer(readFileSync(kept, "utf8"));
       }`,
    );
    const source = `
      const append = (old) => (old ?? "") + ".";
      await Promise.all([1, 2, 3].map(() => store.update(key, append)));
      assert.equal(await store.get(key), "...");`;
    await runWithStore(session, node(22), options, source);
  });
});
