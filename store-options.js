"use strict";

// The options of `openStore`: one set for each provider.

const {
  assign,
  includes,
  isObject,
  isString,
  makeAbsolute,
  MAX_TIMEOUT,
  readOption,
  withStack,
  wrongType,
} = require("./calls.js");
const {
  whyConfigurationIgnored,
  whyKeyIgnored,
  whyLoginIgnored,
  whyPathIgnored,
  whyServerIgnored,
} = require("./ignored-variables.js");
const native = require("./load.js");

function invalidSetting(message) {
  return assign(new Error(message), { code: "ERR_SECRETS_INVALID_SETTING", reason: "invalid-setting" });
}

/** Reads an optional string option of `openStore`. */
function readTextOption(options, property) {
  return checkTextOption(readOption(options, property), property);
}

/** Checks an optional string option of `openStore`, and returns it. */
function checkTextOption(text, property) {
  if (text === undefined) return undefined;
  if (!isString(text) || text === "" || includes(text, "\0")) {
    throw invalidSetting(`The property 'options.${property}' must be a non-empty string without null bytes`);
  }
  return text;
}

/** For each provider, the function that opens its store in the native code. */
const providers = {
  __proto__: null,
  os: () => native.openOs(),
  memory: () => native.openMemory(),
  file(options) {
    const path = readTextOption(options, "path");
    const { identity, osIdentity } = readIdentity(options);
    const passphrase = readTextOption(options, "passphrase");
    const hasIdentity = identity !== undefined || osIdentity !== undefined;
    if (osIdentity !== undefined && passphrase !== undefined) {
      throw invalidSetting(
        "The property 'options.passphrase' cannot be given with an identity in the operating system's store, which " +
          "has no passphrase",
      );
    }
    const hasKey = hasIdentity || passphrase !== undefined;
    const reason =
      (path === undefined ? whyPathIgnored() : undefined) ?? (hasKey ? undefined : whyKeyIgnored());
    if (reason !== undefined) throw invalidSetting(reason);
    const mustExist = readOption(options, "mustExist");
    if (mustExist !== undefined && typeof mustExist !== "boolean") {
      throw invalidSetting("The property 'options.mustExist' must be a boolean");
    }
    return native.openFile(
      path === undefined ? path : makeAbsolute(path),
      makeIdentityAbsolute(identity),
      osIdentity,
      passphrase,
      mustExist ?? false,
    );
  },
  vault(options) {
    const server = { __proto__: null };
    for (const option of ["address", "mount", "prefix", "namespace", "caCert"]) {
      server[option] = readTextOption(options, option);
    }
    const login = readLogin(options);
    const reason = whyServerIgnored(server) ?? (login === undefined ? whyLoginIgnored() : undefined);
    if (reason !== undefined) throw invalidSetting(reason);
    const { caCert } = server;
    if (caCert !== undefined && !includes(caCert, "-----BEGIN ")) server.caCert = makeAbsolute(caCert);
    return native.openVault(server, login);
  },
  exec(options) {
    const command = readTextOption(options, "command");
    if (command === undefined) {
      throw invalidSetting("The property 'options.command' is required: the absolute path of a program");
    }
    const env = readOption(options, "env") ?? {};
    if (!isObject(env)) throw invalidSetting("The property 'options.env' must be an object");
    const variables = Object.entries(env).filter(([, value]) => value !== undefined);
    for (const [name, value] of variables) {
      if (
        name === "" ||
        includes(name, "=") ||
        includes(name, "\0") ||
        !isString(value) ||
        includes(value, "\0")
      ) {
        throw invalidSetting(
          "The property 'options.env' must map names of variables to strings, without null bytes",
        );
      }
    }
    const timeout = readOption(options, "timeout");
    const isTime = typeof timeout === "number" && timeout >= 1 && timeout <= MAX_TIMEOUT;
    if (timeout !== undefined && !isTime) {
      throw invalidSetting(`The property 'options.timeout' must be from 1 to ${MAX_TIMEOUT} milliseconds`);
    }
    return native.openExec(command, variables.flat(), Math.trunc(timeout ?? 0));
  },
};

/** The names of each provider's options. */
const optionsOf = {
  none: ["provider"],
  os: ["provider"],
  memory: ["provider"],
  file: ["provider", "path", "identity", "passphrase", "mustExist"],
  vault: [
    "provider",
    "address",
    "mount",
    "prefix",
    "namespace",
    "caCert",
    "token",
    "appRole",
    "kubernetes",
    "jwt",
  ],
  exec: ["provider", "command", "env", "timeout"],
};

