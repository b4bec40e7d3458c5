#!/usr/bin/env -S node --
"use strict";

require("../program.js")("os-secrets");
