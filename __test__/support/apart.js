// Scripts with file systems of their own, which nobody else sees.

/** Runs a script of bash in a session, with what it mounts for itself alone: { code, signal, stdout, stderr }. */
function runApart(session, script, args = [], options = {}) {
  // Whoever may not mount is root of a world of their own.
  const own = process.getuid() === 0 ? [] : ["--map-root-user"];
  const command = [...own, "--mount", "bash", "--norc", "-euc", script, "bash", ...args];
  return session.run("unshare", command, options);
}

module.exports = { runApart };
