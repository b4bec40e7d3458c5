// `secrets import --from … --delete` loses nothing if it is killed at any moment.
//
// Whenever a kill comes, what is checked afterwards is the same. So the load of the machine does not matter.

const assert = require("node:assert/strict");
const { once } = require("node:events");
const {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} = require("node:fs");
const { dirname, join } = require("node:path");
const { describe, it } = require("node:test");
const { stores, startClientSession } = require("../support/clients.js");
const { formats } = require("../support/plain-files.js");

/** The kills of all formats together, on each store. */
const KILLS = 200;

/** What the store holds is removed between two runs. */
const emptied = {
  "gnome-keyring": async ({ run }, { credentials }) => {
    for (const [service, name] of credentials) await run("secrets", ["delete", "--service", service, name]);
  },
  "the encrypted file": ({ session }) => {
    const folder = join(session.data, "os-secrets");
    for (const name of existsSync(folder) ? readdirSync(folder) : []) rmSync(join(folder, name));
  },
};

describe("secrets import --from … --delete", () => {
  for (const [name, store] of Object.entries(stores)) {
    it(`loses nothing in ${KILLS} kills at any moment, on ${name}`, async (t) => {
      const client = await startClientSession(t, store);
      const known = await listFormats(client);
      const kills = Math.ceil(KILLS / known.length);
      for (const format of known) {
        const moments = await killOften(client, format, kills, emptied[name]);
        t.diagnostic(`${format}, what was done when it was killed: ${JSON.stringify(moments)}`);
      }
    });
  }
});

/** The formats that the program knows. */
async function listFormats({ run }) {
  const { stderr } = await run("secrets", ["import", "--from", "nothing"]);
  const [, list] = /--from must be one of ([^;]+);/.exec(stderr) ?? assert.fail(stderr);
  const known = list.split(", ");
  for (const format of known) assert.ok(formats[format], `there is no example of ${format} here`);
  return known;
}

/** Kills the program many times. Returns how often it had stored how many credentials, and changed the file. */
async function killOften(client, format, kills, empty) {
  const { session, read } = client;
  const { path, content, credentials, env = {} } = formats[format];
  const file = join(session.home, path);
  const folder = dirname(file);
  mkdirSync(folder, { recursive: true });
  const args = ["import", "--from", format, "--delete"];
  const begin = async () => {
    await empty(client, formats[format]);
    writeFileSync(file, content, { mode: 0o600 });
  };
  const readAll = () => Promise.all(credentials.map(([service, name]) => read(service, name)));
  const start = process.hrtime.bigint();
  await begin();
  const first = await client.run("secrets", args, { env });
  assert.equal(first.code, 0, `${format}: ${first.stderr}`);
  const values = await readAll();
  const rest = readFileSync(file, "utf8");
  const names = readdirSync(folder);
  for (const [at, [service, name, mark]] of credentials.entries()) {
    assert.ok(values[at], `${format}: ${service} ${name} was not stored`);
    assert.ok(content.includes(mark) && !rest.includes(mark), `${format}: ${mark}`);
  }

  let longest = process.hrtime.bigint() - start;
  const inode = () => statSync(file).ino;
  const changed = (place) => statSync(place, { throwIfNoEntry: false })?.mtimeMs;
  const stores = [join(session.data, "os-secrets"), join(session.data, "keyrings")];
  /** The moments of a kill, each as a function that is asked again and again whether it has come. */
  const kinds = [
    // After a time, which is shorter if the program has ended before.
    (tried) => {
      const end = process.hrtime.bigint() + (longest * BigInt((tried * 618) % 1000)) / 1000n;
      return () => process.hrtime.bigint() >= end;
    },
    // The temporary file is there.
    () => () => readdirSync(folder).length > names.length,
    // The file was replaced.
    () => {
      const before = inode();
      return () => inode() !== before;
    },
    // The store was changed a number of times.
    (tried) => {
      let [count, last] = [0, stores.map(changed).join()];
      return () => {
        const now = stores.map(changed).join();
        if (now !== last) [count, last] = [count + 1, now];
        return count > (tried / 4) % 4;
      };
    },
  ];
  const moments = {};
  for (let [tried, killed] = [0, 0]; killed < kills; tried += 1) {
    await begin();
    if (!(await runAndKill(session, args, env, kinds[tried % 4](tried)))) {
      longest = (longest * 9n) / 10n;
      continue;
    }
    killed += 1;
    const left = readdirSync(folder);
    const found = readFileSync(file, "utf8");
    assert.ok([content, rest].includes(found), `${format}: ${found}`);
    const stored = await readAll();
    for (const [at, [service, name, mark]] of credentials.entries()) {
      const place = `${format}: ${service} ${name} after kill ${killed}`;
      assert.ok([null, values[at]].includes(stored[at]), `${place}: another value is stored`);
      assert.ok(found.includes(mark) || stored[at] === values[at], `${place}: it is lost`);
    }
    const isTemporary = left.length > names.length ? ", with the temporary file" : "";
    const count = stored.filter(Boolean).length;
    const moment = found === content ? `${count} stored${isTemporary}` : "deleted";
    moments[moment] = (moments[moment] ?? 0) + 1;
    const { code, stderr } = await client.run("secrets", args, { env });
    assert.equal(code, 0, stderr);
    assert.equal(readFileSync(file, "utf8"), rest);
    assert.deepEqual(await readAll(), values);
    assert.deepEqual(readdirSync(folder), names);
  }
  rmSync(file);
  return moments;
}

/** Starts the program, and kills it when its moment has come. Returns whether it was killed before it ended. */
async function runAndKill(session, args, env, hasCome) {
  const options = { env: { ...session.env, ...env }, cwd: session.home, stdio: "ignore" };
  const child = session.start("secrets", args, options);
  const ended = once(child, "exit");
  // Nothing else runs meanwhile: a program in which events are waited for would come too late.
  const hasEnded = () => / Z /.test(readFileSync(`/proc/${child.pid}/stat`, "utf8"));
  while (!hasCome() && !hasEnded());
  child.kill("SIGKILL");
  const [, signal] = await ended;
  return signal === "SIGKILL";
}
