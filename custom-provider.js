"use strict";

// Stores that a program provides as functions. The native code asks a question for each call; the answer to it is what
// the program's function returns.

const { isString, kindOfArray } = require("./calls.js");
const native = require("./load.js");

// Copied here, so that a program that changes the globals later does not change what follows.
const { isArray } = Array;
const { apply } = Reflect;

const isPart = (value) => isString(value) && value !== "" && !value.includes("\0");
const isObject = (value) => typeof value === "object" && value !== null;
const isKey = (key) => isObject(key) && isPart(key.service) && isPart(key.name);

/** For each method: its argument, what it may return, whether an answer is that, and how it is given to the native code. */
const methods = {
  __proto__: null,
  get: {
    argument: (service, name) => ({ service, name }),
    expected: "a string, a Uint8Array or null",
    allows: (answer) => answer === null || isString(answer) || kindOfArray(answer) === "Uint8Array",
    give: (number, answer) => native.answerQuestion(number, answer),
  },
  set: {
    argument: (service, name, value) => ({ service, name, value }),
    expected: "anything",
    allows: () => true,
    give: (number) => native.answerQuestion(number),
  },
  delete: {
    argument: (service, name) => ({ service, name }),
    expected: "a boolean",
    allows: (answer) => typeof answer === "boolean",
    give: (number, answer) => native.answerQuestion(number, undefined, answer),
  },
  list: {
    argument: () => undefined,
    expected: "an array of objects with service and name, which are non-empty strings without null bytes",
    allows: (answer) => isArray(answer) && answer.every(isKey),
    give: (number, answer) =>
      native.answerQuestion(
        number,
        undefined,
        undefined,
        answer.flatMap(({ service, name }) => [service, name]),
      ),
  },
};

/** Whether an error is one of this package's, which the caller of a store gets as it is. Node's own can have a reason, too. */
function isOwn(error) {
  if (!(error instanceof Error && isString(error.code) && isString(error.reason))) return false;
  return error.code.startsWith("ERR_SECRETS_") || error.code === "ABORT_ERR";
}

/**
 * Opens a native store of a provider. `functions` are its functions by their names. Their `this` is the provider.
 */
function openCustom(provider, functions) {
  const ask = async (number, method, service, name, value) => {
    const { argument, expected, allows, give } = methods[method];
    try {
      const given = argument(service, name, value);
      const answer = await apply(functions[method], provider, given === undefined ? [] : [given]);
      if (allows(answer)) give(number, answer);
      else native.refuseAnswer(number, method, expected);
    } catch (error) {
      native.failQuestion(number, method, [error], isOwn(error));
    }
  };
  return native.openCustom(ask, functions.list !== undefined);
}

module.exports = { openCustom };
