"use strict";

// References to secrets, as in `secret:<name>`.

const {
  includes,
  invalid,
  isObject,
  isString,
  makeAbsolute,
  parse,
  readBounds,
  readOption,
  withStack,
  wrongType,
} = require("./calls.js");
const native = require("./load.js");
const { Store } = require("./store.js");

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

module.exports = { resolve, resolveEnv };
