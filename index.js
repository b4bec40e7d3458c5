"use strict";

// The argument shim: what `Bun.secrets` accepts, refuses and says, before the native code is asked.

const { isProxy } = require("node:util").types;
const native = require("./load.js");

// Held here, so that a program that changes the globals later does not change what is checked.
const { getPrototypeOf, hasOwn, prototype: objectPrototype } = Object;

function invalid(code, message) {
  return Object.assign(new TypeError(message), { code });
}

function wrongType(message) {
  return invalid("ERR_INVALID_ARG_TYPE", message);
}

/**
 * Reads an option. It may be inherited or a getter, but what stands on `Object.prototype` is not
 * read: a polluted prototype must not choose credentials.
 */
function read(options, property) {
  if (!hasOwn(objectPrototype, property)) return options[property];
  for (let holder = options; holder !== null; holder = getPrototypeOf(holder)) {
    if (holder === objectPrototype && holder !== options) return undefined;
    if (isProxy(holder) || hasOwn(holder, property)) {
      return Reflect.get(holder, property, options);
    }
  }
  return undefined;
}

function isObject(value) {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function key(options) {
  if (!isObject(options)) throw wrongType("Expected options to be an object");
  const service = read(options, "service");
  const name = read(options, "name");
  if (typeof service !== "string" || typeof name !== "string") {
    throw wrongType("Expected service and name to be strings");
  }
  return { service, name };
}

function check(service, name, value = "") {
  if (service === "" || name === "") throw wrongType("Expected service and name to not be empty");
  if (service.includes("\0") || name.includes("\0") || value.includes("\0")) {
    throw invalid(
      "ERR_INVALID_ARG_VALUE",
      "Expected service, name, and value to be strings without null bytes",
    );
  }
}

function setting(options, second) {
  const { service, name } = key(options);
  const own = read(options, "value");
  const value = own === undefined ? second : own;
  if (value === undefined || value === null) {
    throw wrongType("Expected 'value' to be a string. To delete the secret, call secrets.delete instead.");
  }
  if (typeof value !== "string") throw wrongType("Expected 'value' to be a string");
  // Matters on macOS; read everywhere, so that a getter runs everywhere.
  read(options, "allowUnrestrictedAccess");
  const persist = read(options, "persist");
  if (persist !== undefined && persist !== "local" && persist !== "enterprise") {
    throw invalid(
      "ERR_INVALID_ARG_VALUE",
      "The property 'options.persist' must be one of: `local`, `enterprise`",
    );
  }
  return { service, name, value };
}

/** The credential that `get` and `delete` are asked for, from either form of their arguments. */
function asked(method, args) {
  if (args.length === 0) throw wrongType(`secrets.${method} requires an options object`);
  const [first, second] = args;
  const positional = typeof first === "string" && typeof second === "string";
  const { service, name } = positional ? { service: first, name: second } : key(first);
  check(service, name);
  return [service, name];
}

// Methods, not functions: they have no prototype and cannot be called with `new`, as Bun's.
const methods = {
  get(...args) {
    return native.get(...asked("get", args));
  },
  set(...args) {
    const [first, second, third] = args;
    const positional = [first, second, third].every((argument) => typeof argument === "string");
    const { service, name, value } = positional
      ? { service: first, name: second, value: third }
      : setting(first, second);
    check(service, name, value);
    return native.set(service, name, value);
  },
  delete(...args) {
    return native.delete(...asked("delete", args));
  },
};

const secrets = {};
for (const [name, length] of [
  ["get", 1],
  ["set", 2],
  ["delete", 1],
]) {
  // The number of parameters that Bun's have, too.
  const value = Object.defineProperty(methods[name], "length", { value: length });
  Object.defineProperty(secrets, name, { value, enumerable: true });
}

module.exports = { secrets };
