// Makes many calls in one process while the keyring is killed and restarted: soak.js <calls> <restarts>.
//
// Prints its measurements as JSON. Fails if an acknowledged change is lost, if a call reads a value that was
// never stored there, or if the process leaks memory, threads or files.

const assert = require("node:assert/strict");
const { readFileSync, readdirSync } = require("node:fs");
const { readFile } = require("node:fs/promises");
const { startSession } = require("../support/session.js");

/** The number of calls at once. */
const LANES = 16;
const KEYS = 64;
const SERVICE = "soak";
/** The maximum growth of the memory after the warm-up, in bytes. */
const GROWTH = 30 * 2 ** 20;
/** The error code of calls while the keyring is down. */
const AWAY = "ERR_SECRETS_PLATFORM_ERROR";

/** Measures the process's memory, threads and open files. */
function measureProcess() {
  global.gc?.();
  const [, rss] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
  return {
    rss: Number(rss) * 1024,
    threads: readdirSync("/proc/self/task").length,
    descriptors: readdirSync("/proc/self/fd").length,
  };
}

/**
 * The `possible` values of one key. `null` means that there is no credential. After an acknowledged call
 * there is one possible value. A failed call may have been made or not, so it adds its value to those before.
 */
class Credential {
  #possible = new Set([null]);
  #version = 0;

  constructor(number) {
    this.key = { service: SERVICE, name: `name ${number}` };
    // Some values are long: several blocks or pages.
    this.padding = "x".repeat(number % 8 === 0 ? 5_000 : number);
  }

  get possible() {
    return [...this.#possible];
  }

  /** Returns a value that no key has had before. */
  makeValue() {
    this.#version += 1;
    return `${this.key.name}, version ${this.#version} ${this.padding}`;
  }

  /** Call before a change is made. */
  addPossible(value) {
    this.#possible.add(value);
  }

  /** Call when it is certain which value is stored. */
  setCertain(value) {
    this.#possible = new Set([value]);
  }

  checkValue(value) {
    const show = (one) => JSON.stringify(one)?.slice(0, 40);
    const foreign = () =>
      `${this.key.name}: ${show(value)} instead of ${this.possible.map(show).join(" or ")}`;
    assert.ok(this.#possible.has(value), foreign());
    // The value shows which of the changes were made.
    this.setCertain(value);
  }
}

class Soak {
  #store;
  #credentials = Array.from({ length: KEYS }, (_, number) => new Credential(number));
  #idle = [...this.#credentials];
  #calls = 0;
  #failures = 0;
  /** How often the keyring went down or came back. The number is odd while it is down. */
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

  /** Waits until this many calls were made. */
  waitForCalls(calls) {
    return new Promise((reached) => {
      this.#milestone = { calls, reached };
    });
  }

  /** Call before the keyring goes down. */
  noteDown() {
    this.#phase += 1;
    this.#returned = new Promise((resolve) => {
      this.#announce = resolve;
    });
  }

  /** Call when the keyring is back. */
  noteUp() {
    this.#phase += 1;
    this.#announce();
  }

  /** Makes calls, several at once, until this many were made. */
  async run(until) {
    const lane = async () => {
      while (this.#calls < until) {
        this.#calls += 1;
        if (this.#calls >= this.#milestone.calls) this.#milestone.reached();
        // Each key has one call at a time, so that its possible values are known.
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
      // One failure per lane is enough. The other calls are for a running keyring.
      await this.#returned;
    }
  }

  #choose(credential) {
    const choice = Math.random();
    // Changes are rare because they are slow: gnome-keyring writes its whole file.
    if (choice < 0.15) return this.#set(credential);
    if (choice < 0.2) return this.#delete(credential);
    if (choice < 0.35) return this.#has(credential);
    if (choice < 0.37) return this.#list();
    return this.#get(credential);
  }

  async #set(credential) {
    const value = credential.makeValue();
    const isNew = credential.possible.includes(null);
    credential.addPossible(value);
    try {
      await this.#store.set({ ...credential.key, value });
    } catch (error) {
      // gnome-keyring stores a new item first and its secret second. If it is killed in between, the item has
      // no secret.
      if (isNew) credential.addPossible("");
      throw error;
    }
    credential.setCertain(value);
  }

  async #delete(credential) {
    const { possible } = credential;
    credential.addPossible(null);
    const was = await this.#store.delete(credential.key);
    if (was) assert.notDeepEqual(possible, [null], `${credential.key.name}: there was nothing to delete`);
    else assert.ok(possible.includes(null), `${credential.key.name}: there was something to delete`);
    credential.setCertain(null);
  }

  async #get(credential) {
    credential.checkValue(await this.#store.get(credential.key));
  }

  async #has(credential) {
    const has = await this.#store.has(credential.key);
    const agree = credential.possible.some((value) => (value !== null) === has);
    assert.ok(agree, `${credential.key.name}: has() is ${has}`);
  }

  async #list() {
    // Only credentials without a call in progress can be checked: those with one possible value, before and
    // after.
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
      // Values never repeat, so one that is the same before and after did not change. Only `null` may have
      // been set and deleted in between.
      if (value !== null) assert.ok(names.has(credential.key.name), `${credential.key.name} is not listed`);
    }
  }

  /** Reads all credentials while the keyring runs. No acknowledged change may be missing. */
  async verify() {
    await Promise.all(this.#credentials.map((credential) => this.#get(credential)));
  }
}

/**
 * Brings the process to rest before a measurement: lazy threads are started, and earlier calls free their
 * memory.
 */
async function settleProcess(store) {
  // Starts libuv's threads.
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
      await soak.waitForCalls(at);
      soak.noteDown();
      await session.end(keyring);
      keyring = await session.startKeyring();
      soak.noteUp();
    };
    const started = process.hrtime.bigint();
    // The first restart belongs to the warm-up. After it, the process must not grow.
    const warm = Math.ceil(calls / 10);
    await Promise.all([soak.run(warm), restart(warm / 2)]);
    await soak.verify();
    await settleProcess(store);
    const before = measureProcess();
    for (let times = 1; times <= restarts; times++) {
      const until = Math.round(warm + ((calls - warm) * times) / restarts);
      const at = soak.calls + (until - soak.calls) * Math.random() * 0.9;
      await Promise.all([soak.run(until), restart(at)]);
      await soak.verify();
    }
    await settleProcess(store);
    const after = measureProcess();
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
