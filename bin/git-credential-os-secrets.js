#!/usr/bin/env -S node --
"use strict";

require("../program.js")("git-credential-os-secrets");
