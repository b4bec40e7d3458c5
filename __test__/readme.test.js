// Every example of the programs in the manual prints what the manual shows. The examples of a page run one after
// another, as a reader would paste them. The recipes for servers are in recipes.test.js.

const assert = require("node:assert/strict");
const { mkdirSync, symlinkSync } = require("node:fs");
const { join } = require("node:path");
const { it } = require("node:test");
const { examples, manual } = require("./support/documents.js");
const { linuxOnly } = require("./support/platform.js");
const { ways } = require("./support/programs.js");
const { node, root } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const pages = manual.filter((page) => page !== "docs/servers.md" && examples(page, "console").length > 0);
const commandsOf = (page) =>
  examples(page, "console").flatMap((block) =>
    [...block.matchAll(/^\$ (.*)$/gm)].map(([, command]) => command),
  );

/** Replaces the values that differ between machines. */
const maskMachineValues = (text) =>
  text.replace(/^(bus|place|display) .*$/gm, "$1 …").replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "…");

for (const page of pages) {
  it(`the examples of ${page}`, linuxOnly("a shell"), async (t) => {
    const session = await startSession();
    t.after(() => session.stop());
    const cwd = join(session.env.HOME, "project");
    mkdirSync(join(cwd, "node_modules"), { recursive: true });
    symlinkSync(root, join(cwd, "node_modules", "os-secrets"));
    const [program] = ways.native("secrets");
    const [runtime] = node(22);
    // Each command shows itself, as in the text, and then what it prints.
    const script = commandsOf(page)
      .map((command) => `cat <<'END'\n$ ${command}\nEND\n${command}\n`)
      .join("");
    const PATH = `${join(program, "..")}:${join(runtime, "..")}:${session.env.PATH}`;
    // Without these, files are where the text has them, below HOME.
    const env = { PATH, XDG_DATA_HOME: "", XDG_CONFIG_HOME: "" };
    const { stdout } = await session.run("bash", ["--norc", "-c", `exec 2>&1\n${script}`], { cwd, env });
    const expected = examples(page, "console").join("");
    assert.equal(
      maskMachineValues(stdout.replaceAll(session.env.HOME, "/home/me")),
      maskMachineValues(expected),
    );
  });
}

it("the manual shows the programs in many examples", () => {
  const commands = pages.flatMap(commandsOf);
  assert.ok(commands.length > 40, commands.join("\n"));
  for (const page of ["README.md", "docs/program.md"]) assert.ok(pages.includes(page), page);
});
