// The main job, step by step: round-trip.js <bun> [folder]. In whatever store the environment leads to, or, where
// a folder is named, in an encrypted file there. It says why, and ends with code 3, where no store answers.

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const { join } = require("node:path");
const { openStore } = require("../..");

const key = { service: "os-secrets-quickstart", name: "github-token" };
const packageFolder = join(__dirname, "..", "..");

/** The operating system's store, which Bun reads by itself. */
const os = {
  store: openStore({ provider: "os" }),
  reader: `Bun.secrets`,
};

/** An encrypted file, which Bun reads through this package. */
function fileIn(folder) {
  const identity = join(folder, "identity");
  const program = join(packageFolder, "bin", "secrets.js");
  const recipient = execFileSync(process.execPath, ["--", program, "init", "--quiet", identity]);
  assert.equal(recipient.length, 0);
  const options = { provider: "file", path: join(folder, "secrets.age"), identity };
  console.log(`Encrypted file: ${options.path}`);
  return {
    store: openStore(options),
    reader: `require(${JSON.stringify(packageFolder)}).openStore(${JSON.stringify(options)})`,
  };
}

async function main(bun, folder) {
  const { store, reader } = folder === undefined ? os : fileIn(folder);
  const readWithBun = () => {
    const program = `process.stdout.write(String(await ${reader}.get(${JSON.stringify(key)})))`;
    return execFileSync(bun, ["--eval", program], { encoding: "utf8", timeout: 60_000 });
  };
  try {
    await store.get(key);
  } catch (error) {
    console.error(`${error.code}: ${error.message}`);
    // A store that is locked or refuses is there all the same.
    process.exit(error.code === "ERR_SECRETS_PLATFORM_ERROR" ? 3 : 1);
  }
  const set = (value) => store.set({ ...key, value });
  const all = [
    ["set     ", () => set("first-value"), undefined],
    ["get     ", () => store.get(key), "first-value"],
    ["in Bun  ", readWithBun, "first-value"],
    ["replace ", () => set("second-value"), undefined],
    ["get     ", () => store.get(key), "second-value"],
    ["in Bun  ", readWithBun, "second-value"],
    ["delete  ", () => store.delete(key), true],
    ["get     ", () => store.get(key), null],
    ["in Bun  ", readWithBun, "null"],
  ];
  // Keychain asks the user before Bun reads what Node has stored.
  const isGuarded = process.platform === "darwin" && folder === undefined && !process.versions.bun;
  const steps = all.filter(([, step]) => !(isGuarded && step === readWithBun));
  console.log(`Credential: ${key.service}/${key.name}, under Node ${process.versions.node}`);
  try {
    for (const [label, step, expected] of steps) {
      const start = performance.now();
      const outcome = await step();
      console.log(`  ${label} → ${String(outcome).padEnd(14)} ${(performance.now() - start).toFixed(1)} ms`);
      assert.equal(outcome, expected);
    }
  } finally {
    await store.delete(key);
  }
}

main(...process.argv.slice(2));
