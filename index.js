"use strict";

// The argument shim: it checks arguments as `Bun.secrets` does, with the same errors, and calls the native
// code.

const native = require("./load.js");

// Copied here, so that a program that changes the globals later does not change the checks.
const { assign, defineProperty, getPrototypeOf, hasOwn, prototype: objectPrototype } = Object;
const { get: reflectGet } = Reflect;
const { parse } = JSON;
const { captureStackTrace } = Error;
const includes = Function.prototype.call.bind(String.prototype.includes);
const typedArrays = getPrototypeOf(Uint8Array.prototype);
const keys = Function.prototype.call.bind(typedArrays.keys);
/** Returns the class name of a typed array of any realm, and undefined for any other value. */
const kindOfArray = Function.prototype.call.bind(
  Object.getOwnPropertyDescriptor(typedArrays, Symbol.toStringTag).get,
);

/** The maximum timeout, as for timers. */
const MAX_TIMEOUT = 2 ** 31 - 1;
/** The token of calls whose signal has fired before they start. */
const CANCELED = 2 ** 32 - 1;
let lastToken = 0;

function invalid(code, message) {
  return assign(new TypeError(message), { code });
}

function wrongType(message) {
  return invalid("ERR_INVALID_ARG_TYPE", message);
}

/**
 * Reads an option. It may be inherited or a getter, but properties of `Object.prototype` are ignored:
 * a polluted prototype must not choose credentials.
 */
function readOption(options, property) {
  if (!hasOwn(objectPrototype, property)) return options[property];
  // Loaded only here, because Bun takes longer to load it than everything else together.
  const { isProxy } = require("node:util").types;
  for (let holder = options; holder !== null; holder = getPrototypeOf(holder)) {
    if (holder === objectPrototype && holder !== options) return undefined;
    if (isProxy(holder) || hasOwn(holder, property)) {
      return reflectGet(holder, property, options);
    }
  }
  return undefined;
}

function isString(value) {
  return typeof value === "string";
}

