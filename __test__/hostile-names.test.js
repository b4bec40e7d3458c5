// Paths that others have chosen, such as the name of a cloned directory, in messages: they control no terminal, and the
// commands that messages advise work as typed.

const assert = require("node:assert/strict");
const { existsSync, mkdirSync, statSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { linuxOnly } = require("./support/platform.js");
const { ways } = require("./support/programs.js");
const { root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");
const { formatDatapackage } = require("./support/workspace.js");

/** Names of directories, as bytes. */
const names = {
  "an escape sequence": "\x1b[31mred\x1b]0;title\x07",
  "line breaks": "a\nsecrets: all is well\r\n",
  quotes: `it's "quoted"`,
  spaces: "two words  ",
  "a command": "$(touch ran)`touch ran`;touch ran",
  "another direction of writing": "a\u202egpj.exe\u2066",
  "C1 control characters": "\u009b31m",
  "bytes that are not UTF-8": Buffer.from([0x61, 0xff, 0x27, 0x5c, 0xc3]),
};

/** What must not reach a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for them.
const unsafe = /[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

/** Makes a directory of this name, with a datapackage.json that everybody can write. */
async function prepare(t, name) {
  const session = await startSession({ bus: false });
  t.after(() => session.stop());
  const clones = join(session.directory, "clones");
  mkdirSync(clones);
  const directory = Buffer.concat([Buffer.from(`${clones}/`), Buffer.from(name)]);
  const datapackage = Buffer.concat([directory, Buffer.from("/datapackage.json")]);
  mkdirSync(directory);
  writeFileSync(datapackage, formatDatapackage({ a: "value" }));
  return { session, clones, directory, datapackage };
}

/** Runs a script of bash in the directory. Node cannot name every directory to another program. */
const runIn = ({ session, clones }, script, args, options) =>
  session.run("bash", ["--norc", "-euc", `cd */; ${script}`, "bash", ...args], {
    cwd: clones,
    ...options,
  });

/** Lets everybody write the file before the command runs. */
const openFile = 'chmod 666 datapackage.json; exec "$@"';

/** Types the command into bash, and returns the mode of a path then. */
async function modeAfter({ session, clones }, command, path) {
  const { code, stderr } = await session.run("bash", ["--norc", "-c", command], { cwd: clones });
  assert.equal(code, 0, stderr);
  assert.ok(!existsSync(join(clones, "ran")));
  return (statSync(path).mode & 0o777).toString(8);
}

describe("a directory whose name has", linuxOnly("file modes"), () => {
  for (const [what, name] of Object.entries(names)) {
    it(`${what}: the program and doctor`, async (t) => {
      const place = await prepare(t, name);
      const secrets = ways.native("secrets");
      const got = await runIn(place, openFile, [...secrets, "get", "a"]);
      assert.equal(got.code, 3);
      assert.match(got.stderr, /^secrets: [^\n]*\n$/);
      assert.doesNotMatch(got.stderr, unsafe);
      const command = got.stderr.trimEnd().split(", then run: ")[1];
      assert.equal(await modeAfter(place, command, place.datapackage), "644");
      const env = { OS_SECRETS_PROVIDER: "memory" };
      const { stdout: text } = await runIn(place, openFile, [...secrets, "doctor"], { env });
      assert.doesNotMatch(text, unsafe);
      const json = await runIn(place, openFile, [...secrets, "doctor", "--json"], { env });
      const { problems } = JSON.parse(json.stdout);
      const { fix } = problems.find(({ fix }) => fix.startsWith("chmod"));
      for (const problem of problems) assert.doesNotMatch(problem.what + problem.fix, /\n/);
      assert.ok(text.includes(`\n  ${fix}\n`), text);
      assert.equal(await modeAfter(place, fix, place.datapackage), "644");
    });

    it(`${what}: doctor of an encrypted file`, async (t) => {
      const place = await prepare(t, name);
      const script = 'rm -f datapackage.json; chmod 777 .; exec "$@"';
      const args = [...ways.native("secrets"), "--store", "./secrets.age", "doctor"];
      const env = { OS_SECRETS_PASSPHRASE: "passphrase" };
      const { stdout } = await runIn(place, script, args, { env });
      assert.doesNotMatch(stdout, unsafe);
      const [, command] = /\n {2}(chmod .*)\n/.exec(stdout);
      assert.equal(await modeAfter(place, command, place.directory), "755");
    });

    for (const [runtime, [command, ...args]] of Object.entries(runtimes)) {
      it(`${what}: the library under ${runtime}`, async (t) => {
        const place = await prepare(t, name);
        const file = join(place.session.directory, "program.cjs");
        writeFileSync(
          file,
          `const { resolve } = require(${JSON.stringify(root)});
           resolve("secret:a").catch(({ message }) => console.log(message));`,
        );
        const { stdout, stderr } = await runIn(place, openFile, [command, ...args, file]);
        assert.match(stdout, /^[^\n]+\n$/, stderr);
        assert.doesNotMatch(stdout, unsafe);
        // Most runtimes do not find such a directory themselves.
        if (typeof name !== "string" && stdout.startsWith("Cannot read ")) return;
        const fix = stdout.trimEnd().split(", then run: ")[1];
        assert.equal(await modeAfter(place, fix, place.datapackage), "644");
      });
    }
  }
});

describe("the library escapes", () => {
  it("the name of a variable", async (t) => {
    const session = await startSession({ bus: false });
    t.after(() => session.stop());
    const { resolveEnv } = require("..");
    const env = { "A\x1b[31m\n\u202e": "secret:missing" };
    await assert.rejects(resolveEnv(env, { scope: "repo", directory: session.directory }), (error) => {
      assert.match(error.message, /^the variable A\\u\{1b\}\[31m\\n\\u\{202e\}: /);
      return true;
    });
  });
});
