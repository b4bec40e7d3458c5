// Secret Services other than gnome-keyring. Each is started in a session as a desktop starts it, but without
// a screen and with its store unlocked.

const { mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { place } = require("../../tools/install.js");

const python = place("python", "bin", "python");
const oo7 = place("oo7", "bin", "oo7-daemon");

/** The number of tries to wait for a service. Some start slowly. */
const PATIENCE = 1200;

/** The D-Bus call that asks whether the default collection is locked. */
const defaultLocked = [
  "org.freedesktop.secrets",
  "/org/freedesktop/secrets/aliases/default",
  "org.freedesktop.DBus.Properties.Get",
  "string:org.freedesktop.Secret.Collection",
  "string:Locked",
];

/**
 * Waits until there is a default collection and it is unlocked. A provider may own its name on the bus before
 * that. KWallet's collection always says that it is locked: see services/kwallet.test.js.
 */
function waitUntilReady(session, { alwaysLocked = false }) {
  return session.waitForAnswer(defaultLocked, alwaysLocked ? /boolean true/ : /boolean false/, PATIENCE);
}

/** Starts a program and discards its output. */
function startQuietly(session, command, args, env = {}) {
  const child = session.start(command, args, {
    env: { ...session.env, QT_QPA_PLATFORM: "offscreen", ...env },
  });
  child.stdout.resume();
  child.stderr.resume();
  child.stdin.on("error", () => {});
  return child;
}

const wallet = ["org.kde.kwalletd5", "/modules/kwalletd5"];

const kwallet = {
  collection: "/org/freedesktop/secrets/collection/kdewallet",
  alwaysLocked: true,

  /**
   * Makes the wallet. kwalletd5 serves a wallet as a collection only if it finds the wallet when it starts.
   */
  async prepare(session) {
    writeFileSync(
      join(session.env.XDG_CONFIG_HOME, "kwalletrc"),
      `[Wallet]
Enabled=true
First Use=false
Default Wallet=kdewallet
Use One Wallet=true
Prompt on Open=false
[org.freedesktop.secrets]
apiEnabled=true
`,
    );
    const daemon = kwallet.run(session);
    await session.waitForAnswer(
      [...wallet, "org.kde.KWallet.isOpen", "string:kdewallet"],
      /boolean true/,
      PATIENCE,
    );
    await session.end(daemon, "SIGTERM");
  },

  run(session) {
    const env = { PAM_KWALLET5_LOGIN: join(session.directory, "pam-login") };
    return startQuietly(session, "/usr/bin/python3", [join(__dirname, "kwallet.py")], env);
  },

  /**
   * Writes the wallet to its file. kwalletd5 does this some seconds after a change, but not when it is
   * killed.
   */
  settle: (session) =>
    session.waitForAnswer([...wallet, "org.kde.KWallet.closeAllWallets"], /method return/, PATIENCE),
};

const keepassxc = {
  /** A lock over the bus would need a prompt. */
  lock: (session) => keepassxc.settle(session),

  async prepare(session) {
    const folder = join(session.env.XDG_CONFIG_HOME, "keepassxc");
    // If KeePassXC 2.7.4 saves after every change, one thread writes the database while another call changes
    // it, which sometimes crashes it. It also saves when it locks.
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, "keepassxc.ini"),
      `[FdoSecrets]
Enabled=true
ShowNotification=false
ConfirmAccessItem=false
ConfirmDeleteItem=false
[General]
UpdateCheckMessageShown=true
AutoSaveAfterEveryChange=false
[GUI]
CheckForUpdates=false
`,
    );
    const database = [join(session.directory, "database.kdbx"), "password"];
    const { code, stderr } = await session.run(python, [join(__dirname, "database.py"), ...database]);
    if (code !== 0) throw new Error(`the database cannot be made: ${stderr}`);
    // Its dialogs need a real screen, so that a test can answer them.
    await session.startDisplay();
  },

  run(session) {
    const args = ["--pw-stdin", join(session.directory, "database.kdbx")];
    // Its temporary folder must be private: there it looks for another instance and would send it the
    // database.
    const env = { QT_QPA_PLATFORM: "xcb", TMPDIR: session.env.XDG_RUNTIME_DIR };
    const child = startQuietly(session, "keepassxc", args, env);
    child.stdin.end("password\n");
    return child;
  },

  /** Saves and locks the database. */
  async settle(session) {
    const locking = ["org.keepassxc.KeePassXC.MainWindow", "/keepassxc"];
    await session.waitForAnswer(
      [...locking, "org.keepassxc.KeePassXC.MainWindow.lockAllDatabases"],
      /method return/,
      PATIENCE,
    );
    await session.waitForAnswer(defaultLocked, /boolean true/, PATIENCE);
  },

  /** Allows all access of one program to the items of another, until the session stops. */
  async agree(session) {
    while (!session.stopped) {
      // A dialog may go before its key is pressed.
      await session.answerDialog("Access Request", "Return").catch(() => {});
    }
  },
};

const oo7Daemon = {
  collection: "/org/freedesktop/secrets/collection/login",

  async prepare() {},

  run(session) {
    const child = startQuietly(session, oo7, ["--login"]);
    child.stdin.end("password");
    return child;
  },
};

/** Starts a provider in a session. Returns { start(), stop(), lock() }. */
async function startProvider(session, provider) {
  await provider.prepare(session);
  let child;
  const running = {
    async start() {
      child = provider.run(session);
      await waitUntilReady(session, provider);
    },
    async stop() {
      await provider.settle?.(session);
      await session.end(child);
    },
    lock: () => (provider.lock ? provider.lock(session) : session.lock(provider.collection)),
  };
  await running.start();
  return running;
}

module.exports = { keepassxc, kwallet, oo7Daemon, startProvider };
