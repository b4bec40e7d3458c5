// Every example of the programs in README.md prints what README.md shows. The examples run one after another,
// as a reader would paste them.

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

/** Replaces the values that differ between machines. */
const maskMachineValues = (text) => text.replace(/^(bus|place|display) .*$/gm, "$1 …");

it("the examples of README.md", linuxOnly("a shell"), async (t) => {
  const session = await startSession();
  t.after(() => session.stop());
  const cwd = join(session.directory, "project");
  mkdirSync(cwd);
  const [program] = ways.native("secrets");
  // The script prints each command, as in the text, and then runs it.
  const script = commands.map((command) => `cat <<'END'\n$ ${command}\nEND\n${command}\n`).join("");
  const PATH = `${join(program, "..")}:${session.env.PATH}`;
  // Without these variables, files are in HOME, as in the text.
  const env = { PATH, XDG_DATA_HOME: "", XDG_CONFIG_HOME: "" };
  const { stdout } = await session.run("bash", ["--norc", "-c", `exec 2>&1\n${script}`], { cwd, env });
  assert.equal(
    maskMachineValues(stdout.replaceAll(session.env.HOME, "/home/me")),
    maskMachineValues(blocks.join("")),
  );
  // This shows that the commands were found in the text.
  assert.ok(commands.length > 30, commands.join("\n"));
});
