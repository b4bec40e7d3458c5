"use strict";

// Runs one of the native programs in this process. The native code uses standard input and output directly,
// because the runtime's own streams would change them.

const { writeSync } = require("node:fs");

module.exports = function run(program) {
  let native;
  try {
    native = require("./load.js");
  } catch (error) {
    writeSync(2, `${program}: ${error.message}\n`);
    process.exitCode = 1;
    return;
  }
  process.exitCode = native.runProgram(program, process.argv.slice(2));
};
