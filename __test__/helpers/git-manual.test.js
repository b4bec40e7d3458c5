// The examples of the manual about git and .netrc.

const assert = require("node:assert/strict");
const { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { it } = require("node:test");
const { startClient } = require("../support/clients.js");
const { blocks, read } = require("../support/documents.js");
const { startGitServer } = require("../support/git-server.js");
const { ways } = require("../support/programs.js");

const [, section] = read("docs/helpers.md").split("\n## git\n");
const found = blocks(section.split("\n## ")[0]);
const blocksIn = (language) => found.filter((block) => block.language === language).map(({ text }) => text);
const [setUp, otherStore, set, wsl, importNetrc, curl] = blocksIn("bash");

it("the examples of the manual for git and .netrc work", async (t) => {
  const client = await startClient(t);
  const { session } = client;
  Object.assign(session.env, { GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", GIT_ASKPASS: "" });
  const run = async (script) => {
    const { code, stdout, stderr } = await client.run("bash", ["--norc", "-euc", script]);
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };
  const fill = (host) =>
    client.succeed("git", ["credential", "fill"], { input: `protocol=https\nhost=${host}\n` });
  const at = (name) => join(session.home, name);

  writeFileSync(at(".git-credentials"), "https://u:p@old.tld\n");
  await run(setUp);
  assert.deepEqual(blocksIn("ini"), [readFileSync(at(".gitconfig"), "utf8")]);
  assert.equal(readFileSync(at(".git-credentials"), "utf8"), "");
  assert.match(await fill("old.tld"), /^password=p$/m);

  assert.equal(await run(set), "alice\n");
  assert.match(await fill("github.com"), /^username=alice\npassword=ghp_example$/m);

  writeFileSync(at(".netrc"), "machine example.com login alice password hunter2\n");
  await run(importNetrc);
  assert.equal(readFileSync(at(".netrc"), "utf8"), "");
  const server = await startGitServer(t, session.directory, { alice: "hunter2" });
  server.addRepository("one");
  await run(curl.replace(" https://example.com/", ` --fail --silent ${server.url}/one.git/HEAD`));
  assert.deepEqual(server.seen, ["alice:hunter2"]);

  // The native program for Windows stands at this path. Here it is the one for Linux.
  const folder = join(session.directory, "Program Files", "os-secrets");
  mkdirSync(folder, { recursive: true });
  copyFileSync(ways.native("secrets")[0], join(folder, "git-credential-os-secrets.exe"));
  writeFileSync(at(".gitconfig"), "");
  await run(wsl.replace("/mnt/c", session.directory));
  assert.match(await fill("github.com"), /^password=ghp_example$/m);

  await run(otherStore);
  const input = "protocol=https\nhost=team.tld\nusername=u\npassword=p\n";
  await client.succeed("git", ["credential", "approve"], { input });
  assert.ok(existsSync(at(".local/share/os-secrets/team.age")));
  assert.equal(await client.read("git:https://team.tld", "u"), null);
});
