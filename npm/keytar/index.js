"use strict";

module.exports = require("os-secrets/keytar");
