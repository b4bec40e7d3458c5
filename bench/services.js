// The Secret Services that the benchmarks run on, each in its own session.

const { kwallet, oo7Daemon, startProvider } = require("../__test__/support/providers.js");
const { place } = require("../tools/install.js");
const { startSession } = require("../__test__/support/session.js");
const { writeKeyring } = require("./keyring-file.js");
const { Participant, SHARED } = require("./participants.js");

/** The limits of a desktop's session bus. Those of dbus-daemon itself are stricter. */
const LIMITS = {
  max_completed_connections: 100_000,
  max_connections_per_user: 100_000,
  max_incomplete_connections: 10_000,
  max_replies_per_connection: 50_000,
};

/** Starts gnome-keyring on a keyring that already has its items. */
async function startGnomeKeyring(session, items) {
  writeKeyring(session, SHARED, items);
  await session.startKeyring();
}

/**
 * The services by their names in the options: the program, the default numbers of items, and how to start it.
 */
const services = {
  "gnome-keyring": {
    title: "gnome-keyring",
    program: "gnome-keyring-daemon",
    items: [10, 1000, 5000],
    begin: startGnomeKeyring,
    beginsFilled: true,
  },
  oo7: {
    title: "oo7-daemon",
    program: place("oo7", "bin", "oo7-daemon"),
    items: [10],
    begin: (session) => startProvider(session, oo7Daemon),
  },
  kwallet: {
    title: "KWallet",
    program: "kwalletd5",
    items: [10],
    begin: (session) => startProvider(session, kwallet),
  },
};

/** Starts a session with a service that has this number of items of `Bun.secrets`. */
async function startService({ begin, beginsFilled = false }, items) {
  const session = await startSession({ bus: false });
  try {
    await session.startBus("bus", { limits: LIMITS });
    await begin(session, items);
    if (!beginsFilled) {
      const filler = new Participant(session, "ours-node", items);
      await filler.fill();
      await filler.end();
    }
    return session;
  } catch (error) {
    await session.stop();
    throw error;
  }
}

module.exports = { services, startService };
