"use strict";

// The argument shim: it checks arguments as `Bun.secrets` does, with the same errors, and calls the native
// code.

const {
  environmentStore,
  whyConfigurationIgnored,
  whyKeyIgnored,
  whyLoginIgnored,
  whyPathIgnored,
  whyServerIgnored,
} = require("./chosen-store.js");
const native = require("./load.js");
const { withoutThen, withStack } = require("./stacks.js");

// Copied here, so that a program that changes the globals later does not change the checks.
const { assign, defineProperty, getPrototypeOf, hasOwn, prototype: objectPrototype } = Object;
const { get: reflectGet } = Reflect;
const { parse } = JSON;
const { alloc: allocate } = Buffer;
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

/** Sets the `cause` of an AbortError to its signal's reason. */
function addCause(error, signal) {
  if (error.code === "ABORT_ERR") {
    defineProperty(error, "cause", { value: signal.reason, writable: true, configurable: true });
  }
  return error;
}

/** Reads the options of `set`. The value may be the second argument instead. `kept` is what `readKept` returns. */
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
  const kept = readKept(options);
  return { service, name, value, bounded: readBounds(options), kept };
}

/**
 * Reads how a credential is kept: two flags for the native code, whether it stays on this machine (Windows), and whether
 * every application may read it (macOS). Both are read on every platform, so that a getter runs on each.
 */
function readKept(options) {
  const unrestricted = Boolean(readOption(options, "allowUnrestrictedAccess"));
  const persist = readOption(options, "persist");
  if (persist !== undefined && persist !== "local" && persist !== "enterprise") {
    throw invalid(
      "ERR_INVALID_ARG_VALUE",
      "The property 'options.persist' must be one of: `local`, `enterprise`",
    );
  }
  return [persist === "local", unrestricted];
}

/** Reads whether a value is wanted as bytes. */
function readsBytes(options) {
  const encoding = readOption(options, "encoding");
  if (encoding !== undefined && encoding !== "utf8" && encoding !== "buffer") {
    throw invalid(
      "ERR_INVALID_ARG_VALUE",
      "The property 'options.encoding' must be one of: `utf8`, `buffer`",
    );
  }
  return encoding === "buffer";
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

/** Returns a copy of a buffer, in memory of its own: Node's pool would show the bytes in the buffers of others. */
function copyBytes(buffer) {
  const copy = allocate(buffer.length);
  copy.set(buffer);
  return copy;
}

/** The storage of the update whose function is running, after the first update. */
let runningUpdates;

/** Returns the storage of the update whose function is running. */
function findRunningUpdates() {
  // Loaded only here: most programs need neither.
  runningUpdates ??= new (require("node:async_hooks").AsyncLocalStorage)();
  return runningUpdates;
}

/**
 * Checks what the function of an update has returned. Returns the value to store: empty to delete, or undefined to
 * change nothing.
 */
function checkNewValue(value, isAllowed) {
  if (value === undefined) return undefined;
  if (value === null) return "";
  if (!isAllowed(value)) {
    const types = isAllowed === isString ? "a string" : "a string, a Uint8Array";
    throw wrongType(`Expected the function of update to return ${types}, null or undefined`);
  }
  if (isString(value)) checkKey("any", "any", value);
  else checkMemory(value);
  return value;
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
    for (const name of ["get", "set", "update", "delete", "has", "list", "close"]) {
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
    const bytes = options !== undefined && readsBytes(options);
    return this.#startCall(bounded, (limits) => native.get(this.#handle, service, name, limits, bytes));
  }

  set(...args) {
    const { service, name, value, bounded, kept } = readSetArguments(args, isValue);
    return this.#startCall(bounded, (limits) =>
      native.set(this.#handle, service, name, value, limits, ...kept),
    );
  }

  update(options, change) {
    const { service, name } = readKey(options);
    checkKey(service, name);
    const [bytes, kept, bounded] = [readsBytes(options), readKept(options), readBounds(options)];
    if (typeof change !== "function")
      throw wrongType("Expected the second argument of update to be a function");
    return this.#update({ service, name, bytes, kept, bounded }, change);
  }

  async #update({ service, name, bytes, kept, bounded }, change) {
    const running = findRunningUpdates();
    const update = native.newUpdate(running.getStore());
    let old = await this.#startCall(bounded, (limits) =>
      native.beginUpdate(update, this.#handle, service, name, limits, bytes),
    );
    for (;;) {
      // A copy, because the function may alter its buffer and then change nothing.
      const unaltered = bytes && old !== null ? copyBytes(old) : old;
      let value;
      try {
        value = checkNewValue(await running.run(update, change, old), bytes ? isValue : isString);
      } catch (error) {
        await native.endUpdate(update);
        throw error;
      }
      if (value === undefined) {
        await native.endUpdate(update);
        return withoutThen(unaltered);
      }
      // The store may be closed by now. These are still the call that was made before.
      const store = (limits) => native.storeUpdate(update, value, limits, bytes, ...kept);
      const stored = await withStack(startCall(bounded, store));
      if (stored !== true) return withoutThen(stored);
      // Another machine has changed the value since it was read.
      const read = (limits) => native.rereadUpdate(update, limits, bytes);
      old = await withStack(startCall(bounded, read));
    }
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
    const running = runningUpdates?.getStore();
    if (running !== undefined && native.updatesStore(running, this.#native)) {
      return withStack(native.closeInUpdate());
    }
    this.#closed = true;
    return native.close(this.#native);
  }

  #startCall(bounded, call) {
    return withStack(this.#closed ? native.closed() : startCall(bounded, call));
  }

  /** Whether a value is a store. */
  static isStore(value) {
    return isObject(value) && #native in value;
  }

  /** Starts a call of the package on a store, or without one on that of the environment. */
  static startCall(store, bounded, call) {
    if (store?.#closed) return native.closed();
    const handle = store === undefined ? environmentStore() : store.#handle;
    return startCall(bounded, (limits) => call(handle, limits));
  }
}

// Older runtimes have neither this symbol nor `await using`.
if (Symbol.asyncDispose) Store.prototype[Symbol.asyncDispose] = Store.prototype.close;

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
  const store = readOption(options, "store");
  if (store !== undefined && !Store.isStore(store)) {
    throw wrongType("The property 'options.store' must be a store from openStore");
  }
  return { scope, cwd: makeAbsolute(cwd), store, bounded: readBounds(options) };
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
  const { scope, cwd, store, bounded } = readResolveOptions(options);
  const outcome = Store.startCall(store, bounded, (handle, limits) =>
    native.resolve(handle, [value], undefined, scope, cwd, limits),
  );
  return withStack(outcome.then((reply) => readResolved(reply, 1, cwd)[0]));
}

/** Resolves the values of an environment. Returns a new environment. */
function resolveEnv(env, options = {}) {
  if (!isObject(env)) throw wrongType("Expected 'env' to be an object");
  const { scope, cwd, store, bounded } = readResolveOptions(options);
  // Undefined variables are left out, as in the environment of a child process.
  const entries = Object.entries(env).filter(([, value]) => value !== undefined);
  for (const [name, value] of entries) {
    if (!isString(value)) throw wrongType(`Expected the variable ${name} to be a string`);
  }
  const values = entries.map(([, value]) => value);
  const names = entries.map(([name]) => `the variable ${name}`);
  const outcome = Store.startCall(store, bounded, (handle, limits) =>
    native.resolve(handle, values, names, scope, cwd, limits),
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
