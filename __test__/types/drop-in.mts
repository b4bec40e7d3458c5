// Our `secrets` has the type of Bun's own.

/// <reference types="bun-types" />

import { secrets } from "os-secrets";

const dropIn: typeof Bun.secrets = secrets;

export { dropIn };
