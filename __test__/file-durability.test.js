// The encrypted file with many writers, with writers that are killed, and on full disks.

const assert = require("node:assert/strict");
const { mkdirSync, readFileSync, readdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { openStore } = require("..");
const { decryptFile } = require("./support/age.js");
const { runIsolated } = require("./support/apart.js");
const { prepareFileStore } = require("./support/file-store.js");
const { isWine, linuxOnly } = require("./support/platform.js");
const { root } = require("./support/runtimes.js");

// Processes start and write slowly under Wine.
const WRITERS = isWine ? 16 : 50;
const WRITES = isWine ? 100 : 500;
const writer = join(__dirname, "programs", "write.js");

describe("the encrypted file", () => {
  it(`takes the writes of ${WRITERS} processes at once`, async (t) => {
    const { session, identity, path, store, folder } = await prepareFileStore(t);
    const names = Array.from({ length: WRITERS }, (_, index) => `writer ${index}`);
    const ended = await Promise.all(
      names.map((name) => session.run(process.execPath, [writer, path, identity.path, name, "0", "4"])),
    );
    for (const { code, stdout, stderr } of ended) assert.equal(`${code} ${stdout}`, "0 0\n1\n2\n3\n", stderr);
    for (const name of names) assert.equal(await store.get("writers", name), "3");
    assert.equal((await store.list()).length, WRITERS);
    assert.deepEqual(readdirSync(folder).sort(), ["secrets.age", "secrets.age.backup"]);
    assert.match(decryptFile(path, identity.path), /"writer 9": "3"/);
  });

  it("makes changes in the order of the calls", async (t) => {
    const { store } = await prepareFileStore(t);
    for (let round = 0; round < 20; round++) {
      const calls = Array.from({ length: 10 }, (_, index) => store.set("s", "n", `${round} ${index}`));
      calls.push(store.delete("s", "n"), store.set("s", "n", `${round} last`));
      await Promise.all(calls);
      assert.equal(await store.get("s", "n"), `${round} last`);
    }
  });

  it(`holds the old or the new value when a writer is killed, in ${WRITES} writes`, async (t) => {
    const { session, identity, path, store, folder } = await prepareFileStore(t);
    await store.set("others", "name", "stays");
    let written = 0;
    let kills = 0;
    while (written < WRITES) {
      const args = [writer, path, identity.path, "name", String(written), "1000000"];
      const child = session.start(process.execPath, args);
      let told = "";
      child.stderr.resume();
      await new Promise((resolve, reject) => {
        child.once("exit", () => reject(new Error("the writer has ended by itself")));
        child.stdout.once("data", (text) => {
          told += text;
          resolve();
        });
      });
      child.stdout.on("data", (text) => {
        told += text;
      });
      const closed = new Promise((resolve) => {
        child.once("close", resolve);
      });
      // The kill must come at any moment of a write, which takes less than a millisecond here.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 12));
      child.kill("SIGKILL");
      await closed;
      kills += 1;
      const last = Number(told.trimEnd().split("\n").at(-1));
      const found = Number(await store.get("writers", "name"));
      assert.ok(found === last || found === last + 1, `${found} after ${last}`);
      assert.equal(await store.get("others", "name"), "stays");
      written = found + 1;
    }
    t.diagnostic(`${written} writes, ${kills} writers killed`);
    // The next write removes the temporary file of a killed writer.
    await store.set("writers", "name", "last");
    assert.deepEqual(readdirSync(folder).sort(), ["secrets.age", "secrets.age.backup"]);
  });

  it("takes a set and a delete at once where there is nothing yet", async (t) => {
    const { session, identity } = await prepareFileStore(t);
    for (let round = 0; round < 300; round++) {
      const path = join(session.directory, `new ${round}`, "secrets.age");
      const store = openStore({ provider: "file", path, identity: identity.path });
      const missing = store.delete("s", "missing");
      // The set must come at any moment of the delete.
      for (let left = round * 20; left > 0; left--) Math.random();
      if (round % 2) await new Promise(setImmediate);
      const stored = store.set("s", "n", "value");
      assert.equal(await missing, false);
      await stored;
      assert.equal(await store.get("s", "n"), "value");
    }
  });

  it(
    "can be read at once while writers of many stores wait for their files",
    linuxOnly("a shell"),
    async (t) => {
      const { session, identity, store } = await prepareFileStore(t);
      await store.set("s", "n", "value");
      // Another process locks the files of eight stores.
      const folders = Array.from({ length: 8 }, (_, index) => join(session.directory, `held ${index}`));
      for (const folder of folders) mkdirSync(folder, { mode: 0o700 });
      const holder = session.start("bash", [
        "--norc",
        "-c",
        `for f in "$@"; do exec {fd}<"$f"; flock $fd; done; echo held; read -r`,
        "bash",
        ...folders,
      ]);
      await new Promise((resolve) => holder.stdout.once("data", resolve));
      const open = (folder) =>
        openStore({ provider: "file", path: join(folder, "s.age"), identity: identity.path });
      let isOver = false;
      const waiting = Promise.all(folders.map((folder) => open(folder).set("s", "n", "v"))).then(() => {
        isOver = true;
      });
      for (let left = 200; left > 0; left--) assert.equal(await store.get("s", "n"), "value");
      await store.set("s", "n", "other");
      assert.equal(isOver, false);
      holder.stdin.end("\n");
      await waiting;
    },
  );

  it("stays as it was where the disk is full", linuxOnly("a full disk"), async (t) => {
    const { session, folder, identity } = await prepareFileStore(t);
    const program = `
      const { openStore } = require(${JSON.stringify(root)});
      const { readFileSync, rmSync } = require("node:fs");
      (async () => {
        const store = openStore({ provider: "file", path: process.env.FOLDER + "/full/secrets.age", identity: ${JSON.stringify(identity.path)} });
        await store.set("s", "kept", "before");
        await store.set("s", "kept", "value");
        const backup = readFileSync(process.env.FOLDER + "/full/secrets.age.backup");
        const failed = await store.set("s", "large", "x".repeat(90_000)).then(() => null, (error) => error);
        console.log(failed.code, /No space left/.test(failed.message), /may have been made/.test(failed.message));
        console.log(await store.get("s", "kept"), await store.get("s", "large"));
        console.log(backup.equals(readFileSync(process.env.FOLDER + "/full/secrets.age.backup")));
        rmSync(process.env.FOLDER + "/full/filler");
        await store.set("s", "large", "x".repeat(20_000));
        console.log((await store.get("s", "large")).length, await store.get("s", "kept"));
      })();`;
    const file = join(session.directory, "full.cjs");
    writeFileSync(file, program);
    const script = `
      mkdir "$FOLDER/full"
      mount -t tmpfs -o size=128k,mode=700 tmpfs "$FOLDER/full"
      head -c 60000 /dev/zero >"$FOLDER/full/filler"
      ${process.execPath} "$PROGRAM"
      ls "$FOLDER/full"`;
    const { code, stdout, stderr } = await runIsolated(session, script, [], {
      env: { PROGRAM: file, FOLDER: folder },
    });
    const lines = ["ERR_SECRETS_PLATFORM_ERROR true false", "value null", "true", "20000 value"];
    assert.equal(
      `${code}\n${stdout}`,
      ["0", ...lines, "secrets.age", "secrets.age.backup", ""].join("\n"),
      stderr,
    );
  });

  it("can be read where nothing can be written", linuxOnly("a file system of its own"), async (t) => {
    const { session, folder, identity, store, path } = await prepareFileStore(t);
    await store.set("s", "kept", "value");
    const before = readFileSync(path);
    const program = `
      const { openStore } = require(${JSON.stringify(root)});
      (async () => {
        const store = openStore({ provider: "file", path: process.env.FOLDER + "/secrets.age", identity: ${JSON.stringify(identity.path)} });
        const code = (call) => call.then(() => "none", (error) => error.code);
        console.log(await store.get("s", "kept"), await code(store.set("s", "kept", "other")), await code(store.delete("s", "kept")));
        console.log(await store.get("s", "kept"), await store.delete("s", "missing"));
      })();`;
    const file = join(session.directory, "read-only.cjs");
    writeFileSync(file, program);
    const script = `
      mount --bind "$FOLDER" "$FOLDER"
      mount -o remount,bind,ro "$FOLDER"
      ${process.execPath} "$PROGRAM"`;
    const { code, stdout, stderr } = await runIsolated(session, script, [], {
      env: { PROGRAM: file, FOLDER: folder },
    });
    const denied = "ERR_SECRETS_ACCESS_DENIED";
    assert.equal(`${code}\n${stdout}`, `0\nvalue ${denied} ${denied}\nvalue false\n`, stderr);
    assert.deepEqual(readFileSync(path), before);
  });

  it("takes no more than can be read again", async (t) => {
    const { store } = await prepareFileStore(t);
    // As JSON, each character is six times as long.
    const value = "\u0001".repeat(16 << 20);
    await store.set("s", "1", value);
    await store.set("s", "2", value);
    const tooLarge = { code: "ERR_SECRETS_TOO_LARGE", message: /Nothing was changed/ };
    await assert.rejects(store.set("s", "3", value), tooLarge);
    assert.deepEqual(await store.list(), [
      { service: "s", name: "1" },
      { service: "s", name: "2" },
    ]);
    assert.equal(await store.delete("s", "1"), true);
  });

  it("tells each of many calls that the passphrase is wrong, and works it out once", async (t) => {
    const { path } = await prepareFileStore(t);
    await openStore({ provider: "file", path, passphrase: "right" }).set("s", "n", "v");
    const wrong = openStore({ provider: "file", path, passphrase: "wrong" });
    const calls = Array.from({ length: 100 }, () => wrong.get({ service: "s", name: "n", timeout: 30_000 }));
    const codes = (await Promise.allSettled(calls)).map(({ reason }) => reason?.code);
    assert.deepEqual(new Set(codes), new Set(["ERR_SECRETS_AUTH_FAILED"]));
  });

  it("holds ten thousand credentials", async (t) => {
    const { store, path, identity } = await prepareFileStore(t);
    const names = Array.from({ length: 10_000 }, (_, index) => `name ${index}`);
    await Promise.all(names.map((name) => store.set("many", name, `value of ${name}`)));
    assert.equal((await store.list({ service: "many" })).length, names.length);
    const values = await Promise.all(names.map((name) => store.get("many", name)));
    assert.deepEqual(
      values,
      names.map((name) => `value of ${name}`),
    );
    await store.set("one", "more", "value");
    assert.equal(await store.delete("many", "name 5000"), true);
    const held = JSON.parse(decryptFile(path, identity.path));
    assert.equal(Object.keys(held.credentials.many).length, names.length - 1);
    assert.equal(held.credentials.one.more, "value");
  });
});
