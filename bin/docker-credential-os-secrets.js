#!/usr/bin/env -S node --
"use strict";

require("../program.js")("docker-credential-os-secrets");
