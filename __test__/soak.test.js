// The short form of the endurance run. `npm run test:long` runs the long form.

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { join } = require("node:path");
const { it } = require("node:test");
const { linuxOnly } = require("./support/platform.js");
const { runtimes } = require("./support/runtimes.js");

it(
  "thousands of calls outlast restarts, lose nothing and leave nothing behind",
  linuxOnly("a bus"),
  async () => {
    const [command] = runtimes["Node 22"];
    const soak = spawn(command, ["--expose-gc", join(__dirname, "long", "soak.js"), "3000", "3"]);
    const texts = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"]) {
      soak[name].setEncoding("utf8").on("data", (text) => {
        texts[name] += text;
      });
    }
    const [code] = await once(soak, "close");
    assert.equal(code, 0, texts.stderr);
    const { calls, restarts, failures } = JSON.parse(texts.stdout);
    assert.deepEqual({ calls, restarts }, { calls: 3000, restarts: 3 });
    assert.ok(failures > 0, "no call failed while the keyring was down");
  },
);
