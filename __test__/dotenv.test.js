// A dotenv file has the values for `secrets` that Node and Bun give it. What they read differently is refused.

const assert = require("node:assert/strict");
const { writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { runProgram } = require("./support/programs.js");
const { bun, node } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

/** What the generated values consist of. Tabs are not among them: Node 20 keeps those around a value. */
const parts = [
  ..."'\"`\\=xä.- ",
  ...[
    "\\n",
    "\\r",
    "\\\\",
    "\\t",
    '\\"',
    "\n",
    "\r\n",
    "\nB=",
    "\nB='",
    '\nB="',
    " #",
    "#",
    "export ",
    "\u00a0",
  ],
];

/** Returns values of up to nine parts, always the same ones. */
function generate(count) {
  let state = 1;
  const choose = (limit) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 16) % limit;
  };
  return Array.from({ length: count }, () =>
    Array.from({ length: 1 + choose(9) }, () => parts[choose(parts.length)]).join(""),
  );
}

describe("a dotenv file", () => {
  let session;
  before(async () => {
    session = await startSession({ bus: false });
  });
  after(() => session.stop());

  const path = () => join(session.directory, "variables.env");
  const print = `process.stdout.write(JSON.stringify(
    Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(A|B)\\d*$/.test(name)))))`;

  /** Reads a file with `secrets run`: its values, or the message. */
  async function readOurs(content) {
    writeFileSync(path(), content);
    const args = ["run", "--env-file", path(), "--", process.execPath, "-e", print];
    const { code, stdout, stderr } = await runProgram(session, "native", "secrets", args);
    if (code === 0) return JSON.parse(stdout);
    assert.deepEqual([code, stdout], [1, ""]);
    return stderr;
  }

  /** Reads a file with another program's --env-file. */
  async function readTheirs([command, ...first], content) {
    writeFileSync(path(), content);
    const { stdout } = await session.run(command, [...first, `--env-file=${path()}`, "-e", print]);
    return JSON.parse(stdout);
  }

  it("has the values of Node and Bun, or is refused", async () => {
    let compared = 0;
    for (const value of generate(150)) {
      const content = `A=${value}\nB9=end\n`;
      const ours = await readOurs(content);
      if (typeof ours === "string") {
        assert.match(ours, /^secrets: .* line \d+: /);
        continue;
      }
      // Node 22 and later take the next line as the value of a key with only blanks after "=".
      if (/=( +\r?$| *\r?\n *#)/m.test(content)) continue;
      compared++;
      for (const command of [node(22), [bun]]) {
        assert.deepEqual(await readTheirs(command, content), ours, JSON.stringify([command[0], content]));
      }
    }
    assert.ok(compared > 40, `${compared} files were compared`);
  });

  it("is refused with its line if programs read a backslash differently", async () => {
    for (const [content, line, advice] of [
      [String.raw`A="x\ry"`, 1, /use single quotes/],
      [String.raw`A="x\ty"`, 1, /use single quotes/],
      [String.raw`A="x\\ny"`, 1, /use single quotes/],
      [String.raw`A="x\$y"`, 1, /use single quotes/],
      [String.raw`A="{\"x\": 1}"`, 1, /use single quotes/],
      ["B=1\nA='\nx\\'\n", 3, /use other quotes or none/],
      ["A=x\u00a0", 1, /put the value in quotes/],
    ]) {
      const message = await readOurs(content);
      assert.match(message, new RegExp(`: line ${line}: `), content);
      assert.match(message, advice);
    }
    const literal = { A: String.raw`x\r\t\\n\$\d` };
    assert.deepEqual(await readOurs(`A='${literal.A}'`), literal);
    assert.deepEqual(await readOurs(`A=${literal.A}`), literal);
    assert.deepEqual(await readOurs(String.raw`A="x\ny"`), { A: "x\ny" });
  });

  it("may be UTF-16, as PowerShell writes it", async () => {
    const text = "\ufeffA='ä 👋'\r\nB=2\r\n";
    const values = { A: "ä 👋", B: "2" };
    assert.deepEqual(await readOurs(Buffer.from(text, "utf16le")), values);
    assert.deepEqual(await readOurs(Buffer.from(text, "utf16le").swap16()), values);
    assert.match(
      await readOurs(Buffer.from(text.slice(1), "utf16le")),
      /line 1: UTF-16 text without a byte order/,
    );
  });

  it("that is a template in UTF-16 is refused, because no reference would be found", async () => {
    const input = Buffer.from("\ufeff{{ secret:a }}", "utf16le");
    const { code, stdout, stderr } = await runProgram(session, "native", "secrets", ["inject"], { input });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^secrets: standard input is UTF-16 text, and a template must be UTF-8\./);
  });
});
