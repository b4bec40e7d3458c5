// Every group of calls in Bun's documentation of secrets works if one import is changed. Each group runs as a
// program, with Bun's own implementation and with ours. Both must print the same and leave the same items.

const assert = require("node:assert/strict");
const { writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");
const { describe, it } = require("node:test");
const { listItems } = require("./support/items.js");
const { bun, node, root } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const stubs = `
globalThis.prompt = (question) => { console.log("asked:", question); return "typed-token"; };
globalThis.fetch = async (url, { headers } = {}) => {
  console.log("fetched:", url, headers?.Authorization);
  return { json: async () => ({ login: "octocat" }) };
};
`;

const groups = {
  "the first example": `
    let githubToken = await secrets.get({ service: "my-cli-tool", name: "github-token" });
    if (!githubToken) {
      githubToken = prompt("GitHub token?");
      await secrets.set({ service: "my-cli-tool", name: "github-token", value: githubToken });
      console.log("stored");
    }
    const response = await fetch("https://api.github.com/user", {
      headers: { Authorization: \`token \${githubToken}\` },
    });
    console.log("logged in as", (await response.json()).login);
    console.log(await secrets.get({ service: "my-cli-tool", name: "github-token" }));
  `,
  "get with options and positional": `
    await Bun.secrets.set({ service: "my-app", name: "alice@example.com", value: "stored" });
    console.log(await Bun.secrets.get({ service: "my-app", name: "alice@example.com" }));
    console.log(await Bun.secrets.get("my-app", "alice@example.com"));
    console.log(await Bun.secrets.get("my-app", "bob@example.com"));
  `,
  "set with options": `
    console.log(await secrets.set({ service: "my-app", name: "alice@example.com", value: "super-secret" }));
  `,
  "delete with options that carry a value": `
    const options = { service: "my-app", name: "alice@example.com", value: "super-secret" };
    console.log(await Bun.secrets.delete(options));
    await Bun.secrets.set(options);
    console.log(await Bun.secrets.delete(options));
    console.log(await Bun.secrets.delete(options));
  `,
  "credentials of command-line tools": `
    await Bun.secrets.set({ service: "my-app.com", name: "github-token", value: "ghp_x" });
    await Bun.secrets.set("my-app.com", "github-token", "ghp_y");
    await Bun.secrets.set({ service: "npm-registry", name: "https://registry.example.org", value: "npm_x" });
    console.log(await Bun.secrets.get({ service: "gh-cli", name: "github.com" }));
    const token = await Bun.secrets.get({ service: "my-app.com", name: "github-token" });
    if (token) {
      const response = await fetch("https://api.github.com/name", {
        headers: { Authorization: \`token \${token}\` },
      });
      console.log((await response.json()).login);
    }
  `,
  "values from the environment": `
    await Bun.secrets.set({
      service: "aws-cli",
      name: "AWS_SECRET_ACCESS_KEY",
      value: process.env.AWS_SECRET_ACCESS_KEY,
    });
    await Bun.secrets.set({ service: "my-app", name: "api-key", value: "sk_live_x" });
    console.log((await Bun.secrets.get({ service: "my-app", name: "api-key" })) || process.env.API_KEY);
    console.log((await Bun.secrets.get({ service: "my-app", name: "other" })) || process.env.API_KEY);
  `,
  "handling errors": `
    try {
      await Bun.secrets.set({ service: "my-app", name: "alice", value: "password123" });
      await Bun.secrets.set({ service: "my-app", name: "", value: "password123" });
    } catch (error) {
      console.error("not stored:", error.message);
    }
    console.log((await Bun.secrets.get({ service: "my-app", name: "alice" })) === null);
    if ((await Bun.secrets.get({ service: "my-app", name: "bob" })) === null) console.log("none found");
  `,
  "replacing a credential": `
    await Bun.secrets.set({ service: "email-server", name: "alice@example.com", value: "old" });
    await Bun.secrets.set({ service: "email-server", name: "alice@example.com", value: "new" });
    console.log(await Bun.secrets.get({ service: "email-server", name: "alice@example.com" }));
  `,
  "services named as recommended": `
    for (const { service, name } of [
      { service: "com.docker.hub", name: "username" },
      { service: "com.vercel.cli", name: "team-name" },
    ]) {
      await secrets.set({ service, name, value: "v" });
      console.log(await secrets.get({ service, name }), await secrets.delete({ service, name }));
    }
  `,
};

/** Runs one group in its own session. Returns its output and the items in the store. */
async function runGroup([command, ...args], imports, source) {
  const session = await startSession();
  try {
    const file = join(session.directory, "program.mjs");
    writeFileSync(file, `${imports}\n${stubs}\n${source}`);
    const env = { AWS_SECRET_ACCESS_KEY: "wJalr", API_KEY: "from the environment" };
    const { code, stdout, stderr } = await session.run(command, [...args, file], { env });
    assert.equal(code, 0, stderr);
    const left = (await listItems(session)).map(({ label, attributes, secret }) => ({
      label,
      attributes,
      secret,
    }));
    // The service returns items in any order.
    return { stdout, stderr, left: left.sort((a, b) => (a.label < b.label ? -1 : 1)) };
  } finally {
    await session.stop();
  }
}

describe("the calls of Bun's documentation", () => {
  const ours = `import { secrets } from ${JSON.stringify(pathToFileURL(join(root, "index.js")).href)};
    const Bun = { secrets };`;
  for (const [title, source] of Object.entries(groups)) {
    it(title, async () => {
      const expected = await runGroup([bun], `import { secrets } from "bun";`, source);
      assert.deepEqual(await runGroup(node(22), ours, source), expected);
      assert.notDeepEqual(expected, { stdout: "", stderr: "", left: [] });
    });
  }

  it("the form that only Bun's documentation has: set(options, value), delete(service, name)", async () => {
    const source = `
      await Bun.secrets.set({ service: "my-app", name: "alice" }, "beside");
      console.log(await Bun.secrets.get("my-app", "alice"));
      await Bun.secrets.set({ service: "my-app", name: "alice", value: "inside" }, "beside");
      console.log(await Bun.secrets.get("my-app", "alice"));
      for (const value of [null, 5]) {
        try {
          await Bun.secrets.set({ service: "my-app", name: "alice", value }, "beside");
        } catch (error) {
          console.log(error.code, error.message);
        }
      }
      for (const value of [null, 5, {}, undefined]) {
        try {
          await Bun.secrets.set({ service: "my-app", name: "alice" }, value);
        } catch (error) {
          console.log(error.code, error.message);
        }
      }
      console.log(await Bun.secrets.delete("my-app", "alice"), await Bun.secrets.delete("my-app", "alice", 1));
      await Bun.secrets.set({ service: "my-app", name: "alice" }, "");
    `;
    const missing =
      "ERR_INVALID_ARG_TYPE Expected 'value' to be a string. To delete the secret, call secrets.delete instead.";
    const wrong = "ERR_INVALID_ARG_TYPE Expected 'value' to be a string";
    const lines = ["beside", "inside", missing, wrong, missing, wrong, wrong, missing, "true false", ""];
    const expected = { stdout: lines.join("\n"), stderr: "", left: [] };
    assert.deepEqual(await runGroup(node(22), ours, source), expected);
  });

  for (const [label, ...args] of [
    ["no arguments"],
    ["an empty service", "", "name"],
    ["an empty name", "service", ""],
    ["a NUL", "service", "a\0b"],
    ["one text", "service"],
    ["a number as name", "service", 5],
    ["null as name", "service", null],
  ]) {
    it(`delete(service, name) refuses ${label} with the error of get`, () => {
      const { secrets } = require("..");
      const catchError = (method) => {
        try {
          secrets[method](...args);
        } catch (error) {
          return [error.constructor, error.code, error.message.replace(`secrets.${method} `, "secrets.x ")];
        }
        return assert.fail(`${method} threw nothing`);
      };
      assert.deepEqual(catchError("delete"), catchError("get"));
    });
  }
});
