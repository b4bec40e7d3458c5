"use strict";

// What calls have in common: their arguments, which are checked as `Bun.secrets` does it, with the same errors; their
// limits; the store that the environment chooses for them; and the stacks of their errors.

const native = require("./load.js");

// Copied here, for the files that are loaded later, too: a program that changes the globals must not change the checks.
const { assign, defineProperty, getPrototypeOf, hasOwn, prototype: objectPrototype } = Object;
const { captureStackTrace } = Error;
const { get: reflectGet } = Reflect;
const { parse } = JSON;
const { alloc: allocate } = Buffer;
const includes = Function.prototype.call.bind(String.prototype.includes);
const typedArrays = getPrototypeOf(Uint8Array.prototype);
const keysOfArray = Function.prototype.call.bind(typedArrays.keys);
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
  return { service, name, value, bounded, kept };
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

/** The variables that lead to files of the user. Programs may change them later for other reasons, so they are read once. */
const directories = { __proto__: null };
for (const name of [
  "APPDATA",
  "CREDENTIALS_DIRECTORY",
  "HOME",
  "USERPROFILE",
  "XDG_CONFIG_HOME",
  "XDG_DATA_HOME",
]) {
  directories[name] = readVariable(name);
}

/** The provider that the user's settings file names, if the environment names none. */
const settingsProvider = native.settingsProvider() ?? undefined;

/** Returns the provider that `process.env` or the settings file names, or undefined. */
function namedProvider() {
  return readVariable("OS_SECRETS_PROVIDER") ?? settingsProvider;
}

/**
 * Returns the store that the environment chooses, as the native code takes it. If `process.env` names another
 * one, the calls of the returned store reject: they must not go to a store that the program does not expect.
 */
function environmentStore() {
  const provider = namedProvider();
  if (provider === undefined) return undefined;
  const reason = require("./ignored-variables.js").whyProviderIgnored(provider, settingsProvider);
  return reason === undefined ? undefined : native.openRefusing(reason);
}

/**
 * Returns a value for a promise to be resolved with. The promise looks for a `then` of an object, which must
 * not lead to a polluted `Object.prototype`. Before the promise's next handler runs, the property is gone.
 */
function withoutThen(value) {
  if (typeof value === "object" && value !== null && !hasOwn(value, "then")) {
    defineProperty(value, "then", { __proto__: null, value: undefined, configurable: true });
    queueMicrotask(() => delete value.then);
  }
  return value;
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

module.exports = {
  allocate,
  assign,
  checkKey,
  defineProperty,
  directories,
  environmentStore,
  includes,
  invalid,
  isObject,
  isString,
  keysOfArray,
  kindOfArray,
  makeAbsolute,
  MAX_TIMEOUT,
  parse,
  readBounds,
  readKept,
  readKey,
  readKeyArguments,
  readOption,
  readsBytes,
  readSetArguments,
  readVariable,
  startCall,
  withoutThen,
  withStack,
  wrongType,
};

// Loaded only now, because it uses what is exported here. Calls need it if there is a provider, and the program may have no
// access to this package's files any more when it makes them.
if (namedProvider() !== undefined) require("./ignored-variables.js");
