// The Secret Services that the bench runs on, each in a session of its own with so many items.

const { join } = require("node:path");
const { cache, kwallet, oo7Daemon, startProvider } = require("../__test__/support/providers.js");
const { startSession } = require("../__test__/support/session.js");
const { writeKeyring } = require("./keyring-file.js");
const { SHARED } = require("./participants.js");

/** What a desktop's session bus allows, where dbus-daemon by itself is stricter. */
const LIMITS = {
  max_completed_connections: 100_000,
  max_connections_per_user: 100_000,
  max_incomplete_connections: 10_000,
  max_replies_per_connection: 50_000,
};

/** A session with a bus, in which something is started; it stops where that fails. */
async function startWith(start) {
  const session = await startSession({ bus: false });
  try {
    await session.startBus("bus", { limits: LIMITS });
    await start(session);
    return session;
  } catch (error) {
    await session.stop();
    throw error;
  }
}

/** Starts one of the tests' providers, empty. */
async function withProvider(provider) {
  const session = await startWith((session) => startProvider(session, provider));
  return { session, filled: false };
}

/** Starts gnome-keyring on a keyring that holds its items already. */
async function withGnomeKeyring(items) {
  const session = await startWith((session) => {
    writeKeyring(session, SHARED, items);
    return session.startKeyring();
  });
  return { session, filled: true };
}

/** By the name that chooses it: its title, the program that it is, how many items by default. */
module.exports = {
  "gnome-keyring": {
    title: "gnome-keyring",
    program: "gnome-keyring-daemon",
    items: [10, 1000, 5000],
    start: withGnomeKeyring,
  },
  oo7: {
    title: "oo7-daemon",
    program: join(cache, "oo7", "bin", "oo7-daemon"),
    items: [10],
    start: () => withProvider(oo7Daemon),
  },
  kwallet: { title: "KWallet", program: "kwalletd5", items: [10], start: () => withProvider(kwallet) },
};
