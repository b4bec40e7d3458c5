"use strict";

// The API of the package `keytar` 7.9, over our store: the same functions, with the same errors for wrong arguments.

const { assign, environmentStore, includes, parse, withoutThen, withStack } = require("./calls.js");
const native = require("./load.js");

/** What keytar calls each argument if it is missing, and if it is of another type. */
const TITLES = ["Service", "Account", "Password"];
const NAMES = ["service", "username", "password"];

/** Checks the arguments of a call: the service, and perhaps the account and the password. */
function checkArguments(values) {
  for (let at = 0; at < values.length; at++) {
    // As keytar does it, so that an empty array is missing, too.
    if (!values[at] || values[at].length <= 0) {
      throw assign(new Error(`${TITLES[at]} is required.`), { code: "ERR_INVALID_ARG_VALUE" });
    }
  }
  for (let at = 0; at < values.length; at++) {
    if (typeof values[at] !== "string") {
      const error = new TypeError(`Parameter '${NAMES[at]}' must be a string`);
      throw assign(error, { code: "ERR_INVALID_ARG_TYPE" });
    }
    // keytar cuts the text there, and so may read or replace the password of another account.
    if (includes(values[at], "\0")) {
      const error = new TypeError(`Parameter '${NAMES[at]}' must be a string without null bytes`);
      throw assign(error, { code: "ERR_INVALID_ARG_VALUE" });
    }
  }
}

function getPassword(service, account) {
  checkArguments([service, account]);
  return withStack(native.getPassword(environmentStore(), service, account));
}

function setPassword(service, account, password) {
  checkArguments([service, account, password]);
  return withStack(native.setPassword(environmentStore(), service, account, password));
}

function deletePassword(service, account) {
  checkArguments([service, account]);
  return withStack(native.deletePassword(environmentStore(), service, account));
}

function findPassword(service) {
  checkArguments([service]);
  return withStack(native.findPassword(environmentStore(), service));
}

function findCredentials(service) {
  checkArguments([service]);
  const reply = native.findCredentials(environmentStore(), service);
  return withStack(reply.then((found) => withoutThen(parse(found))));
}

// As keytar's, this object can be changed: tests of applications replace functions of it. Node and other runtimes find
// the names of these exports in this form only.
module.exports = { deletePassword, findCredentials, findPassword, getPassword, setPassword };
