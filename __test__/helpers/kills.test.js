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

const base64 = (text) => Buffer.from(text).toString("base64");

/**
 * The formats: for each the path of its file in the home directory, an example of the file, and its credentials. These are
 * [service, name, what is in the file only while the credential is]. Their values are those of a run that is not killed.
 */
const formats = {
  git: {
    path: ".git-credentials",
    content: "https://me:one-1@a.example\nhttps://you:two-2@b.example\n",
    credentials: [
      ["git:https://a.example", "me", "one-1"],
      ["git:https://b.example", "you", "two-2"],
    ],
  },
  docker: {
    path: ".docker/config.json",
    content: `{"auths": {"a.example": {"auth": "${base64("me:one-1")}"}, "b.example": {"auth": "${base64("you:two-2")}"}}}\n`,
    credentials: [
      ["docker:a.example", "me", base64("me:one-1")],
      ["docker:b.example", "you", base64("you:two-2")],
    ],
  },
  aws: {
    path: ".aws/credentials",
    content:
      "[default]\naws_access_key_id = AKIAONE\naws_secret_access_key = one-1\n\n" +
      "[two]\naws_access_key_id = AKIATWO\naws_secret_access_key = two-2\n",
    credentials: [
      ["aws", "default", "one-1"],
      ["aws", "two", "two-2"],
    ],
  },
  npmrc: {
    path: ".npmrc",
    content:
      "fund=false\n//a.example/:_authToken=one-1\n//b.example/:username=you\n//b.example/:_password=dHdv\n",
    credentials: [
      ["npm://a.example/", "token", "one-1"],
      ["npm://b.example/", "you", "dHdv"],
    ],
  },
  netrc: {
    path: ".netrc",
    content: "machine a.example login me password one-1\nmachine b.example\n  login you\n  password two-2\n",
    credentials: [
      ["git:https://a.example", "me", "one-1"],
      ["git:https://b.example", "you", "two-2"],
    ],
  },
  pypirc: {
    path: ".pypirc",
    content:
      "[distutils]\nindex-servers =\n  a\n  b\n\n[a]\nrepository = https://a.example/\nusername = me\npassword = one-1\n\n" +
      "[b]\nrepository = https://b.example/\nusername = you\npassword = two-2\n",
    credentials: [
      ["https://a.example/", "me", "one-1"],
      ["https://b.example/", "you", "two-2"],
    ],
  },
  cargo: {
    path: ".cargo/credentials.toml",
    content: '[registry]\ntoken = "one-1"\n\n[registries.b]\ntoken = "two-2"\n',
    env: { CARGO_REGISTRIES_B_INDEX: "sparse+https://b.example/" },
    credentials: [
      ["cargo:https://github.com/rust-lang/crates.io-index", "token", "one-1"],
      ["cargo:sparse+https://b.example/", "token", "two-2"],
    ],
  },
  kube: {
    path: ".kube/config",
    content:
      "apiVersion: v1\nkind: Config\ncurrent-context: a\n" +
      "clusters:\n- name: a\n  cluster:\n    server: https://a.example\n- name: b\n  cluster:\n    server: https://b.example\n" +
      "contexts:\n- name: a\n  context:\n    cluster: a\n    user: me\n- name: b\n  context:\n    cluster: b\n    user: you\n" +
      "users:\n- name: me\n  user:\n    token: one-1\n- name: you\n  user:\n    token: two-2\n",
    credentials: [
      ["kubernetes:https://a.example", "me", "one-1"],
      ["kubernetes:https://b.example", "you", "two-2"],
    ],
  },
};

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
