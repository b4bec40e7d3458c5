// What is in the package.

const { files } = require("../../package.json");

/** The package's scripts that a program loads, from the package's folder on. */
const scripts = files.filter((file) => /^[^/]+\.js$/.test(file));

module.exports = { scripts };
