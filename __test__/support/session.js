// A private session: its own bus, home and keyring, so that no test touches the store of the user who runs
// it. A test stops its session at the end. Processes are ended by their id.
//
// Windows has neither a bus nor a keyring, and only one store, which the tests empty: see credentials.js. On the model of
// Keychain, each session has keychains of its own.

const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { existsSync, mkdtempSync, mkdirSync, realpathSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { createInterface } = require("node:readline");
const { clearCredentials } = require("./credentials.js");
const { isWindows, isWine, keychainModel } = require("./platform.js");

/** The only service directory is the test's own, so that the bus can start no other service. */
const BUS_CONFIGURATION = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=SOCKET</listen>
  <auth>EXTERNAL</auth>SERVICESLIMITS
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>POLICY
  </policy>
</busconfig>
`;

const SERVICE = "org.freedesktop.secrets";

/** The variables of Windows that programs need. */
const OF_WINDOWS = [
  "ComSpec",
  "PATH",
  "PATHEXT",
  "SystemDrive",
  "SystemRoot",
  "USERDOMAIN",
  "USERNAME",
  "windir",
];

/** What a program has printed, without the warning that Bun prints under Wine for every package.json that it finds. */
function withoutNoise(text) {
  return isWine ? text.replace(/Internal error: directory mismatch for directory .*\n/g, "") : text;
}

/** Returns a call to the bus about the owner of the Secret Service's name. */
function makeOwnerCall(method) {
  const name = "org.freedesktop.DBus";
  return [name, "/org/freedesktop/DBus", `${name}.${method}`, `string:${SERVICE}`];
}

/** Waits for a process to print a text that matches. Returns the match. */
async function waitForOutput(child, stream, pattern) {
  let text = "";
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`${child.spawnfile} ended with ${code} before it printed ${pattern}: ${text}`);
  });
  const found = (async () => {
    for await (const chunk of child[stream]) {
      text += chunk;
      const match = pattern.exec(text);
      if (match) return match;
    }
    return ended;
  })();
  return Promise.race([found, ended]);
}

class Session {
  #children = new Set();
  // Programs print the long form of a Windows path, so this is the long form as well.
  #directory = mkdtempSync(join(realpathSync.native(tmpdir()), "os-secrets-test-"));
  /** The environment of programs in the session. */
  env;
  /** The user's home directory. */
  home;
  /** The directory for the configuration of programs. */
  configuration;
  /** The directory for the data of programs. */
  data;
  /** Whether the session was stopped. */
  stopped = false;

  constructor() {
    const at = (name) => {
      const path = join(this.#directory, name);
      mkdirSync(path, { mode: 0o700 });
      return path;
    };
    this.home = at("home");
    this.configuration = at("config");
    this.data = isWindows ? this.configuration : at("data");
    this.env = isWindows ? this.#windows(at) : this.#linux(at);
  }

  #linux(at) {
    return {
      PATH: process.env.PATH,
      LANG: "C.UTF-8",
      HOME: this.home,
      XDG_CONFIG_HOME: this.configuration,
      XDG_DATA_HOME: this.data,
      XDG_CACHE_HOME: at("cache"),
      XDG_RUNTIME_DIR: at("run"),
      DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(this.#directory, "bus")}`,
      ...(keychainModel && {
        KEYCHAIN_MODEL: join(this.#directory, "keychains.json"),
        // All runtimes and programs are the same executable, unless a test says otherwise.
        KEYCHAIN_MODEL_EXECUTABLE: "/usr/local/bin/node",
      }),
    };
  }

  #windows(at) {
    const temporary = at("temp");
    return {
      ...Object.fromEntries(OF_WINDOWS.map((name) => [name, process.env[name]])),
      USERPROFILE: this.home,
      APPDATA: this.configuration,
      LOCALAPPDATA: at("local"),
      TEMP: temporary,
      TMP: temporary,
    };
  }

  /** The folder that contains all files of the session. */
  get directory() {
    return this.#directory;
  }

  /** Starts a program in the session. It is killed when the session stops. */
  start(command, args, options = {}) {
    const child = spawn(command, args, { env: this.env, stdio: "pipe", ...options });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  /**
   * Starts a program in the session that is talked to in lines. Returns the process, a function that reads its next line,
   * and a promise of how it ended: { code, signal, stderr }.
   */
  startInLines(command, args) {
    const child = this.start(command, args);
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const readLine = async () => {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${[command, ...args].join(" ")} has ended: ${stderr}`);
      return value;
    };
    const closed = once(child, "close").then(([code, signal]) => {
      return { code, signal, stderr: withoutNoise(stderr) };
    });
    return { child, readLine, closed };
  }

  /** Runs a program in the session until it ends: { code, signal, stdout, stderr }. */
  async run(command, args, { input = "", env = {}, cwd } = {}) {
    const child = this.start(command, args, { env: { ...this.env, ...env }, cwd });
    const texts = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"]) {
      child[name].setEncoding("utf8").on("data", (text) => {
        texts[name] += text;
      });
    }
    // A program may end without reading its input.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    const [code, signal] = await once(child, "close");
    return { code, signal, ...texts, stderr: withoutNoise(texts.stderr) };
  }

  /**
   * Starts the bus on a socket of this name in the session's folder. If `activates` is true, the bus starts
   * an unlocked gnome-keyring when a program calls the Secret Service. The default `limits` are dbus-daemon's
   * own, which are stricter than a desktop's. `policy` adds rules to the default policy, as XML.
   */
  async startBus(socket = "bus", { activates = false, limits = {}, policy = "" } = {}) {
    const at = (name) => join(this.#directory, name);
    const services = activates ? `<servicedir>${at("services")}</servicedir>` : "";
    const limit = ([name, value]) => `<limit name="${name}">${value}</limit>`;
    const configuration = BUS_CONFIGURATION.replace("SOCKET", at(socket))
      .replace("SERVICES", services)
      .replace("POLICY", policy)
      .replace("LIMITS", Object.entries(limits).map(limit).join(""));
    writeFileSync(at("bus.conf"), configuration);
    if (activates) {
      const keyring = "gnome-keyring-daemon --foreground --unlock --components=secrets";
      writeFileSync(at("start-keyring"), `#!/bin/sh\necho | exec ${keyring}\n`, { mode: 0o700 });
      mkdirSync(at("services"), { recursive: true });
      writeFileSync(
        at(join("services", "org.freedesktop.secrets.service")),
        `[D-BUS Service]\nName=org.freedesktop.secrets\nExec=${at("start-keyring")}\n`,
      );
    }
    const bus = this.start("dbus-daemon", ["--nofork", "--print-address", `--config-file=${at("bus.conf")}`]);
    await waitForOutput(bus, "stdout", /^unix:.*\n/);
    return bus;
  }

  /**
   * Starts gnome-keyring and unlocks its login keyring, which it creates if it does not exist yet. If
   * `password` is null, it unlocks nothing. `prompter` answers its prompts.
   */
  async startKeyring({ password = "", prompter } = {}) {
    const unlock = password === null ? [] : ["--unlock"];
    const env = prompter ? { ...this.env, GNOME_KEYRING_TEST_PROMPTER: prompter.name } : this.env;
    const args = ["--foreground", ...unlock, "--components=secrets"];
    const keyring = this.start("gnome-keyring-daemon", args, { env });
    keyring.stdin.end(password === "" ? "\n" : (password ?? ""));
    keyring.stdout.resume();
    keyring.stderr.resume();
    await this.waitForOwner();
    return keyring;
  }

  /**
   * Starts gnome-keyring on a keyring that has no password. If there is none yet, makes it, with this name.
   * Unlike the keyring with the password "", which is a line break, it is a text file. Returns the daemon and the
   * path of the file.
   */
  async startTextKeyring(name = "login") {
    const folder = join(this.data, "keyrings");
    const path = join(folder, `${name}.keyring`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!existsSync(path)) {
      writeFileSync(path, "[keyring]\ndisplay-name=Text\nctime=0\nmtime=0\n", { mode: 0o600 });
      writeFileSync(join(folder, "default"), name);
    }
    const keyring = await this.startKeyring({ password: null });
    return { keyring, path };
  }

  /** Starts a prompter for gnome-keyring. `expect` tells it how to answer the next prompts. */
  async startPrompter() {
    const child = this.start("/usr/bin/python3", [join(__dirname, "prompter.py")]);
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const { value: name } = await lines.next();
    return {
      name,
      async expect(...commands) {
        for (const command of commands) {
          child.stdin.write(`${command}\n`);
          await lines.next();
        }
      },
    };
  }

  /** Starts a virtual screen for programs that show dialogs. */
  async startDisplay() {
    const display = this.start("Xvfb", [
      "-displayfd",
      "1",
      "-screen",
      "0",
      "1024x768x24",
      "-nolisten",
      "tcp",
    ]);
    display.stderr.resume();
    const [number] = await waitForOutput(display, "stdout", /\d+\n/);
    this.env.DISPLAY = `:${number.trim()}`;
  }

  /** Waits for a dialog on the screen and gives it the keyboard focus. */
  waitForDialog(title) {
    return this.#xdotool("search", "--sync", "--onlyvisible", "--name", title, "windowfocus", "--sync");
  }

  /** Waits for a dialog on the screen, types a text if there is one, and presses a key. */
  async answerDialog(title, key, text = "") {
    await this.waitForDialog(title);
    if (text !== "") await this.#xdotool("type", text);
    await this.#xdotool("key", key);
  }

  async #xdotool(...args) {
    const { code, stderr } = await this.run("xdotool", args);
    if (code !== 0) throw new Error(`xdotool ${args.join(" ")} failed: ${stderr}`);
  }

  /** Calls a method over the bus. The arguments are those of dbus-send. Returns { code, stdout, stderr }. */
  call(destination, path, method, ...args) {
    const message = [`--dest=${destination}`, path, method, ...args];
    return this.run("dbus-send", ["--session", "--print-reply", ...message]);
  }

  /** Repeats a call over the bus until its answer matches. `question` holds the arguments of `call`. */
  async waitForAnswer(question, pattern, tries = 200) {
    for (let left = tries; left > 0; left--) {
      const { stdout } = await this.call(...question);
      if (pattern.test(stdout)) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`${question.join(" ")} got no answer that matches ${pattern}`);
  }

  /** Locks a collection. The default is gnome-keyring's login keyring. */
  async lock(collection = "/org/freedesktop/secrets/collection/login") {
    const method = "org.freedesktop.Secret.Service.Lock";
    const objects = `array:objpath:${collection}`;
    const { stdout, stderr } = await this.call(SERVICE, "/org/freedesktop/secrets", method, objects);
    if (!stdout.includes(`"${collection}"`)) throw new Error(`${collection} cannot be locked: ${stderr}`);
  }

  /** Waits until a process owns the Secret Service's name. */
  async waitForOwner() {
    await this.waitForAnswer(makeOwnerCall("NameHasOwner"), /boolean true/);
  }

  /** Kills the process that owns the Secret Service's name. */
  async endOwner() {
    const { stdout } = await this.call(...makeOwnerCall("GetConnectionUnixProcessID"));
    process.kill(Number(/uint32 (\d+)/.exec(stdout)[1]), "SIGKILL");
    await this.waitForAnswer(makeOwnerCall("NameHasOwner"), /boolean false/);
  }

  /** Kills a program and waits until it has ended. */
  async end(child, signal = "SIGKILL") {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  async stop() {
    this.stopped = true;
    await Promise.all([...this.#children].map((child) => this.end(child)));
    if (isWindows) clearCredentials();
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * Starts a session. By default it has a bus and an unlocked gnome-keyring. On Windows it has an empty store.
 */
async function startSession({ bus = true, keyring = bus } = {}) {
  if (isWindows) clearCredentials();
  const session = new Session();
  if (isWindows || keychainModel) return session;
  try {
    if (bus) await session.startBus();
    if (keyring) await session.startKeyring();
    return session;
  } catch (error) {
    await session.stop();
    throw error;
  }
}

module.exports = { startSession };
