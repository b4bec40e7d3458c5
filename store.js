"use strict";

// The stores that `openStore` returns.

const {
  allocate,
  checkKey,
  defineProperty,
  environmentStore,
  invalid,
  isObject,
  isString,
  keysOfArray,
  kindOfArray,
  parse,
  readBounds,
  readKept,
  readKey,
  readKeyArguments,
  readOption,
  readsBytes,
  readSetArguments,
  startCall,
  withoutThen,
  withStack,
  wrongType,
} = require("./calls.js");
const native = require("./load.js");
const { openNative } = require("./store-options.js");

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
    keysOfArray(array);
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
  // Loaded only here: most programs do not need it.
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
    if (!isString(value)) checkMemory(value);
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

module.exports = { diagnose, openStore, Store };
