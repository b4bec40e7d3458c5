// The same types for CommonJS.

import required = require("os-secrets/keytar");

const { getPassword } = required;

export const value: Promise<string | null> = getPassword("s", "a");
