// The crate os-secrets, from a registry in an empty project, is a store of keyring-core as its README.md shows.

const assert = require("node:assert/strict");
const { cpSync, mkdirSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { targetDirectory } = require("../../tools/build.js");
const { startCargoRegistry } = require("../support/cargo-registry.js");
const { secretsIn } = require("../support/client.js");
const { sectionExamples } = require("../support/documents.js");
const { listItems } = require("../support/items.js");
const { runSuccessfully } = require("../support/registry.js");
const { bun, root } = require("../support/runtimes.js");
const { startSession } = require("../support/session.js");

const TOKEN = "token";
/** The version of keyring whose own tests are run. They are in its package. */
const KEYRING = "keyring@=4.2.0";

const inReadme = (language) =>
  sectionExamples("crates/os-secrets/README.md", "As a store of keyring-core", language);

/** A program that prints the password of an entry with the modifiers that follow its service and user. */
const READ = `
fn main() -> keyring_core::Result<()> {
    keyring_core::set_default_store(os_secrets::keyring::Store::new()?);
    let words: Vec<String> = std::env::args().skip(1).collect();
    let modifiers = words[2..].iter().filter_map(|word| word.split_once('=')).collect();
    let entry = keyring_core::Entry::new_with_modifiers(&words[0], &words[1], &modifiers)?;
    println!("{}", entry.get_password()?);
    Ok(())
}
`;

/** A program that runs the tests which keyring has for every store of keyring-core. */
const suite = (runner) => `
#[path = ${JSON.stringify(runner)}]
mod runner;

fn main() {
    keyring_core::set_default_store(os_secrets::keyring::Store::new().unwrap());
    let (passed, failed) = runner::run_tests();
    println!("{passed} passed, {failed} failed");
}
`;

/** Publishes the crate, adds it to an empty project with the commands of README.md, and builds the programs. */
async function buildProject(session, index, folder) {
  const env = {
    ...process.env,
    CARGO_TARGET_DIR: targetDirectory(),
    CARGO_REGISTRIES_LOCAL_INDEX: index,
    CARGO_REGISTRIES_LOCAL_TOKEN: TOKEN,
    CARGO_REGISTRIES_LOCAL_CREDENTIAL_PROVIDER: "cargo:token",
  };
  const cargo = (args, cwd = folder) => runSuccessfully(session, "cargo", args, { env, cwd });
  const publish = ["publish", "--locked", "--package", "os-secrets", "--registry", "local"];
  await cargo([...publish, "--no-verify", "--allow-dirty"], root);
  await cargo(["new", "--quiet", "--vcs", "none", "--name", "keyring-example", folder], root);
  // The other crates are those that are tested everywhere else.
  cpSync(join(root, "Cargo.lock"), join(folder, "Cargo.lock"));
  const [commands] = inReadme("sh");
  for (const command of commands.trim().split("\n")) {
    const [program, ...args] = command.split(" ");
    assert.equal(program, "cargo");
    await cargo(args.includes("os-secrets") ? [...args, "--registry", "local"] : args);
  }
  await cargo(["add", "fastrand"]);
  await cargo(["add", KEYRING, "--no-default-features", "--optional"]);
  const { packages } = JSON.parse(await cargo(["metadata", "--format-version=1", "--all-features"]));
  const keyring = dirname(packages.find(({ name }) => name === "keyring").manifest_path);
  const [example] = inReadme("rust,ignore");
  writeFileSync(join(folder, "src", "main.rs"), example);
  mkdirSync(join(folder, "src", "bin"));
  writeFileSync(join(folder, "src", "bin", "keyring-read.rs"), READ);
  const runner = join(keyring, "examples", "unit-test", "runner.rs");
  writeFileSync(join(folder, "src", "bin", "keyring-suite.rs"), suite(runner));
  await cargo(["build", "--quiet"]);
}

describe("the crate os-secrets with the feature keyring", () => {
  const stops = [];
  before(async () => {
    const session = await startSession({ bus: false });
    stops.push(() => session.stop());
    const { index } = await startCargoRegistry({ after: (stop) => stops.push(stop) }, TOKEN);
    await buildProject(session, index, join(session.directory, "project"));
  });
  after(async () => {
    for (const stop of stops) await stop();
  });

  async function startTestSession(t) {
    const session = await startSession();
    t.after(() => session.stop());
    /** Runs a program of the project. */
    const run = (program, ...args) => session.run(join(targetDirectory(), "debug", program), args);
    return { session, run, theirs: secretsIn(session, [bun], "bun") };
  }

  it("stores what Bun reads, with the program of README.md", async (t) => {
    const { session, run, theirs } = await startTestSession(t);
    assert.deepEqual(await run("keyring-example"), { code: 0, signal: null, stdout: "", stderr: "" });
    const [item, ...others] = await listItems(session);
    assert.deepEqual(others, []);
    assert.deepEqual(item.attributes, {
      "xdg:schema": "com.oven-sh.bun.Secret",
      service: "my-cli-tool",
      account: "github-token",
    });
    assert.equal(await theirs.get("my-cli-tool", "github-token"), "ghp_example");
  });

  it("reads what Bun has stored, from the store that a modifier or the environment chooses", async (t) => {
    const { run, theirs } = await startTestSession(t);
    await theirs.set("my-cli-tool", "of-bun", "Zürich 👋");
    const read = (...modifiers) => run("keyring-read", "my-cli-tool", "of-bun", ...modifiers);
    const found = { code: 0, signal: null, stdout: "Zürich 👋\n", stderr: "" };
    assert.deepEqual(await read(), found);
    assert.deepEqual(await read("provider=os", "interactive=false", "timeout=60000"), found);
    const inMemory = await read("provider=memory");
    assert.deepEqual([inMemory.code, inMemory.stderr], [1, "Error: NoEntry\n"]);
  });

  it("is locked when the keyring is, and does not say that there is no entry", async (t) => {
    const { session, run, theirs } = await startTestSession(t);
    await theirs.set("my-cli-tool", "locked", "hunter2");
    await session.lock();
    const { code, stderr } = await run("keyring-read", "my-cli-tool", "locked", "interactive=false");
    assert.equal(code, 1);
    assert.match(stderr, /^Error: NoStorageAccess\(InteractionNotAllowed\)/);
  });

  it("passes the tests of keyring for its stores, apart from that of an empty password", async (t) => {
    const { run } = await startTestSession(t);
    const { code, stdout } = await run("keyring-suite");
    assert.equal(code, 0);
    const failures = [...stdout.matchAll(/^ +(\w+): FAIL: (.*)$/gm)].map(([, name, why]) => [name, why]);
    assert.deepEqual(
      failures.map(([name]) => name),
      ["test_empty_password"],
      stdout,
    );
    assert.match(failures[0][1], /Invalid\("secret", "it must not be empty/);
    assert.match(stdout, /\n20 passed, 1 failed\n$/);
  });
});
