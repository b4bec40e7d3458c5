"use strict";

// The variables of `process.env` that have no effect, because the process was started with other values.

const { directories, readVariable } = require("./calls.js");
const native = require("./load.js");

/** The variables that say what opens an encrypted file. */
const KEY_VARIABLES = ["OS_SECRETS_IDENTITY", "OS_SECRETS_PASSPHRASE"];

/** The value that a variable had when the package was loaded. */
function readDirectory(name) {
  return directories[name];
}

/**
 * Returns why one of these variables of `process.env` has no effect: the process was started with another value, or
 * Windows or macOS had another one when the package was loaded. Returns undefined if each has an effect or is not set.
 */
function whyIgnored(names, read = readVariable) {
  for (const name of names) {
    const value = read(name);
    if (value !== undefined && !native.hadValue(name, value)) {
      return (
        `${name} in process.env has no effect, because the process was not started with this value: a .env file ` +
        "or the program has set it. Set it before the process starts, or choose the store in code with openStore"
      );
    }
  }
  return undefined;
}

/** As `whyIgnored`, for variables that lead to a directory. Only the first that is set counts. */
function whyDirectoryIgnored(names) {
  const first = process.platform === "win32" ? "APPDATA" : names.find(readDirectory);
  return first === undefined ? undefined : whyIgnored([first], readDirectory);
}

/** Returns why the variables that lead to the user's configuration have no effect, or undefined. */
function whyConfigurationIgnored() {
  return whyDirectoryIgnored(["XDG_CONFIG_HOME", "HOME"]);
}

/** Returns why the variables that lead to an encrypted file have no effect, or undefined. */
function whyPathIgnored() {
  const reason = whyIgnored(["OS_SECRETS_FILE"]);
  if (reason !== undefined || native.wasSet("OS_SECRETS_FILE")) return reason;
  return whyDirectoryIgnored([native.isPathInSettings() ? "XDG_CONFIG_HOME" : "XDG_DATA_HOME", "HOME"]);
}

/** Returns why the variables that lead to the key of an encrypted file have no effect, or undefined. */
function whyKeyIgnored() {
  const reason = whyIgnored(KEY_VARIABLES);
  if (reason !== undefined || KEY_VARIABLES.some((name) => native.wasSet(name))) return reason;
  return whyIgnored(["CREDENTIALS_DIRECTORY"], readDirectory) ?? whyConfigurationIgnored();
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

/** Returns why the variables that log in to a server have no effect, or undefined. */
function whyLoginIgnored() {
  const reason = whyOfServerIgnored(LOGIN_VARIABLES);
  if (reason !== undefined || LOGIN_VARIABLES.some((name) => native.wasSet(name))) return reason;
  // The file with the token of `vault login` is there.
  return whyIgnored([process.platform === "win32" ? "USERPROFILE" : "HOME"], readDirectory);
}

/**
 * Returns why the environment does not choose this provider, although `process.env` or the settings file of `process.env`
 * names it. Returns undefined if it chooses it.
 */
function whyProviderIgnored(provider, settingsProvider) {
  return (
    whyIgnored(["OS_SECRETS_PROVIDER"]) ??
    (settingsProvider === "file" ? whyConfigurationIgnored() : undefined) ??
    (provider === "file" ? (whyPathIgnored() ?? whyKeyIgnored()) : undefined) ??
    (provider === "vault" ? (whyServerIgnored() ?? whyLoginIgnored()) : undefined)
  );
}

module.exports = {
  whyConfigurationIgnored,
  whyKeyIgnored,
  whyLoginIgnored,
  whyPathIgnored,
  whyProviderIgnored,
  whyServerIgnored,
};
