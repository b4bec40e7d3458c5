// The examples of docs/testing.md for the test runners of Node and Bun. Those for Vitest and Jest are tested in
// __test__/install/.

const { mkdirSync, symlinkSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { linuxOnly } = require("./support/platform.js");
const { bun, node, root } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");
const { expectSuccess, writeProject } = require("./support/test-runners.js");

const commands = {
  "Node 22": ["node:test", [...node(22), "--test", "--experimental-test-module-mocks"]],
  "Node 24": ["node:test", [...node(24), "--test", "--experimental-test-module-mocks"]],
  Bun: ["bun:test", [bun, "test"]],
};

describe("a program can be tested", linuxOnly("symbolic links"), () => {
  for (const [name, [runner, command]] of Object.entries(commands)) {
    const prepare = async (t, options) => {
      // There is no store, so nothing else could be used.
      const session = await startSession({ bus: false });
      t.after(() => session.stop());
      const project = join(session.directory, "project");
      writeProject(project, runner, options);
      mkdirSync(join(project, "node_modules"));
      symlinkSync(root, join(project, "node_modules", "os-secrets"));
      return { session, project };
    };

    it(`with a mock of the module, by the test runner of ${name}`, async (t) => {
      const { session, project } = await prepare(t);
      await expectSuccess(session, runner, command, { cwd: project });
    });

    it(`with OS_SECRETS_PROVIDER=memory, by the test runner of ${name}`, async (t) => {
      const { session, project } = await prepare(t, { isPlain: true });
      const env = { OS_SECRETS_PROVIDER: "memory" };
      await expectSuccess(session, runner, command, { cwd: project, env });
    });
  }
});
