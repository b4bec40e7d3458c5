// npm run bench:stores [-- rounds]: measures the time of calls in each store of openStore, under Node. The
// stores take turns, so that their times are comparable. For the encrypted file, it also measures the minimum
// work of a change: writing and syncing a file of the same size. TMPDIR chooses the disk. The table is also
// written to bench/results/.

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} = require("node:fs");
const { join } = require("node:path");
const { makePasswordStore } = require("../__test__/support/helpers.js");
const { build } = require("../tools/build.js");
const { root } = require("../tools/process.js");
const { provide } = require("../tools/provision.js");
const { describeSystem } = require("./machine.js");
const { services, startService } = require("./services.js");
const { median } = require("./statistics.js");

const ROUNDS = 200;
/** The number of rounds for stores that start a program per call. More would take minutes. */
const HELPER_ROUNDS = 20;
/** The number of gets per measurement. */
const ROW = 20;
const key = { service: "bench", name: "name 1" };
const value = (index) => `value of name ${String(index).padStart(6)}`;

async function openFileStore(openStore, folder, name, items, unlock) {
  const path = join(folder, `${name}.age`);
  const options = { provider: "file", path, ...unlock };
  const store = openStore(options);
  const indexes = Array.from({ length: items }, (_, index) => index);
  await Promise.all(indexes.map((index) => store.set(key.service, `name ${index}`, value(index))));
  return { store, path, open: () => openStore(options) };
}

/** Writes a file of the same size as this one and syncs it to the disk. */
function writeAndSync(path) {
  const bytes = readFileSync(path);
  const file = openSync(`${path}.floor`, "w", 0o600);
  writeSync(file, bytes);
  fsyncSync(file);
  closeSync(file);
}

/** Measures one round of one store: { title: milliseconds }. */
async function measureRound({ store, path, open, helper }, number) {
  const times = {};
  const time = async (title, call, count = 1) => {
    const start = performance.now();
    const answer = await call();
    times[title] = (performance.now() - start) / count;
    return answer;
  };
  await time("set that replaces", () => store.set({ ...key, value: value(number) }));
  if (path) await time("a file of that size, written and synced", () => writeAndSync(path));
  assert.equal(await time("get after a change", () => store.get(key)), value(number));
  const row = async () => {
    for (let left = ROW; left > 0; left--) await store.get(key);
  };
  if (!helper) await time("get", row, ROW);
  assert.equal(await time("get of what is missing", () => store.get(key.service, "missing")), null);
  await time("new set", () => store.set(key.service, "new", "value"));
  assert.equal(await time("delete", () => store.delete(key.service, "new")), true);
  await time("list", () => store.list());
  if (open && number % 20 === 0) await time("open and first get", () => open().get(key));
  return times;
}

async function main() {
  const rounds = Number(process.argv[2] ?? ROUNDS);
  provide("keyring age docker pass modules");
  build();
  const session = await startService(services["gnome-keyring"], 10);
  try {
    await makePasswordStore(session);
    // The package reads this process's environment when it is loaded.
    Object.assign(process.env, session.env);
    const { openStore } = require(root);
    const folder = join(session.directory, "stores");
    mkdirSync(folder, { mode: 0o700 });
    const identity = join(session.directory, "identity");
    execFileSync(process.execPath, ["--", join(root, "bin", "secrets.js"), "init", "--quiet", identity]);
    const helper = (name) => ({
      store: openStore({ provider: "exec", command: `/usr/bin/docker-credential-${name}` }),
      helper: true,
    });
    const stores = {
      "os (gnome-keyring, 10 items)": { store: openStore({ provider: "os" }) },
      "file, 10 items": await openFileStore(openStore, folder, "few", 10, { identity }),
      "file, 10 items, identity in os": await openFileStore(openStore, folder, "os-identity", 10, {
        identity: { service: "bench", name: "identity" },
      }),
      "file, 5,000 items, identity in os": await openFileStore(openStore, folder, "large", 5000, {
        identity: { service: "bench", name: "identity" },
      }),
      "file, 1,000 items": await openFileStore(openStore, folder, "many", 1000, { identity }),
      "file, 1,000 items, passphrase": await openFileStore(openStore, folder, "locked", 1000, {
        passphrase: "correct horse",
      }),
      memory: { store: openStore({ provider: "memory" }) },
      "exec (secretservice)": helper("secretservice"),
      "exec (pass)": helper("pass"),
    };
    const times = {};
    for (let number = -2; number < rounds; number++) {
      for (const [name, store] of Object.entries(stores)) {
        if (store.helper && number >= HELPER_ROUNDS) continue;
        const taken = await measureRound(store, Math.abs(number));
        // The first rounds warm up.
        if (number < 0) continue;
        for (const [title, each] of Object.entries(taken)) {
          times[title] ??= {};
          times[title][name] ??= [];
          times[title][name].push(each);
        }
      }
    }
    const names = Object.keys(stores);
    const { processor, system } = describeSystem();
    const formatFigure = (of) =>
      of === undefined ? "" : median(of) < 10 ? median(of).toFixed(3) : median(of).toFixed(1);
    const rows = Object.entries(times).map(
      ([title, of]) => `| ${[title, ...names.map((name) => formatFigure(of[name]))].join(" | ")} |`,
    );
    const formatRatio = (name) => {
      const set = median(times["set that replaces"][name]);
      return `${(set / median(times["a file of that size, written and synced"][name])).toFixed(2)} (${name})`;
    };
    const text = [
      `${processor}, ${system}, Node ${process.versions.node}; medians in ms of ${rounds} rounds (exec: ${HELPER_ROUNDS})`,
      "",
      `| call | ${names.join(" | ")} |`,
      `|---|${names.map(() => "--:|").join("")}`,
      ...rows,
      "",
      `A set that replaces, to a file of that size, written and synced: ${names
        .filter((name) => stores[name].path)
        .map(formatRatio)
        .join(", ")}`,
      "",
    ].join("\n");
    console.log(`\n${text}`);
    mkdirSync(join(__dirname, "results"), { recursive: true });
    writeFileSync(join(__dirname, "results", "stores.md"), text);
  } finally {
    await session.stop();
  }
}

main();
