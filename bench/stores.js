// npm run bench:stores [-- rounds]: what a call takes in each store that openStore gives, under Node, in turns, so
// that they are comparable. Beside the encrypted file stands the least that a change of it can be: a file of its
// size, written and synced. TMPDIR chooses the disk. The table goes to bench/results/ as well.

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
const { passwordStoreIn } = require("../__test__/support/helpers.js");
const { build } = require("../tools/build.js");
const { root } = require("../tools/process.js");
const { provide } = require("../tools/provision.js");
const { machine } = require("./machine.js");
const { services, startService } = require("./services.js");
const { median } = require("./statistics.js");

const ROUNDS = 200;
/** Of what starts a program for each call there are fewer: they would take minutes. */
const HELPER_ROUNDS = 20;
/** So many gets in a row are one measurement. */
const ROW = 20;
const key = { service: "bench", name: "name 1" };
const value = (index) => `value of name ${String(index).padStart(6)}`;

async function fileStore(openStore, folder, name, items, unlock) {
  const path = join(folder, `${name}.age`);
  const options = { provider: "file", path, ...unlock };
  const store = openStore(options);
  const indexes = Array.from({ length: items }, (_, index) => index);
  await Promise.all(indexes.map((index) => store.set(key.service, `name ${index}`, value(index))));
  return { store, path, open: () => openStore(options) };
}

/** Writes a file of this one's size, and has it on the disk. */
function writeAndSync(path) {
  const bytes = readFileSync(path);
  const file = openSync(`${path}.floor`, "w", 0o600);
  writeSync(file, bytes);
  fsyncSync(file);
  closeSync(file);
}

/** One round of one store: { title: milliseconds }. */
async function round({ store, path, open, helper }, number) {
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
    await passwordStoreIn(session);
    // The stores are this process's own, and read its environment when they are loaded.
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
      "file, 10 items": await fileStore(openStore, folder, "few", 10, { identity }),
      "file, 1,000 items": await fileStore(openStore, folder, "many", 1000, { identity }),
      "file, 1,000 items, passphrase": await fileStore(openStore, folder, "locked", 1000, {
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
        const taken = await round(store, Math.abs(number));
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
    const { processor, system } = machine();
    const figure = (of) =>
      of === undefined ? "" : median(of) < 10 ? median(of).toFixed(3) : median(of).toFixed(1);
    const rows = Object.entries(times).map(
      ([title, of]) => `| ${[title, ...names.map((name) => figure(of[name]))].join(" | ")} |`,
    );
    const ratio = (name) => {
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
        .map(ratio)
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
