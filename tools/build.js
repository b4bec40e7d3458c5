// npm run build: builds the native addon for this machine.

require("./tools.js").build();
