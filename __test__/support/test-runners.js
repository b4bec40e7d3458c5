// The examples of docs/testing.md for test runners, in projects of their own.

const assert = require("node:assert/strict");
const { mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { examples } = require("./documents.js");

/** Whether an example of docs/testing.md is a file of such a project. */
const isOfProject = (source) => source.startsWith("// log-in");

/** A word that only the example of a runner contains. */
const marks = {
  Vitest: 'from "vitest"',
  Jest: "jest.mock",
  "node:test": 'from "node:test"',
  "bun:test": '"bun:test"',
};

/** What each runner prints if one test has passed and none has failed. */
const success = {
  Vitest: /Tests {2}1 passed \(1\)/,
  Jest: /Tests: {7}1 passed, 1 total/,
  "node:test": /^. pass 1\n. fail 0\n/m,
  "bun:test": /\n 1 pass\n 0 fail\n/,
};

/** The example for a runner, and the module that it tests. */
function readExample(runner) {
  const files = examples("docs/testing.md", "js").filter(isOfProject);
  const [module] = files.filter((source) => source.startsWith("// log-in.js\n"));
  const tests = files.filter((source) => source.includes(marks[runner]));
  assert.equal(tests.length, 1, runner);
  return { module, test: tests[0] };
}

/** A test of the module that uses `secrets` itself, without a mock. */
const plainTest = `
import { equal } from "node:assert/strict";
import { openStore } from "os-secrets";
import { logIn } from "./log-in.js";

test("logging in stores the token", async () => {
  await logIn("ghp_example");
  const expected = [{ service: "my-cli-tool", name: "github-token" }];
  equal(JSON.stringify(await openStore().list()), JSON.stringify(expected));
});
`;

/** How each runner gives `test` to a file. */
const testOf = {
  Vitest: 'import { test } from "vitest";',
  Jest: "",
  "node:test": 'import { test } from "node:test";',
  "bun:test": 'import { test } from "bun:test";',
};

/** What Babel makes of a module of these examples. */
function toCommonJs(source) {
  return source
    .replaceAll(/^import ({.*}) from (".*");$/gm, "const $1 = require($2);")
    .replaceAll(/^export async function (\w+)/gm, "exports.$1 = $1;\nasync function $1");
}

/**
 * Writes the project of a runner's example into a folder. If `isPlain`, its test uses `secrets` itself, without a mock.
 */
function writeProject(folder, runner, { isPlain = false } = {}) {
  const isCommonJs = runner === "Jest";
  const convert = isCommonJs ? toCommonJs : (source) => source;
  const { module, test } = readExample(runner);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: isCommonJs ? "commonjs" : "module" }));
  writeFileSync(join(folder, "log-in.js"), convert(module));
  writeFileSync(join(folder, "log-in.test.js"), isPlain ? convert(`${testOf[runner]}${plainTest}`) : test);
}

/** Runs the test of a project. It must pass. */
async function expectSuccess(session, runner, [command, ...args], options) {
  const { code, stdout, stderr } = await session.run(command, args, {
    ...options,
    env: { NO_COLOR: "1", ...options.env },
  });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  assert.match(stdout + stderr, success[runner]);
}

module.exports = { expectSuccess, isOfProject, writeProject };
