const assert = require("node:assert/strict");
const { join } = require("node:path");

const program = join(__dirname, "terminal.py");

/**
 * Runs a command on a terminal in a session and types into it. Each step is [text to wait for, text to type].
 * Returns how the command ended, what the terminal showed, and whether its settings are unchanged.
 */
async function runOnTerminal(session, command, steps, env = {}) {
  const task = { command, steps, env: { ...session.env, ...env }, cwd: session.directory };
  const input = JSON.stringify(task);
  const { code, stdout, stderr } = await session.run("/usr/bin/python3", [program], { input });
  assert.equal(code, 0, stderr);
  const { shown, untyped, ...ended } = JSON.parse(stdout);
  assert.equal(untyped, 0, shown);
  // terminal.py types a newline to start the command, which the terminal also shows.
  return { ...ended, shown: shown.replace(/^\r?\n/, "").replaceAll("\r\n", "\n") };
}

module.exports = { runOnTerminal };
