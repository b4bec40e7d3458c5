"use strict";

// The store that the environment chooses, and the variables of `process.env` that have no effect on it.

const native = require("./load.js");

// Copied here, so that a program that changes the globals later does not change what follows.
const { hasOwn } = Object;

/** The variables that say what opens an encrypted file. */
const KEY_VARIABLES = ["OS_SECRETS_IDENTITY", "OS_SECRETS_PASSPHRASE"];

/** Reads a variable of `process.env`. An empty one counts as unset. */
function readVariable(name) {
  // Deno asks the user for a permission if a variable is read without.
  const permissions = globalThis.Deno?.permissions;
  if (permissions?.querySync({ name: "env", variable: name }).state === "prompt") return undefined;
  try {
    const value = process.env[name];
    return typeof value === "string" && value !== "" && hasOwn(process.env, name) ? value : undefined;
  } catch {
    // Deno denies it.
    return undefined;
  }
}

/**
 * Returns why one of these variables of `process.env` has no effect: the process was started with another value, or
 * Windows or macOS had another one when the package was loaded. Returns undefined if each has an effect or is not set.
 */
function whyIgnored(names) {
  for (const name of names) {
    const value = readVariable(name);
    if (value !== undefined && !native.hadValue(name, value)) {
      return (
        `${name} in process.env has no effect, because the process was not started with this value: a .env file ` +
        "or the program has set it. Set it before the process starts, or choose the store in code with openStore"
      );
    }
  }
  return undefined;
}

/** As `whyIgnored`, for variables of which only the first that is set counts. */
function whyDirectoryIgnored(names) {
  const first = process.platform === "win32" ? "APPDATA" : names.find((name) => readVariable(name));
  return first === undefined ? undefined : whyIgnored([first]);
}

// Programs may change these variables later for other reasons, so they are compared only once. They count only if the
// variables of the package do not name the file or its key.
const whyConfigurationIgnored = whyDirectoryIgnored(["XDG_CONFIG_HOME", "HOME"]);
const whyUsualPathIgnored = native.wasSet("OS_SECRETS_FILE")
  ? undefined
  : whyDirectoryIgnored([native.isPathInSettings() ? "XDG_CONFIG_HOME" : "XDG_DATA_HOME", "HOME"]);
const whyUsualKeyIgnored = KEY_VARIABLES.some((name) => native.wasSet(name))
  ? undefined
  : (whyIgnored(["CREDENTIALS_DIRECTORY"]) ?? whyConfigurationIgnored);

/** The store that the user's settings file names, if the environment names none. */
const settingsProvider = native.settingsProvider() ?? undefined;
/** Why the settings file is not the one of `process.env`, if it names an encrypted file as the store. */
const whySettingsIgnored = settingsProvider === "file" ? whyConfigurationIgnored : undefined;

/** Returns why the variables that lead to an encrypted file have no effect, or undefined. */
function whyPathIgnored() {
  return whyIgnored(["OS_SECRETS_FILE"]) ?? whyUsualPathIgnored;
}

/** Returns why the variables that lead to the key of an encrypted file have no effect, or undefined. */
function whyKeyIgnored() {
  return whyIgnored(KEY_VARIABLES) ?? whyUsualKeyIgnored;
}

/**
 * For each option that leads to a server of Vault or OpenBao, the variables that count if the option is not given. Those of
 * `caCert` say who may sign the server's certificate; the last two replace the authorities of the system.
 */
const SERVER_VARIABLES = {
  __proto__: null,
  address: ["BAO_ADDR", "VAULT_ADDR"],
  mount: ["OS_SECRETS_VAULT_MOUNT"],
  prefix: ["OS_SECRETS_VAULT_PREFIX"],
  namespace: ["BAO_NAMESPACE", "VAULT_NAMESPACE"],
  caCert: ["BAO_CACERT", "VAULT_CACERT", "SSL_CERT_FILE", "SSL_CERT_DIR"],
};

/** The variables that log in to it. */
const LOGIN_VARIABLES = [
  "BAO_TOKEN",
  "VAULT_TOKEN",
  "OS_SECRETS_VAULT_AUTH_MOUNT",
  "OS_SECRETS_VAULT_ROLE_ID",
  "OS_SECRETS_VAULT_SECRET_ID",
  "OS_SECRETS_VAULT_KUBERNETES_ROLE",
  "OS_SECRETS_VAULT_KUBERNETES_JWT_FILE",
  "OS_SECRETS_VAULT_JWT_ROLE",
  "OS_SECRETS_VAULT_JWT",
];

/** As `whyIgnored`. A variable of Vault does not count if that of OpenBao was set, which takes precedence. */
function whyOfServerIgnored(names) {
  return whyIgnored(
    names.filter((name) => !(name.startsWith("VAULT_") && native.wasSet(name.replace("VAULT_", "BAO_")))),
  );
}

/** Returns why the variables that lead to a server have no effect, or undefined. Those of given options do not matter. */
function whyServerIgnored(options = { __proto__: null }) {
  for (const option in SERVER_VARIABLES) {
    const reason = options[option] === undefined ? whyOfServerIgnored(SERVER_VARIABLES[option]) : undefined;
    if (reason !== undefined) return reason;
  }
  return undefined;
}

// The file with the token of `vault login` is there. As above, it is compared only once.
const whyHomeIgnored = whyIgnored([process.platform === "win32" ? "USERPROFILE" : "HOME"]);

/** Returns why the variables that log in to a server have no effect, or undefined. */
function whyLoginIgnored() {
  const isNamed = LOGIN_VARIABLES.some((name) => native.wasSet(name));
  return whyOfServerIgnored(LOGIN_VARIABLES) ?? (isNamed ? undefined : whyHomeIgnored);
}

/**
 * Returns the store that the environment chooses, as the native code takes it. If `process.env` names another
 * one, the calls of the returned store reject: they must not go to a store that the program does not expect.
 */
function environmentStore() {
  const provider = readVariable("OS_SECRETS_PROVIDER") ?? settingsProvider;
  if (provider === undefined) return undefined;
  const reason =
    whyIgnored(["OS_SECRETS_PROVIDER"]) ??
    whySettingsIgnored ??
    (provider === "file" ? (whyPathIgnored() ?? whyKeyIgnored()) : undefined) ??
    (provider === "vault" ? (whyServerIgnored() ?? whyLoginIgnored()) : undefined);
  return reason === undefined ? undefined : native.openRefusing(reason);
}

module.exports = {
  environmentStore,
  whyConfigurationIgnored,
  whyKeyIgnored,
  whyLoginIgnored,
  whyPathIgnored,
  whyServerIgnored,
};
