// Executables that Bun compiles. __test__/platforms/executables.test.js makes and runs those of all its targets.

const assert = require("node:assert/strict");
const { mkdtempSync, renameSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { compileWithBun, listEmbedded, makeProject } = require("./support/executables.js");
const { linuxOnly } = require("./support/platform.js");

describe("an executable that Bun has compiled", linuxOnly("packages of Linux"), () => {
  function makeFolder(t) {
    const folder = mkdtempSync(join(tmpdir(), "os-secrets-executables-"));
    t.after(() => rmSync(folder, { recursive: true }));
    makeProject(folder);
    writeFileSync(join(folder, "main.mjs"), 'import { secrets } from "os-secrets"; console.log(secrets);');
    return folder;
  }

  it("has the binaries of its own system and processor, and no other", (t) => {
    const folder = makeFolder(t);
    for (const target of ["bun-linux-x64", "bun-linux-x64-baseline", "bun-linux-x64-modern"]) {
      const executable = compileWithBun(folder, target);
      assert.deepEqual(listEmbedded(executable), ["linux-x64-gnu", "linux-x64-musl"], target);
      rmSync(executable);
    }
  });

  it("is made from the packages that are installed", (t) => {
    const folder = makeFolder(t);
    const packages = join(folder, "node_modules", "@os-secrets");
    for (const name of ["linux-x64-musl", "win32-x64"]) renameSync(join(packages, name), join(folder, name));
    assert.deepEqual(listEmbedded(compileWithBun(folder, "bun-linux-x64")), ["linux-x64-gnu"]);
  });
});
