// The implementations as processes in a session. Each has one process for all operations, and new processes
// for operations that measure a process's start.

const { once } = require("node:events");
const { join, resolve } = require("node:path");
const { createInterface } = require("node:readline");
const { bun } = require("../__test__/support/runtimes.js");
const { targetDirectory } = require("../tools/build.js");

/** The service of participants that read the items of `Bun.secrets`. The others have their own items. */
const SHARED = "bench";
/** The number of items of each other participant. */
const OWN_ITEMS = 10;
/** After this many milliseconds without an answer, a process is killed. */
const PATIENCE = 120_000;

/** The commands of an implementation from implementations.js under a runtime. */
function makeScriptCommands(runtime, implementation, { service = SHARED, env = {}, ...rest } = {}) {
  const at = (file) => join(__dirname, file);
  return {
    ...rest,
    service,
    env,
    serve: [runtime, "--expose-gc", at("client.js"), implementation, service],
    once: [runtime, at("once.js"), implementation, service],
    bare: [runtime, at("once.js"), "bare", service],
    lacks: ["set-secret"],
  };
}

/** The commands of the program in bench/floor. */
function makeFloorCommands() {
  const program = join(targetDirectory(), "release", "floor");
  return {
    service: SHARED,
    serve: [program, "serve", SHARED],
    once: [program, "once", SHARED],
    bare: [program, "bare"],
    lacks: ["gap", "memory", "new-after-miss"],
  };
}

const node = process.execPath;

/** The participants, by their names in the options. */
const kinds = {
  "ours-node": { title: "ours, Node", ...makeScriptCommands(node, "ours") },
  "ours-bun": { title: "ours, Bun", ...makeScriptCommands(bun, "ours") },
  bun: { title: "Bun.secrets", ...makeScriptCommands(bun, "bun") },
  keytar: { title: "keytar, Node", ...makeScriptCommands(node, "keytar", { service: "bench keytar" }) },
  "napi-rs-keyring": {
    title: "@napi-rs/keyring, Node",
    // Each of its entries has a connection, and a process can have little more than a thousand.
    ...makeScriptCommands(node, "napi-rs-keyring", { service: "bench napi-rs", mostAtOnce: 500 }),
  },
  floor: { title: "floor", ...makeFloorCommands() },
};

/** Adds the os-secrets in another folder as a participant. Returns its name. */
function addOther(folder) {
  const id = "other-node";
  kinds[id] = {
    title: "other, Node",
    ...makeScriptCommands(node, "ours", { env: { OS_SECRETS_BENCH: folder } }),
  };
  return id;
}

/** Returns the reason why a program failed, from its standard error. */
function findReason(stderr) {
  return /^\w*Error: .*$/m.exec(stderr)?.[0] ?? stderr.trim();
}

/** Runs a program until it ends. Returns the number that it prints, and how long the process lived. */
async function measureProgram(session, [command, ...args], env) {
  const start = performance.now();
  const child = session.start(command, args, { env });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("utf8").on("data", (text) => {
      output[name] += text;
    });
  }
  const [code] = await once(child, "exit");
  const lived = performance.now() - start;
  if (child.stdout.readable) await once(child.stdout, "close");
  if (code !== 0) throw new Error(findReason(output.stderr));
  return { printed: Number(output.stdout), lived };
}

async function repeatMeasurement(most, slice, measure) {
  const values = [];
  const end = performance.now() + slice;
  do values.push(await measure());
  while (values.length < most && performance.now() < end);
  return values;
}

/** One implementation in one session. */
class Participant {
  #session;
  #kind;
  #env;
  #names;
  #child;
  #lines;
  #stderr = "";

  /** Starts one of the kinds in a session whose keyring has `names` items of `Bun.secrets`. */
  constructor(session, id, names) {
    const kind = kinds[id];
    this.id = id;
    this.#session = session;
    this.#kind = kind;
    this.#env = { ...session.env, ...inheritVariables(), ...kind.env };
    this.#names = kind.service === SHARED ? names : OWN_ITEMS;
    const [command, ...args] = kind.serve;
    this.#child = session.start(command, args, { env: this.#env });
    this.#child.stdin.on("error", () => {});
    this.#child.stderr.on("data", (text) => {
      this.#stderr += text;
    });
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** Whether it reads its own items instead of those of `Bun.secrets`. */
  get hasOwnItems() {
    return this.#kind.service !== SHARED;
  }

  /** Stores the items that it reads. */
  async fill() {
    await this.#ask("fill", 1, 0, 0);
  }

  /** Whether it supports an operation. */
  can({ tells, size = 0 }) {
    return !this.#kind.lacks.includes(tells) && size <= (this.#kind.mostAtOnce ?? size);
  }

  /**
   * Makes an operation at least once, at most `most` times, and for `slice` milliseconds. Returns the times.
   */
  async run({ tells, size = 0 }, most, slice) {
    if (tells === "first") return repeatMeasurement(most, slice, () => this.#measureFirst());
    if (tells === "cold") return repeatMeasurement(most, slice, () => this.#measureCold());
    return this.#ask(tells, most, slice, size);
  }

  /** Ends the process for all operations. */
  end() {
    return this.#session.end(this.#child);
  }

  async #ask(operation, most, slice, size) {
    this.#child.stdin.write(`${operation} ${most} ${Math.ceil(slice)} ${this.#names} ${size}\n`);
    const patience = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE);
    const { done, value } = await this.#lines.next();
    clearTimeout(patience);
    if (done) throw new Error(`its process ended or did not answer: ${findReason(this.#stderr)}`);
    const { values, error } = JSON.parse(value);
    if (error) throw new Error(error);
    return values;
  }

  async #measureFirst() {
    return (await measureProgram(this.#session, this.#kind.once, this.#env)).printed;
  }

  async #measureCold() {
    const bare = await measureProgram(this.#session, this.#kind.bare, this.#env);
    const whole = await measureProgram(this.#session, this.#kind.once, this.#env);
    return whole.lived - bare.lived;
  }
}

/** The variables that programs inherit from the environment of this process. */
function inheritVariables() {
  const { OS_SECRETS_BENCH } = process.env;
  return OS_SECRETS_BENCH ? { OS_SECRETS_BENCH: resolve(OS_SECRETS_BENCH) } : {};
}

module.exports = { kinds, addOther, Participant, SHARED };
