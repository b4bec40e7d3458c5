// The implementations as processes in a session: each has one that lives through all operations, and
// new ones for what only a new process shows.

const { once } = require("node:events");
const { join, resolve } = require("node:path");
const { createInterface } = require("node:readline");
const { bun } = require("../__test__/support/runtimes.js");
const { targetDirectory } = require("../tools/build.js");

/** Whose items are those of `Bun.secrets`; the others have their own beside them. */
const SHARED = "bench";
/** How many items the others have. */
const OWN_ITEMS = 10;
/** After how many milliseconds a process is given up that was told something and does not answer. */
const PATIENCE = 120_000;

/** A program in JavaScript: what runs it, and which of implementations.js it is. */
function script(runtime, implementation, { service = SHARED, env = {}, ...rest } = {}) {
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

/** The program of bench/floor. */
function floor() {
  const program = join(targetDirectory(), "release", "floor");
  return {
    service: SHARED,
    serve: [program, "serve", SHARED],
    once: [program, "once", SHARED],
    bare: [program, "bare"],
    lacks: ["gap", "memory"],
  };
}

const node = process.execPath;

/** What can take part, by the name that chooses it. */
const kinds = {
  "ours-node": { title: "ours, Node", ...script(node, "ours") },
  "ours-bun": { title: "ours, Bun", ...script(bun, "ours") },
  bun: { title: "Bun.secrets", ...script(bun, "bun") },
  keytar: { title: "keytar, Node", ...script(node, "keytar", { service: "bench keytar" }) },
  "napi-rs-keyring": {
    title: "@napi-rs/keyring, Node",
    // Each of its entries has a connection, and a process does not get far beyond a thousand.
    ...script(node, "napi-rs-keyring", { service: "bench napi-rs", mostAtOnce: 500 }),
  },
  floor: { title: "floor", ...floor() },
};

/** Lets os-secrets take part as it lies in another folder, too; gives what it is called. */
function addOther(folder) {
  const id = "other-node";
  kinds[id] = { title: "other, Node", ...script(node, "ours", { env: { OS_SECRETS_BENCH: folder } }) };
  return id;
}

/** What of a program's last words says why it ended. */
function reason(stderr) {
  return /^\w*Error: .*$/m.exec(stderr)?.[0] ?? stderr.trim();
}

/** Runs a program to its end: the number that it prints, and how long the process lived. */
async function live(session, [command, ...args], env) {
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
  if (code !== 0) throw new Error(reason(output.stderr));
  return { printed: Number(output.stdout), lived };
}

async function repeated(most, slice, measure) {
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

  /** Attaches one of the kinds to a session whose keyring holds `names` items of `Bun.secrets`. */
  constructor(session, id, names) {
    const kind = kinds[id];
    this.id = id;
    this.#session = session;
    this.#kind = kind;
    this.#env = { ...session.env, ...ambient(), ...kind.env };
    this.#names = kind.service === SHARED ? names : OWN_ITEMS;
    const [command, ...args] = kind.serve;
    this.#child = session.start(command, args, { env: this.#env });
    this.#child.stdin.on("error", () => {});
    this.#child.stderr.on("data", (text) => {
      this.#stderr += text;
    });
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** Whether the items that it reads are not those of `Bun.secrets`. */
  get hasOwnItems() {
    return this.#kind.service !== SHARED;
  }

  /** Stores the items that it reads. */
  async fill() {
    await this.#ask("fill", 1, 0, 0);
  }

  /** Whether it can make an operation. */
  can({ tells, size = 0 }) {
    return !this.#kind.lacks.includes(tells) && size <= (this.#kind.mostAtOnce ?? size);
  }

  /** Makes an operation `most` times or for `slice` milliseconds, but once in any case: what each took. */
  async run({ tells, size = 0 }, most, slice) {
    if (tells === "first") return repeated(most, slice, () => this.#first());
    if (tells === "cold") return repeated(most, slice, () => this.#cold());
    return this.#ask(tells, most, slice, size);
  }

  /** Ends the process that lives. */
  end() {
    return this.#session.end(this.#child);
  }

  async #ask(operation, most, slice, size) {
    this.#child.stdin.write(`${operation} ${most} ${Math.ceil(slice)} ${this.#names} ${size}\n`);
    const patience = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE);
    const { done, value } = await this.#lines.next();
    clearTimeout(patience);
    if (done) throw new Error(`its process ended, or did not answer: ${reason(this.#stderr)}`);
    const { values, error } = JSON.parse(value);
    if (error) throw new Error(error);
    return values;
  }

  async #first() {
    return (await live(this.#session, this.#kind.once, this.#env)).printed;
  }

  async #cold() {
    const bare = await live(this.#session, this.#kind.bare, this.#env);
    const whole = await live(this.#session, this.#kind.once, this.#env);
    return whole.lived - bare.lived;
  }
}

/** What programs are to know of the environment that started this one. */
function ambient() {
  const { OS_SECRETS_BENCH } = process.env;
  return OS_SECRETS_BENCH ? { OS_SECRETS_BENCH: resolve(OS_SECRETS_BENCH) } : {};
}

module.exports = { kinds, addOther, Participant, SHARED };
