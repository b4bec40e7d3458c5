// Many calls from one process, while the keyring is killed and restarted: soak.js <calls> <restarts>.
//
// Prints what it measured as JSON. Fails where an acknowledged change is lost, where a value is
// read that nobody stored there, or where the process keeps what its calls took.

const assert = require("node:assert/strict");
const { readFileSync, readdirSync } = require("node:fs");
const { readFile } = require("node:fs/promises");
const { startSession } = require("../support/session.js");

/** Calls that are under way at once. */
const LANES = 16;
const KEYS = 64;
const SERVICE = "soak";
/** What the memory may grow by between the warm-up's end and the end of all. */
const GROWTH = 30 * 2 ** 20;
/** What the calls may fail with while the keyring is away. */
const AWAY = "ERR_SECRETS_PLATFORM_ERROR";

/** The process's memory, threads and open files. */
function measure() {
  global.gc?.();
  const [, rss] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
  return {
    rss: Number(rss) * 1024,
    threads: readdirSync("/proc/self/task").length,
    descriptors: readdirSync("/proc/self/fd").length,
  };
}

/**
 * What may be stored under one key: the `possible` values, `null` for none. A call that was
 * acknowledged leaves one; a call that failed, and so may have been done or not, leaves its own
 * beside those before.
 */
class Credential {
  #possible = new Set([null]);
  #version = 0;

  constructor(number) {
    this.key = { service: SERVICE, name: `name ${number}` };
    // Long ones among them: a block more or less, and some pages.
    this.padding = "x".repeat(number % 8 === 0 ? 5_000 : number);
  }

  get possible() {
    return [...this.#possible];
  }

  /** A value that no other key has, and that this one never had. */
  next() {
    this.#version += 1;
    return `${this.key.name}, version ${this.#version} ${this.padding}`;
  }

  /** To be told before a change is tried. */
  trying(value) {
    this.#possible.add(value);
  }

  /** To be told of what is stored for certain. */
  settled(value) {
    this.#possible = new Set([value]);
  }

  check(value) {
    const show = (one) => JSON.stringify(one)?.slice(0, 40);
    const foreign = () =>
      `${this.key.name}: ${show(value)} instead of ${this.possible.map(show).join(" or ")}`;
    assert.ok(this.#possible.has(value), foreign());
    // Whoever has seen it knows which of the changes were made.
    this.settled(value);
  }
}

class Soak {
  #store;
  #credentials = Array.from({ length: KEYS }, (_, number) => new Credential(number));
  #idle = [...this.#credentials];
  #calls = 0;
  #failures = 0;
  /** How often the keyring went away and came back; odd while it is away. */
  #phase = 0;
  #returned = Promise.resolve();
  #announce = () => {};
  #milestone = { calls: Number.POSITIVE_INFINITY, reached() {} };

  constructor(store) {
    this.#store = store;
  }

  get calls() {
    return this.#calls;
  }

  get failures() {
    return this.#failures;
  }

  /** Waits until so many calls were made. */
  reaches(calls) {
    return new Promise((reached) => {
      this.#milestone = { calls, reached };
    });
  }

  /** To be told before the keyring goes away. */
  leaving() {
    this.#phase += 1;
    this.#returned = new Promise((resolve) => {
      this.#announce = resolve;
    });
  }

  /** To be told when the keyring is back. */
  returned() {
    this.#phase += 1;
    this.#announce();
  }