function isObject(value) {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function readKey(options) {
  if (!isObject(options)) throw wrongType("Expected options to be an object");
  const service = readOption(options, "service");
  const name = readOption(options, "name");
  if (!isString(service) || !isString(name)) {
    throw wrongType("Expected service and name to be strings");
  }
  return { service, name };
}

function checkKey(service, name, value = "") {
  if (service === "" || name === "") throw wrongType("Expected service and name to not be empty");
  if (includes(service, "\0") || includes(name, "\0") || includes(value, "\0")) {
    throw invalid(
      "ERR_INVALID_ARG_VALUE",
      "Expected service, name, and value to be strings without null bytes",
    );
  }
}

/** The limits of a call without any. Both are own properties, so that `Object.prototype` cannot add them. */
const UNBOUNDED = { signal: undefined, limits: undefined };

/** Reads the limits of a call. `limits` is an array for the native code, or undefined if there are none. */
function readBounds(options) {
  const signal = readOption(options, "signal");
  const timeout = readOption(options, "timeout");
  const interactive = readOption(options, "interactive");
  // A signal of any realm or polyfill is accepted, as in Node's own functions.
  const isSignal = isObject(signal) && "aborted" in signal && typeof signal.addEventListener === "function";
  if (signal !== undefined && !isSignal) {
    throw wrongType("The property 'options.signal' must be an AbortSignal");
  }
  if (timeout !== undefined && typeof timeout !== "number") {
    throw wrongType("The property 'options.timeout' must be a number of milliseconds");
  }
  if (timeout !== undefined && !(timeout >= 1 && timeout <= MAX_TIMEOUT)) {
    throw invalid(
      "ERR_INVALID_ARG_VALUE",
      `The property 'options.timeout' must be from 1 to ${MAX_TIMEOUT} milliseconds`,
    );
  }
  if (interactive !== undefined && typeof interactive !== "boolean") {
    throw wrongType("The property 'options.interactive' must be a boolean");
  }
  if (signal === undefined && timeout === undefined && interactive !== false) return UNBOUNDED;
  return { signal, limits: [Math.trunc(timeout ?? 0), interactive ?? true, 0] };
}

/** Starts a native call and cancels it when the signal fires. */
function startCall({ signal, limits }, call) {
  if (signal === undefined) return call(limits);
  const [timeout, interactive] = limits;
  if (!signal.aborted) lastToken = (lastToken % (CANCELED - 1)) + 1;
  const token = signal.aborted ? CANCELED : lastToken;
  const outcome = call([timeout, interactive, token]);
  const settled = token === CANCELED ? undefined : cancelWith(signal, token);
  // The only reaction to this promise: if there were two, runtimes would not know whose stack an error needs.
  return outcome.then(
    (value) => {
      settled?.();
      return withoutThen(value);
    },
    (error) => {
      settled?.();
      throw addCause(error, signal);
    },
  );
}

/** The calls in progress that a signal cancels: signal → { tokens, cancel }. */
const canceledBy = new WeakMap();

/**
 * Makes a signal cancel a call. Returns a function that undoes this. Each signal has only one listener,
 * because some runtimes warn about more than ten.
 */
function cancelWith(signal, token) {
  let calls = canceledBy.get(signal);
  if (calls === undefined) {
    const tokens = new Set();
    const cancel = () => {
      for (const each of tokens) native.cancel(each);
    };
    calls = { tokens, cancel };
    canceledBy.set(signal, calls);
    signal.addEventListener("abort", cancel, { once: true });
  }
  const { tokens, cancel } = calls;
  tokens.add(token);
  return () => {
    tokens.delete(token);
    if (tokens.size > 0) return;
    signal.removeEventListener("abort", cancel);
    canceledBy.delete(signal);
  };
}

/**
 * Returns a value for a promise to be resolved with. The promise looks for a `then` of an object, which must
 * not lead to a polluted `Object.prototype`. Before the promise's next handler runs, the property is gone.
 */
function withoutThen(value) {
  if (isObject(value) && !hasOwn(value, "then")) {
    defineProperty(value, "then", { __proto__: null, value: undefined, configurable: true });
    queueMicrotask(() => delete value.then);
  }
  return value;
}

/** Sets the `cause` of an AbortError to its signal's reason. */
function addCause(error, signal) {
  if (error.code === "ABORT_ERR") {
    defineProperty(error, "cause", { value: signal.reason, writable: true, configurable: true });
  }
  return error;
}

/**
 * Returns a promise that rejects with an error, which gets a stack meanwhile: the functions that await the call. The
 * native code resolves the promise of a failed call with this one. A call that succeeds costs nothing.
 */
async function rejectWithStack(error) {
  // By then, the call's promise waits for this one, so that the runtime finds who awaits it.
  await undefined;
  await undefined;
  addStack(error, rejectWithStack);
  throw error;
}

/** Gives an error a stack, without the frames of a function and of those that it has called. */
function addStack(error, without) {
  try {
    captureStackTrace(error, without);
  } catch {
    // What the program has put in place of the runtime's function failed. The error is more important.
  }
}

/**
 * Returns the promise of a call whose error has a stack. Bun finds the functions that await a call only from within a
 * function that awaits it, too.
 */
const withStack = process.versions.bun
  ? async function withStack(outcome) {
      try {
        return withoutThen(await outcome);
      } catch (error) {
        addStack(error, withStack);
        throw error;
      }
    }
  : (outcome) => outcome;

if (!process.versions.bun) native.rejectWith(rejectWithStack);

/**
 * Reads the options of `set`. The value may be the second argument instead. `kept` holds two flags for the
 * native code: whether the credential stays on this machine, and whether every application may read it.
 */
function readSetOptions(options, second, isValue) {
  const { service, name } = readKey(options);
  const own = readOption(options, "value");
  const value = own === undefined ? second : own;
  if (value === undefined || value === null) {
    throw wrongType("Expected 'value' to be a string. To delete the secret, call secrets.delete instead.");
  }
  if (!isValue(value)) {
    throw wrongType(`Expected 'value' to be a string${isValue === isString ? "" : " or a Uint8Array"}`);
  }
  // Used on macOS, and `persist` on Windows. Both are read on every platform, so that a getter runs on each.
  const unrestricted = Boolean(readOption(options, "allowUnrestrictedAccess"));
  const persist = readOption(options, "persist");
  if (persist !== undefined && persist !== "local" && persist !== "enterprise") {
    throw invalid(
      "ERR_INVALID_ARG_VALUE",
      "The property 'options.persist' must be one of: `local`, `enterprise`",
    );
  }
  return { service, name, value, bounded: readBounds(options), kept: [persist === "local", unrestricted] };
}

/** Reads the credential and the limits from either form of a method's arguments. */
function readKeyArguments(method, args) {
  if (args.length === 0) throw wrongType(`${method} requires an options object`);
  const [first, second] = args;
  if (isString(first) && isString(second)) {
    checkKey(first, second);
    return { service: first, name: second, bounded: UNBOUNDED, options: undefined };
  }
  const { service, name } = readKey(first);
  checkKey(service, name);
  return { service, name, bounded: readBounds(first), options: first };
}

/** Reads the arguments of `set` in any of their forms. `isValue` says which values are allowed. */
function readSetArguments(args, isValue) {
  const [first, second, third] = args;
  const positional = isString(first) && isString(second) && isValue(third);
  const { service, name, value, bounded, kept } = positional
    ? { service: first, name: second, value: third, bounded: UNBOUNDED, kept: [] }
    : readSetOptions(first, second, isValue);
  checkKey(service, name, isString(value) ? value : "");
  if (!isString(value)) checkMemory(value);
  return { service, name, value, bounded, kept };
}

/** Whether a store from `openStore` accepts a value of this type. */
function isValue(value) {
  return isString(value) || kindOfArray(value) === "Uint8Array";
}

/**
 * Refuses an array whose buffer is detached or too small: it looks empty, and an empty value deletes. Call
 * this last, because a getter of the options may detach the buffer.
 */
function checkMemory(array) {
  try {
    keys(array);
  } catch {
    throw invalid("ERR_INVALID_ARG_VALUE", "The buffer of 'value' is detached or too small");
  }
}

/** The variables that say what opens an encrypted file. */
const KEY_VARIABLES = ["OS_SECRETS_IDENTITY", "OS_SECRETS_PASSPHRASE"];

/** Reads a variable of `process.env`. An empty one counts as unset. */
function readVariable(name) {
  // Deno asks the user for a permission if a variable is read without.
  const permissions = globalThis.Deno?.permissions;
  if (permissions?.querySync({ name: "env", variable: name }).state === "prompt") return undefined;
  try {
    const value = process.env[name];
    return isString(value) && value !== "" && hasOwn(process.env, name) ? value : undefined;
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
 * Returns the store that the environment chooses, as the native code takes it. If `process.env` names another
 * one, the calls of the returned store reject: they must not go to a store that the program does not expect.
 */
function environmentStore() {
  const provider = readVariable("OS_SECRETS_PROVIDER") ?? settingsProvider;
  if (provider === undefined) return undefined;
  const reason =
    whyIgnored(["OS_SECRETS_PROVIDER"]) ??
    whySettingsIgnored ??
    (provider === "file" ? (whyPathIgnored() ?? whyKeyIgnored()) : undefined);
  return reason === undefined ? undefined : native.openRefusing(reason);
}

// Methods, not functions: like Bun's, they have no prototype and cannot be called with `new`.
const methods = {
  get(...args) {
    const { service, name, bounded } = readKeyArguments("secrets.get", args);
    return withStack(startCall(bounded, (limits) => native.get(environmentStore(), service, name, limits)));
  },
  set(...args) {
    const { service, name, value, bounded, kept } = readSetArguments(args, isString);
    return withStack(
      startCall(bounded, (limits) => native.set(environmentStore(), service, name, value, limits, ...kept)),
    );
  },
  delete(...args) {
    const { service, name, bounded } = readKeyArguments("secrets.delete", args);
    return withStack(
      startCall(bounded, (limits) => native.delete(environmentStore(), service, name, limits)),
    );
  },
};

// Like Bun's, the methods cannot be replaced, and they have the same `length`.
const secrets = {};
for (const [name, length] of Object.entries({ get: 1, set: 2, delete: 1 })) {
  const value = defineProperty(methods[name], "length", { value: length });
  defineProperty(secrets, name, { value, enumerable: true });
}

/** The store that `openStore` returns. */
class Store {
  #closed = false;
  #native;
  #isChosen;

  /** `native` is a store of the native code. `isChosen` says that the environment chooses it. */
  constructor(native, isChosen) {
    this.#native = native;
    this.#isChosen = isChosen;
    // Properties of each store, so that methods work detached, as those of `secrets` do, and spies can replace them.
    for (const name of ["get", "set", "delete", "has", "list", "close"]) {
      const value = this[name].bind(this);
      defineProperty(this, name, { __proto__: null, value, writable: true, configurable: true });
    }
  }

  /** The store that a call goes to. */
  get #handle() {
    return this.#isChosen ? (environmentStore() ?? this.#native) : this.#native;
  }

  get(...args) {
    const { service, name, bounded, options } = readKeyArguments("secrets.get", args);
    const encoding = options && readOption(options, "encoding");
    if (encoding !== undefined && encoding !== "utf8" && encoding !== "buffer") {
      throw invalid(
        "ERR_INVALID_ARG_VALUE",
        "The property 'options.encoding' must be one of: `utf8`, `buffer`",
      );
    }
    return this.#startCall(bounded, (limits) =>
      native.get(this.#handle, service, name, limits, encoding === "buffer"),
    );
  }

  set(...args) {
    const { service, name, value, bounded, kept } = readSetArguments(args, isValue);
    return this.#startCall(bounded, (limits) =>
      native.set(this.#handle, service, name, value, limits, ...kept),
    );
  }

  delete(...args) {
    const { service, name, bounded } = readKeyArguments("secrets.delete", args);
    return this.#startCall(bounded, (limits) => native.delete(this.#handle, service, name, limits));
  }

  has(...args) {
    const { service, name, bounded } = readKeyArguments("store.has", args);
    return this.#startCall(bounded, (limits) => native.has(this.#handle, service, name, limits));
  }

  list(options = {}) {
    if (!isObject(options)) throw wrongType("Expected options to be an object");
    const service = readOption(options, "service");
    if (service !== undefined) {
      if (!isString(service)) throw wrongType("Expected service to be a string");
      checkKey(service, "any");
    }
    return this.#startCall(readBounds(options), (limits) => native.list(this.#handle, service, limits));
  }

  close() {
    this.#closed = true;
    return native.close(this.#native);
  }

  #startCall(bounded, call) {
    return withStack(this.#closed ? native.closed() : startCall(bounded, call));
  }
}

// Older runtimes have neither this symbol nor `await using`.
if (Symbol.asyncDispose) Store.prototype[Symbol.asyncDispose] = Store.prototype.close;

function invalidSetting(message) {
  return assign(new Error(message), { code: "ERR_SECRETS_INVALID_SETTING", reason: "invalid-setting" });
}

/** Reads an optional string option of `openStore`. */
function readTextOption(options, property) {
  const text = readOption(options, property);
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
    const identity = readTextOption(options, "identity");
    const passphrase = readTextOption(options, "passphrase");
    if (identity !== undefined && passphrase !== undefined) {
      throw invalidSetting(
        "Only one of the properties 'options.identity' and 'options.passphrase' may be given",
      );
    }
    const hasKey = identity !== undefined || passphrase !== undefined;
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
      passphrase,
      mustExist ?? false,
    );
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
  exec: ["provider", "command", "env", "timeout"],
};

/** Makes a path absolute, because the program may change its directory before the first call. */
function makeAbsolute(path) {
  try {
    return require("node:path").resolve(path);
  } catch {
    // The current directory was deleted, so the path names nothing anyway.
    return path;
  }
}

/** Makes an identity absolute if it is a path. The text of an identity stays as it is. */
function makeIdentityAbsolute(identity) {
  const isPath =
    identity !== undefined &&
    !/AGE-SECRET-KEY-1|^\s*AGE-SECRET-KEY-|\n/i.test(identity) &&
    !/^\s*AGE-PLUGIN-/.test(identity);
  return isPath ? makeAbsolute(identity) : identity;
}

/** Opens the native store of a provider, or the one that the environment chooses. */
function openNative(options) {
  if (!isObject(options)) throw wrongType("Expected options to be an object");
  const provider = readOption(options, "provider");
  const open =
    provider === undefined ? native.openChosen : isString(provider) ? providers[provider] : undefined;
  if (open === undefined) {
    throw invalidSetting("The property 'options.provider' must be one of: `os`, `file`, `memory`, `exec`");
  }
  const of = provider === undefined ? "a store without a 'provider'" : `the provider \`${provider}\``;
  refuseUnknown(options, optionsOf[provider ?? "none"], of);
  return open(options);
}

/** Refuses an unknown option. If it were ignored, the program might use another file than it meant to. */
function refuseUnknown(options, known, of) {
  for (const property of Object.keys(options)) {
    if (!known.includes(property) && readOption(options, property) !== undefined) {
      throw invalidSetting(`The property 'options.${property}' is not an option of ${of}`);
    }
  }
}

/**
 * Opens the store of a provider, or the store that the environment chooses. Reads nothing before its first
 * call.
 */
function openStore(options = {}) {
  return new Store(openNative(options), isChosen(options));
}

/** Whether the options of a store leave it to the environment. */
function isChosen(options) {
  return readOption(options, "provider") === undefined;
}

/** Examines a store. Nobody is asked, and nothing is changed. */
function diagnose(options = {}) {
  const store = openNative(options);
  const handle = isChosen(options) ? (environmentStore() ?? store) : store;
  return withStack(native.diagnose(handle).then((report) => withoutThen(parse(report))));
}

/** Creates an identity in a new file. */
function createIdentity(options = {}) {
  if (!isObject(options)) throw wrongType("Expected options to be an object");
  const path = readTextOption(options, "path");
  refuseUnknown(options, ["path"], "createIdentity");
  if (path === undefined && whyConfigurationIgnored !== undefined)
    throw invalidSetting(whyConfigurationIgnored);
  return withStack(native.createIdentity(path === undefined ? path : makeAbsolute(path)));
}

/** Reads the options of `resolve` and `resolveEnv`. */
function readResolveOptions(options) {
  if (!isObject(options)) throw wrongType("Expected options to be an object");
  const scope = readOption(options, "scope") ?? "auto";
  const cwd = readOption(options, "cwd") ?? ".";
  if (scope !== "auto" && scope !== "user" && scope !== "repo") {
    throw invalid(
      "ERR_INVALID_ARG_VALUE",
      "The property 'options.scope' must be one of: `auto`, `user`, `repo`",
    );
  }
  if (!isString(cwd)) throw wrongType("The property 'options.cwd' must be a string");
  if (cwd === "" || includes(cwd, "\0")) {
    throw invalid("ERR_INVALID_ARG_VALUE", "The property 'options.cwd' must be the path of a directory");
  }
  return { scope, cwd: makeAbsolute(cwd), bounded: readBounds(options) };
}

/**
 * Reads the reply of the native `resolve`: the texts of so many values, and then the names of secrets that are
 * in the repository, whose directory is `cwd`, and in the user's store. Warns of these.
 */
function readResolved(reply, count, cwd) {
  const texts = parse(reply);
  for (let at = count; at < texts.length; at++) {
    process.emitWarning(
      `The secret ${texts[at]} is in the repository (${describeRepository(cwd)}) and in the user's store. The ` +
        "repository's value is used. To use the user's, pass the option scope: \"user\"",
      "SecretsWarning",
      "OS_SECRETS_SHADOWED",
    );
  }
  return texts;
}

/** Returns the path of a repository's file, without characters that a terminal would obey. */
function describeRepository(cwd) {
  return require("node:path")
    .join(cwd, "datapackage.json")
    .replace(/\p{Cc}/gu, "\ufffd");
}

/** Resolves one value to the secret that it refers to. A value that is not a reference stays as it is. */
function resolve(value, options = {}) {
  if (!isString(value)) throw wrongType("Expected 'value' to be a string");
  const { scope, cwd, bounded } = readResolveOptions(options);
  const outcome = startCall(bounded, (limits) =>
    native.resolve(environmentStore(), [value], undefined, scope, cwd, limits),
  );
  return withStack(outcome.then((reply) => readResolved(reply, 1, cwd)[0]));
}

/** Resolves the values of an environment. Returns a new environment. */
function resolveEnv(env, options = {}) {
  if (!isObject(env)) throw wrongType("Expected 'env' to be an object");
  const { scope, cwd, bounded } = readResolveOptions(options);
  // Undefined variables are left out, as in the environment of a child process.
  const entries = Object.entries(env).filter(([, value]) => value !== undefined);
  for (const [name, value] of entries) {
    if (!isString(value)) throw wrongType(`Expected the variable ${name} to be a string`);
  }
  const values = entries.map(([, value]) => value);
  const names = entries.map(([name]) => `the variable ${name}`);
  const outcome = startCall(bounded, (limits) =>
    native.resolve(environmentStore(), values, names, scope, cwd, limits),
  );
  return withStack(
    outcome.then((reply) => {
      const resolved = readResolved(reply, entries.length, cwd);
      // Without a prototype, the promise does not look for a `then` in Object.prototype.
      const result = { __proto__: null };
      for (let at = 0; at < entries.length; at++) result[entries[at][0]] = resolved[at];
      return result;
    }),
  );
}

module.exports = { createIdentity, diagnose, openStore, resolve, resolveEnv, secrets };
