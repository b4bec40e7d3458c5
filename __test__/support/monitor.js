// Records the method calls of a program on a session's bus.

const { createInterface } = require("node:readline");

/**
 * Starts a monitor. Its `recordCalls(work)` returns the methods that the service's client calls during
 * `work`, and `recordAll(work)` those that all programs call.
 */
async function startMonitor(session) {
  const monitor = session.start("dbus-monitor", ["--profile"]);
  const lines = createInterface(monitor.stdout)[Symbol.asyncIterator]();
  /** Returns the method calls before the first call of `last`: [{ sender, method }]. */
  const readCallsUntil = async (last) => {
    const calls = [];
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`dbus-monitor ended before it showed ${last}`);
      const [type, , , sender, , , , method] = value.split("\t");
      if (method === last) return calls;
      if (type === "mc") calls.push({ sender, method });
    }
  };
  // The bus takes the monitor's name away. After that, the monitor sees all messages.
  await readCallsUntil("NameLost");

  /** Returns the method calls of all programs during `work`. */
  const recordAll = async (work) => {
    await work();
    // The bus keeps the order, so the monitor has seen all earlier calls when it sees this one.
    const ping = ["org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.Peer.Ping"];
    const [calls] = await Promise.all([readCallsUntil("Ping"), session.call(...ping)]);
    return calls;
  };

  let client;
  return {
    recordAll,
    async recordCalls(work) {
      const calls = await recordAll(work);
      client ??= calls.find(({ method }) => method === "OpenSession")?.sender;
      return calls.filter(({ sender }) => sender === client).map(({ method }) => method);
    },
  };
}

module.exports = { startMonitor };
