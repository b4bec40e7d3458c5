// What a program says on a session's bus.

const { createInterface } = require("node:readline");

/** Starts to listen; `callsDuring` gives the methods that the client of the service calls meanwhile. */
async function startMonitor(session) {
  const monitor = session.start("dbus-monitor", ["--profile"]);
  const lines = createInterface(monitor.stdout)[Symbol.asyncIterator]();
  /** The method calls up to one that ends with this: [{ sender, method }]. */
  const callsUntil = async (last) => {
    const calls = [];
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`dbus-monitor ended before it showed ${last}`);
      const [type, , , sender, , , , method] = value.split("\t");
      if (method === last) return calls;
      if (type === "mc") calls.push({ sender, method });
    }
  };
  // The bus takes away its name, and then it sees all.
  await callsUntil("NameLost");

  let client;
  return {
    async callsDuring(work) {
      await work();
      // The bus keeps the order, so everything before this has been seen with it.
      const ping = ["org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.Peer.Ping"];
      const [calls] = await Promise.all([callsUntil("Ping"), session.call(...ping)]);
      client ??= calls.find(({ method }) => method === "OpenSession")?.sender;
      return calls.filter(({ sender }) => sender === client).map(({ method }) => method);
    },
  };
}

module.exports = { startMonitor };
