// Programs on a terminal of their own.

const assert = require("node:assert/strict");
const { join } = require("node:path");

const program = join(__dirname, "terminal.py");

/**
 * Runs a command in a session where somebody types, in steps of [what to wait for, what to type then]: how it
 * ended, what the terminal showed, and whether it was left as it was found.
 */
async function runOnTerminal(session, command, steps, env = {}) {
  const task = { command, steps, env: { ...session.env, ...env }, cwd: session.directory };
  const input = JSON.stringify(task);
  const { code, stdout, stderr } = await session.run("/usr/bin/python3", [program], { input });
  assert.equal(code, 0, stderr);
  const { shown, untyped, ...ended } = JSON.parse(stdout);
  assert.equal(untyped, 0, shown);
  // The newline that let the command start is shown as well.
  return { ...ended, shown: shown.replace(/^\r?\n/, "").replaceAll("\r\n", "\n") };
}

module.exports = { runOnTerminal };
