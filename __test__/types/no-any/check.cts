// The same for CommonJS.

import required = require("os-secrets");

import type { Anys } from "./anys.mjs" with { "resolution-mode": "import" };

export const none: Anys<typeof required, "os-secrets"> extends never ? true : false = true;
export const store: required.Store = required.openStore();
