"use strict";

// The promises of native calls: the stacks of their errors, and values whose `then` is safe.

const native = require("./load.js");

// Copied here, so that a program that changes the globals later does not change what follows.
const { defineProperty, hasOwn } = Object;
const { captureStackTrace } = Error;

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

module.exports = { withoutThen, withStack };
