"use strict";

// The package: `secrets` as Bun has it, and the functions that most programs do not need, whose files are loaded when they
// are called.

const {
  environmentStore,
  isString,
  readKeyArguments,
  readSetArguments,
  startCall,
  withStack,
} = require("./calls.js");
const native = require("./load.js");

const { defineProperty } = Object;

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

/** Opens the store of a provider, or the store that the environment chooses. Reads nothing before its first call. */
function openStore(options = {}) {
  return require("./store.js").openStore(options);
}

/** Examines a store. Nobody is asked, and nothing is changed. */
function diagnose(options = {}) {
  return require("./store.js").diagnose(options);
}

/** Creates an identity in a new file. */
function createIdentity(options = {}) {
  return require("./store-options.js").createIdentity(options);
}

/** Resolves one value to the secret that it refers to. A value that is not a reference stays as it is. */
function resolve(value, options = {}) {
  return require("./references.js").resolve(value, options);
}

/** Resolves the values of an environment. Returns a new environment. */
function resolveEnv(env, options = {}) {
  return require("./references.js").resolveEnv(env, options);
}

module.exports = { createIdentity, diagnose, openStore, resolve, resolveEnv, secrets };