  /** Makes calls, several at once, until there were so many. */
  async run(until) {
    const lane = async () => {
      while (this.#calls < until) {
        this.#calls += 1;
        if (this.#calls >= this.#milestone.calls) this.#milestone.reached();
        // Each key has one call at a time, so that what is stored is known.
        const at = Math.floor(Math.random() * this.#idle.length);
        const [credential] = this.#idle.splice(at, 1);
        await this.#call(credential);
        this.#idle.push(credential);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  async #call(credential) {
    const phase = this.#phase;
    try {
      await this.#choose(credential);
    } catch (error) {
      const disturbed = phase % 2 === 1 || phase !== this.#phase;
      if (error.code !== AWAY || !disturbed) throw error;
      this.#failures += 1;
      // One failure a lane is enough: the calls are for a keyring that is there.
      await this.#returned;
    }
  }

  #choose(credential) {
    const choice = Math.random();
    // A change takes gnome-keyring, which writes its whole file, longer than anything else.
    if (choice < 0.15) return this.#set(credential);
    if (choice < 0.2) return this.#delete(credential);
    if (choice < 0.35) return this.#has(credential);
    if (choice < 0.37) return this.#list();
    return this.#get(credential);
  }

  async #set(credential) {
    const value = credential.next();
    const isNew = credential.possible.includes(null);
    credential.trying(value);
    try {
      await this.#store.set({ ...credential.key, value });
    } catch (error) {
      // gnome-keyring stores a new item in two steps, and the secret is the second. One that is killed
      // in between leaves the item without.
      if (isNew) credential.trying("");
      throw error;
    }
    credential.settled(value);
  }

  async #delete(credential) {
    const { possible } = credential;
    credential.trying(null);
    const was = await this.#store.delete(credential.key);
    if (was) assert.notDeepEqual(possible, [null], `${credential.key.name}: there was nothing to delete`);
    else assert.ok(possible.includes(null), `${credential.key.name}: there was something to delete`);
    credential.settled(null);
  }

  async #get(credential) {
    credential.check(await this.#store.get(credential.key));
  }

  async #has(credential) {
    const has = await this.#store.has(credential.key);
    const agree = credential.possible.some((value) => (value !== null) === has);
    assert.ok(agree, `${credential.key.name}: has() is ${has}`);
  }

  async #list() {
    // Those that nobody touches meanwhile: all that have one value, now and then.
    const certain = (credential) => (credential.possible.length === 1 ? credential.possible[0] : undefined);
    const before = this.#idle.map((credential) => [credential, certain(credential)]);
    const listed = await this.#store.list({ service: SERVICE });
    const names = new Set(listed.map(({ name }) => name));
    assert.equal(names.size, listed.length, "a name is listed twice");
    for (const { service, name } of listed) {
      const known = this.#credentials.some(({ key }) => key.name === name);
      assert.ok(service === SERVICE && known, `${service}/${name} is listed and is not ours`);
    }
    for (const [credential, value] of before) {
      if (value === undefined || certain(credential) !== value) continue;
      // It may have been deleted and set again; a set never repeats a value, so `null` alone is open.
      if (value !== null) assert.ok(names.has(credential.key.name), `${credential.key.name} is not listed`);
    }
  }

  /** Reads everything, with the keyring there: nothing that was acknowledged may be missing. */
  async verify() {
    await Promise.all(this.#credentials.map((credential) => this.#get(credential)));
  }
}

/** Lets the process come to rest: what it starts once is started, what calls held is given back. */
async function rest(store) {
  // Starts the threads that serve files.
  await readFile("/proc/self/status");
  await Promise.all(Array.from({ length: LANES }, () => store.get(SERVICE, "nothing")));
}

async function main(calls, restarts) {
  const session = await startSession({ keyring: false });
  try {
    let keyring = await session.startKeyring();
    // The library reads its environment when it is loaded.
    Object.assign(process.env, session.env);
    const { openStore } = require("../..");
    const store = openStore();
    const soak = new Soak(store);

    const restart = async (at) => {
      await soak.reaches(at);
      soak.leaving();
      await session.end(keyring);
      keyring = await session.startKeyring();
      soak.returned();
    };
    const started = process.hrtime.bigint();
    // The first restart belongs to the warm-up: what is kept after it must not become more.
    const warm = Math.ceil(calls / 10);
    await Promise.all([soak.run(warm), restart(warm / 2)]);
    await soak.verify();
    await rest(store);
    const before = measure();
    for (let times = 1; times <= restarts; times++) {
      const until = Math.round(warm + ((calls - warm) * times) / restarts);
      const at = soak.calls + (until - soak.calls) * Math.random() * 0.9;
      await Promise.all([soak.run(until), restart(at)]);
      await soak.verify();
    }
    await rest(store);
    const after = measure();
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    const { failures } = soak;
    console.log(JSON.stringify({ calls: soak.calls, restarts, failures, seconds, before, after }));
    assert.equal(soak.calls, calls);
    assert.ok(after.descriptors <= before.descriptors, "file descriptors are left open");
    assert.ok(after.threads <= before.threads, "threads are left running");
    assert.ok(after.rss - before.rss <= GROWTH, "the memory grows");
    await store.close();
  } finally {
    await session.stop();
  }
}

const [calls, restarts] = process.argv.slice(2).map(Number);
main(calls, restarts);
