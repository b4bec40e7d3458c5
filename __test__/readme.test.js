// Every example of the programs in README.md does what it shows there. They run one after the other, as
// a reader would paste them.

const assert = require("node:assert/strict");
const { mkdirSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const { it } = require("node:test");
const { linuxOnly } = require("./support/platform.js");
const { ways } = require("./support/programs.js");
const { root } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const [, section] = readFileSync(join(root, "README.md"), "utf8").split("## The program `secrets`\n");
const blocks = [...section.split("\n## ")[0].matchAll(/```console\n(.*?)```/gs)].map(([, block]) => block);
const commands = blocks.flatMap((block) => [...block.matchAll(/^\$ (.*)$/gm)].map(([, command]) => command));

/** What differs from one machine to another. */
const settled = (text) => text.replace(/^(bus|place|display) .*$/gm, "$1 …");

it("the examples of README.md", linuxOnly("a shell"), async (t) => {
  const session = await startSession();
  t.after(() => session.stop());
  const cwd = join(session.directory, "project");
  mkdirSync(cwd);
  const [program] = ways.native("secrets");
  // Each command shows itself, as in the text, and then what it prints.
  const script = commands.map((command) => `cat <<'END'\n$ ${command}\nEND\n${command}\n`).join("");
  const PATH = `${join(program, "..")}:${session.env.PATH}`;
  // Without these, files are where the text has them, below HOME.
  const env = { PATH, XDG_DATA_HOME: "", XDG_CONFIG_HOME: "" };
  const { stdout } = await session.run("bash", ["--norc", "-c", `exec 2>&1\n${script}`], { cwd, env });
  assert.equal(settled(stdout.replaceAll(session.env.HOME, "/home/me")), settled(blocks.join("")));
  // As many as there are commands to show, at least.
  assert.ok(commands.length > 30, commands.join("\n"));
});
