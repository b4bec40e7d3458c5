// Runs scripts with private mounts, which no other process sees.

/** Runs a bash script in its own mount namespace, in a session: { code, signal, stdout, stderr }. */
function runIsolated(session, script, args = [], options = {}) {
  // Only root may mount, so other users become root in their own user namespace.
  const own = process.getuid() === 0 ? [] : ["--map-root-user"];
  const command = [...own, "--mount", "bash", "--norc", "-euc", script, "bash", ...args];
  return session.run("unshare", command, options);
}

module.exports = { runIsolated };
