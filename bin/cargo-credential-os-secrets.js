#!/usr/bin/env -S node --
"use strict";

require("../program.js")("cargo-credential-os-secrets");
