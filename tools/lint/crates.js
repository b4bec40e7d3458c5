// npm run lint:crates: whether the crates are such as deny.toml allows, and THIRD-PARTY-LICENSES.md lists them as
// they are. Arguments name the checks of cargo deny to make instead; that of advisories fetches their database.

const { join } = require("node:path");
const { cache } = require("../cache.js");
const { ensureCrate } = require("../crates.js");
const { ensureRust, root, run } = require("../tools.js");

const CARGO_DENY = "0.20.2";

ensureRust();
const folder = join(cache, "cargo-deny");
ensureCrate("cargo-deny", CARGO_DENY, folder, ["--debug"]);
const chosen = process.argv.slice(2);
const checks = chosen.length > 0 ? chosen : ["licenses", "bans", "sources"];
run(join(folder, "bin", "cargo-deny"), ["--locked", "check", ...checks]);
run(process.execPath, [join(root, "tools", "licences.js"), "--check"]);
