// The examples of docs/testing.md for Vitest and Jest, with the installed package.

const { symlinkSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { installPackage } = require("../support/managers.js");
const { startRegistry } = require("../support/registry.js");
const { node, root } = require("../support/runtimes.js");
const { startSession } = require("../support/session.js");
const { expectSuccess, writeProject } = require("../support/test-runners.js");

const tools = join(root, "__test__", "install", "node_modules");

/** The packages of each runner that a project needs, and the runner's arguments for Node. */
const runners = {
  Vitest: { packages: ["vitest"], args: [join(tools, "vitest", "vitest.mjs"), "run"] },
  Jest: { packages: ["jest"], args: [join(tools, "jest", "bin", "jest.js")] },
};

for (const [runner, { packages, args }] of Object.entries(runners)) {
  describe(`a program can be tested by ${runner}`, () => {
    // There is no store, so nothing else could be used.
    let session;
    let project;
    before(async () => {
      session = await startSession({ bus: false });
      await startRegistry(session);
      project = join(session.directory, "project");
      await installPackage(session, "npm", project);
      for (const name of packages) symlinkSync(join(tools, name), join(project, "node_modules", name));
    });
    after(() => session.stop());

    it("with a mock of the module", async () => {
      writeProject(project, runner);
      await expectSuccess(session, runner, [...node(22), ...args], { cwd: project });
    });

    it("with OS_SECRETS_PROVIDER=memory", async () => {
      writeProject(project, runner, { isPlain: true });
      const env = { OS_SECRETS_PROVIDER: "memory" };
      await expectSuccess(session, runner, [...node(22), ...args], { cwd: project, env });
    });
  });
}
