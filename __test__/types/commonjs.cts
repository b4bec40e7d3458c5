// The same types for CommonJS.

import required = require("os-secrets");

const { secrets } = required;

export const value: Promise<string | null> = secrets.get("s", "n");
