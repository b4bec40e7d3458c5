// Ours goes wherever the type of Bun's own is asked for.

/// <reference types="bun-types" />

import { secrets } from "os-secrets";

const dropIn: typeof Bun.secrets = secrets;

export { dropIn };
