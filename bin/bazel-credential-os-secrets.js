#!/usr/bin/env -S node --
"use strict";

require("../program.js")("bazel-credential-os-secrets");
