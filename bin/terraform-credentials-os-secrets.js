#!/usr/bin/env -S node --
"use strict";

require("../program.js")("terraform-credentials-os-secrets");
