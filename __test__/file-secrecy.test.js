// Places where the values of an encrypted file must not be: other files, the memory of a program that has
// read it, and the environment of other programs.

const assert = require("node:assert/strict");
const {
  closeSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  statSync,
  writeFileSync,
} = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { prepareFileStore } = require("./support/file-store.js");
const { writeHelper } = require("./support/helpers.js");
const { isWindows, linuxOnly } = require("./support/platform.js");
const { root, runtimes } = require("./support/runtimes.js");

/** Joined here, so that the source of this file does not contain the secret. */
const SECRET = ["Hunter2", "that", "nobody", "may", "see"].join("-");

/** Makes an encrypted file that contains the secret many times. */
async function prepareSecretFile(t) {
  const prepared = await prepareFileStore(t);
  const { store } = prepared;
  for (let index = 0; index < 200; index++) await store.set("s", `n${index}`, `${SECRET} ${index}`);
  await store.set("s", "bytes", Buffer.concat([Buffer.from(SECRET), Buffer.of(255)]));
  return prepared;
}

/** Counts a text in a process's memory: in everything that a core dump would contain. */
function countInMemory(pid, text) {
  const memory = openSync(`/proc/${pid}/mem`, "r");
  let count = 0;
  let looked = 0;
  for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
    const [, start, end, flags, name] = /^(\w+)-(\w+) (\S+) \S+ \S+ \S+\s*(.*)$/.exec(line) ?? [];
    if (!flags?.startsWith("r") || name === "[vvar]" || name === "[vsyscall]") continue;
    const from = Number.parseInt(start, 16);
    const to = Number.parseInt(end, 16);
    const piece = Buffer.alloc(1 << 22);
    // The pieces overlap, so that a text on an edge is found.
    for (let at = from; at < to; at += piece.length - text.length) {
      let length = 0;
      try {
        length = readSync(memory, piece, 0, Math.min(piece.length, to - at), at);
      } catch {
        // Reserved memory cannot be read.
        continue;
      }
      looked += length;
      for (
        let found = piece.indexOf(text);
        found >= 0 && found < length;
        found = piece.indexOf(text, found + 1)
      )
        count += 1;
      piece.fill(0);
    }
  }
  closeSync(memory);
  assert.ok(looked > 1 << 22, "the memory cannot be read");
  return count;
}

describe("the values of an encrypted file", () => {
  it("are in no file", async (t) => {
    const { session, folder } = await prepareSecretFile(t);
    assert.deepEqual(readdirSync(folder).sort(), ["secrets.age", "secrets.age.backup"]);
    const files = readdirSync(session.directory, { recursive: true }).map((name) =>
      join(session.directory, name),
    );
    for (const file of files.filter((each) => statSync(each).isFile())) {
      assert.ok(!readFileSync(file).includes(SECRET), file);
    }
  });

  for (const name of ["Node 22", "Bun"]) {
    it(
      `are not in the memory of a program that has read the file, under ${name}`,
      linuxOnly("/proc"),
      async (t) => {
        const { session, identity, path } = await prepareSecretFile(t);
        const program = join(session.directory, "reader.cjs");
        // The program decrypts the file, writes it, and decrypts it again. The marker shows that the search
        // works.
        writeFileSync(
          program,
          `const store = require(${JSON.stringify(root)}).openStore({ provider: "file", path: ${JSON.stringify(path)}, identity: ${JSON.stringify(identity.path)} });
         const marker = ["in", "memory", "as", "it", "is"].join("+");
         (async () => {
           const entries = await store.list();
           await store.set("s", "another", "of no matter");
           await store.has("s", "another");
           await store.delete("s", "n7");
           console.log(entries.length, Buffer.from(marker).length);
           setTimeout(() => {}, 60_000);
         })();`,
        );
        const [command, ...args] = runtimes[name];
        const child = session.start(command, [...args, program]);
        const [printed] = await Promise.race([
          new Promise((resolve) => child.stdout.once("data", (text) => resolve([String(text)]))),
          new Promise((_, reject) => child.stderr.once("data", (text) => reject(new Error(String(text))))),
        ]);
        assert.equal(printed, "201 18\n");
        assert.ok(countInMemory(child.pid, ["in", "memory", "as", "it", "is"].join("+")) > 0);
        assert.equal(countInMemory(child.pid, SECRET), 0);
      },
    );
  }

  it("and what unlocks it are not in the environment of a helper", async (t) => {
    const { session } = await prepareSecretFile(t);
    const helper = writeHelper(
      session.directory,
      `writeFileSync(beside("seen"), Object.keys(process.env).join("\\n"));
       answer("credentials not found in native keychain", 1);`,
    );
    const options = { ...helper, env: { ...helper.env, EXTRA: "given" } };
    const program = `require(${JSON.stringify(root)})
      .openStore(${JSON.stringify(options)}).get("s", "n").then(console.log)`;
    const env = {
      OS_SECRETS_IDENTITY: "AGE-SECRET-KEY-1X",
      OS_SECRETS_PASSPHRASE: "p",
      API_KEY: "k",
      LD_PRELOAD: "",
    };
    const { stdout, stderr } = await session.run(process.execPath, ["--eval", program], { env });
    assert.equal(stdout, "null\n", stderr);
    const names = readFileSync(join(session.directory, "helper.seen"), "utf8").split("\n");
    assert.ok(names.includes("EXTRA") && names.includes(isWindows ? "USERPROFILE" : "HOME"));
    for (const name of Object.keys(env)) assert.ok(!names.includes(name), name);
  });
});
