// `secrets get a | secrets set b` copies every value, and `--raw` neither adds nor drops a byte.

const assert = require("node:assert/strict");
const { mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { writeIdentity } = require("./support/age.js");
const { linuxOnly } = require("./support/platform.js");
const { runInBash, runProgram, ways } = require("./support/programs.js");
const { startSession } = require("./support/session.js");

/** What the generated values consist of: everything that a line's end, an encoding or a shell may change. */
const texts = [
  "\n",
  "\r",
  "\r\n",
  "\t",
  " ",
  "a",
  "é",
  "👋",
  "\ufeff",
  "\u2028",
  "\u0085",
  "\v",
  "%s",
  "\\n",
  "$x",
  "'",
];
const bytes = [0x00, 0x0a, 0x0d, 0x1a, 0x61, 0x80, 0xc3, 0xfe, 0xff];

/** Returns a function that chooses among values, always the same ones for a seed. */
function makeChooser(seed) {
  let state = seed;
  return (values) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return values[(state >>> 16) % values.length];
  };
}

/** Returns this many values of up to six parts. */
function generate(count, parts, seed) {
  const choose = makeChooser(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: choose([1, 2, 3, 4, 5, 6]) }, () => choose(parts)),
  );
}

async function prepare(t, way = "native") {
  const session = await startSession({ bus: false });
  t.after(() => session.stop());
  const folder = join(session.directory, "store");
  mkdirSync(folder, { mode: 0o700 });
  Object.assign(session.env, {
    OS_SECRETS_PROVIDER: "file",
    OS_SECRETS_FILE: join(folder, "s.age"),
    OS_SECRETS_IDENTITY: writeIdentity(session.directory, "key").path,
  });
  /** Runs `secrets`, which must succeed. Returns what it printed. */
  const run = async (args, input) => {
    const { code, stdout, stderr } = await runProgram(session, way, "secrets", ["-q", ...args], { input });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  /** Reads the bytes of a secret. */
  const readBytes = async (name) => {
    const file = join(session.directory, "bytes");
    await runProgram(session, way, "secrets", ["get", name, "--raw", "-o", file]);
    return readFileSync(file).toString("hex");
  };
  return { session, run, readBytes };
}

/** Runs `secrets` with its output: `-q` would drop it. */
const print = async (session, way, args) => (await runProgram(session, way, "secrets", args)).stdout;

describe("a value", () => {
  it("of any text is the same after get | set", async (t) => {
    const { session, run, readBytes } = await prepare(t);
    const ends = ["\n", "\r", "\r\n", "\n\n", "\r\r", "\n\r", "\r\n\r\n", "a\r", "a\n", "\ra\r\n"];
    const values = [...ends, ...generate(20, texts, 1).map((parts) => parts.join(""))];
    for (const value of values) {
      await run(["set", "a", "--raw"], value);
      await run(["set", "b"], await print(session, "native", ["get", "a"]));
      await run(["set", "c", "-n"], await print(session, "native", ["get", "a", "-n"]));
      await run(["set", "d"], await print(session, "native", ["resolve", "secret:a"]));
      for (const name of ["a", "b", "c", "d"]) {
        assert.equal(
          await readBytes(name),
          Buffer.from(value).toString("hex"),
          JSON.stringify([name, value]),
        );
      }
    }
  });

  it("of any bytes is the same after get --raw | set --raw", linuxOnly("a shell"), async (t) => {
    const { session, run, readBytes } = await prepare(t);
    await run(["set", "b"], "before");
    for (const parts of generate(15, bytes, 2)) {
      const value = Buffer.from(parts);
      await run(["set", "a", "--raw"], value);
      const script = `"$@" get a --raw | "$@" set b --raw`;
      assert.equal((await runInBash(session, "native", script)).code, 0);
      assert.equal(await readBytes("b"), value.toString("hex"));
    }
  });

  it("that is no text is refused without --raw, and nothing is changed", linuxOnly("a shell"), async (t) => {
    const { session, run, readBytes } = await prepare(t);
    await run(["set", "b"], "before");
    for (const value of [Buffer.of(0xff), Buffer.from("a\0b"), Buffer.from("\ufefftext", "utf16le")]) {
      await run(["set", "a", "--raw"], value);
      const { code, stderr } = await runInBash(session, "native", `"$@" get a 2>/dev/null | "$@" set b`);
      assert.equal(code, 2);
      assert.match(stderr, /must be UTF-8 text without NUL bytes.*--raw/);
      assert.equal(await readBytes("b"), Buffer.from("before").toString("hex"));
    }
    const utf16 = await runProgram(session, "native", "secrets", ["set", "b"], {
      input: Buffer.from("\ufefftext", "utf16le"),
    });
    assert.match(utf16.stderr, /this is UTF-16/);
  });

  for (const way of Object.keys(ways)) {
    it(`may be a file with its last newline, ${way}`, async (t) => {
      const { session, run, readBytes } = await prepare(t, way);
      const file = join(session.directory, "key.pem");
      writeFileSync(file, "-----BEGIN KEY-----\r\n-----END KEY-----\r\n");
      await run(["set", "key", "--raw"], readFileSync(file));
      assert.equal(await readBytes("key"), readFileSync(file).toString("hex"));
      assert.equal(await print(session, way, ["resolve", "-n", "secret:key"]), readFileSync(file, "utf8"));
      assert.equal(await print(session, way, ["resolve", "-n", "plain\r"]), "plain\r");
    });
  }

  it("of bytes has no place in JSON or the repository, and both say what to do", async (t) => {
    const { session, run } = await prepare(t);
    writeFileSync(join(session.directory, "datapackage.json"), "{}");
    await run(["set", "a", "--raw"], Buffer.of(0xff));
    const options = { cwd: session.directory, input: Buffer.of(0xff) };
    const json = await runProgram(session, "native", "secrets", ["get", "a", "--json"], options);
    assert.deepEqual([json.code, json.stdout], [1, ""]);
    assert.match(json.stderr, /the value is not UTF-8 text, which JSON needs\. .*--raw.*-o\n$/);
    const set = ["set", "a", "--raw", "--scope", "repo"];
    const repository = await runProgram(session, "native", "secrets", set, options);
    assert.equal(repository.code, 2);
    assert.match(repository.stderr, /the repository cannot hold other bytes/);
    assert.equal((await runProgram(session, "native", "secrets", ["get", "a", "--raw", "--json"])).code, 2);
  });
});

it("bus-secrets prints a value as BusDK's program, and has no --raw", async (t) => {
  const session = await startSession({ bus: false });
  t.after(() => session.stop());
  const run = (...args) => runProgram(session, "native", "bus-secrets", args);
  await run("set", "a", "v\r");
  assert.equal((await run("get", "a")).stdout, "v\r\n");
  assert.equal((await run("resolve", "secret:a")).stdout, "v\r\n");
  for (const args of [
    ["get", "a", "--raw"],
    ["resolve", "a", "-n"],
    ["set", "-n", "a", "v"],
  ]) {
    assert.equal((await run(...args)).code, 2, args.join(" "));
  }
});