/** For each log-in of a server that is an object: its options, and which of them are required. */
const logins = {
  __proto__: null,
  appRole: { options: ["mount", "roleId", "secretId"], required: ["roleId"] },
  kubernetes: { options: ["mount", "role", "jwtFile"], required: ["role"] },
  jwt: { options: ["mount", "role", "token"], required: ["role", "token"] },
};

/** Reads how to log in to a server. Returns it as the native code takes it, or undefined. */
function readLogin(options) {
  const names = ["token", "appRole", "kubernetes", "jwt"];
  const given = names.filter((name) => readOption(options, name) !== undefined);
  if (given.length > 1) {
    throw invalidSetting(`Only one of 'options.${given[0]}' and 'options.${given[1]}' may be given`);
  }
  const [kind] = given;
  if (kind === undefined) return undefined;
  if (kind === "token") return { kind, secret: readTextOption(options, kind) };
  const login = readOption(options, kind);
  if (!isObject(login)) throw invalidSetting(`The property 'options.${kind}' must be an object`);
  const { options: known, required } = logins[kind];
  refuseUnknown(login, known, `the log-in \`${kind}\``, `options.${kind}`);
  const [mount, role, last] = known.map((property) =>
    checkTextOption(readOption(login, property), `${kind}.${property}`),
  );
  for (const property of required) {
    if (readOption(login, property) === undefined)
      throw invalidSetting(`The property 'options.${kind}.${property}' is required`);
  }
  const isFile = kind === "kubernetes";
  return {
    kind,
    mount,
    role,
    secret: isFile ? undefined : last,
    file: isFile && last !== undefined ? makeAbsolute(last) : undefined,
  };
}

/**
 * Reads the option `identity`: a text, or the service and the name of an identity in the operating system's store.
 * Returns that one as an array for the native code.
 */
function readIdentity(options) {
  const identity = readOption(options, "identity");
  if (!isObject(identity)) return { identity: checkTextOption(identity, "identity"), osIdentity: undefined };
  const parts = ["service", "name"];
  const osIdentity = parts.map((part) => checkTextOption(readOption(identity, part), `identity.${part}`));
  for (const [at, part] of parts.entries()) {
    if (osIdentity[at] === undefined)
      throw invalidSetting(`The property 'options.identity.${part}' is required`);
  }
  refuseUnknown(identity, parts, "an identity in the operating system's store", "options.identity");
  return { identity: undefined, osIdentity };
}

/** Makes an identity absolute if it is a path. The text of an identity stays as it is. */
function makeIdentityAbsolute(identity) {
  return identity === undefined || native.isIdentity(identity) ? identity : makeAbsolute(identity);
}

/** Opens the native store of a provider that the program has written. */
function openCustom(provider) {
  const functions = { __proto__: null };
  for (const name of ["get", "set", "delete", "list"]) {
    functions[name] = readOption(provider, name);
    const isMissing = functions[name] === undefined;
    if (typeof functions[name] !== "function" && !(isMissing && name === "list")) {
      throw invalidSetting(`The property 'options.provider.${name}' must be a function`);
    }
  }
  // Loaded only here: most programs write none.
  return require("./custom-provider.js").openCustom(provider, functions);
}

/** Opens the native store of a provider, or the one that the environment chooses. */
function openNative(options) {
  if (!isObject(options)) throw wrongType("Expected options to be an object");
  const provider = readOption(options, "provider");
  if (isObject(provider)) {
    refuseUnknown(options, ["provider"], "a provider of your own");
    return openCustom(provider);
  }
  const open =
    provider === undefined ? native.openChosen : isString(provider) ? providers[provider] : undefined;
  if (open === undefined) {
    throw invalidSetting(
      "The property 'options.provider' must be one of: `os`, `file`, `vault`, `memory`, `exec`, or an object with functions",
    );
  }
  const of = provider === undefined ? "a store without a 'provider'" : `the provider \`${provider}\``;
  refuseUnknown(options, optionsOf[provider ?? "none"], of);
  return open(options);
}

/** Refuses an unknown option. If it were ignored, the program might use another file than it meant to. */
function refuseUnknown(options, known, of, name = "options") {
  for (const property of Object.keys(options)) {
    if (!known.includes(property) && readOption(options, property) !== undefined) {
      throw invalidSetting(`The property '${name}.${property}' is not an option of ${of}`);
    }
  }
}

/** Creates an identity in a new file. */
function createIdentity(options = {}) {
  if (!isObject(options)) throw wrongType("Expected options to be an object");
  const path = readTextOption(options, "path");
  refuseUnknown(options, ["path"], "createIdentity");
  const reason = path === undefined ? whyConfigurationIgnored() : undefined;
  if (reason !== undefined) throw invalidSetting(reason);
  return withStack(native.createIdentity(path === undefined ? path : makeAbsolute(path)));
}

module.exports = { createIdentity, openNative };
