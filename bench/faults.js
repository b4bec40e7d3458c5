// npm run measure:faults: provokes the faults of docs/reliability.md, for os-secrets under Node and for
// Bun's own under Bun, and prints what each says, how long it takes to say it, and how long the same
// process takes to answer once the fault is gone. Arguments are parts of the names of faults, to provoke
// those alone.

const { once } = require("node:events");
const { join } = require("node:path");
const { createInterface } = require("node:readline");
const { secretsIn } = require("../__test__/support/client.js");
const { bun, runtimes } = require("../__test__/support/runtimes.js");
const { startSession } = require("../__test__/support/session.js");
const { build, targetDirectory } = require("../tools/build.js");
const { run } = require("../tools/process.js");
const { provide } = require("../tools/provision.js");

const key = { service: "faults", name: "name" };
/** Longer than any deadline; what has not answered by then hangs. */
const PATIENCE = 40_000;

/**
 * Each fault: [name, what it does, what undoes it, how the call is made]; the two functions get
 * { session, keyring, bus }. A client that must not have seen what was done before is started after.
 */
const faults = [
  ["keyring killed", async (at) => at.session.end(at.keyring), restartKeyring],
  [
    "keyring killed, which the bus starts again",
    async (at) => at.session.endOwner(),
    nothing,
    { activates: true },
  ],
  ["keyring restarted", async (at) => restartKeyring(at, await at.session.end(at.keyring)), nothing],
  [
    "keyring stopped (SIGSTOP)",
    async (at) => at.keyring.kill("SIGSTOP"),
    async (at) => at.keyring.kill("SIGCONT"),
  ],
  ["bus killed", async (at) => at.session.end(at.bus), restartAll],
  ["bus and keyring restarted", async (at) => restartAll(at, await at.session.end(at.bus)), nothing],
  ["bus stopped (SIGSTOP)", async (at) => at.bus.kill("SIGSTOP"), async (at) => at.bus.kill("SIGCONT")],
  ["keyring locked, no prompter", async (at) => at.session.lock(), replaceKeyring],
  [
    "keyring not unlocked since it started",
    (at) => replaceKeyring(at, null),
    replaceKeyring,
    { after: true },
  ],
  ["name taken by another keyring", takeOver, nothing],
  [
    "keyring locked, prompt never answered (`timeout: 1000`)",
    neverAnswered,
    replaceKeyring,
    { after: true, timeout: 1000 },
  ],
];

/** Faults of the scripted service (examples/scripted-service.rs): [name, how the call is made]. */
const scripted = [
  ["no encryption", { after: true }],
  ["a key exchange that leaves no secret", { after: true }],
  ["the session is forgotten"],
  ["the service leaves in the middle, its successor is there"],
  ["no answer to one message"],
  ["a reply of the wrong types"],
  ["an error in words of 16 MiB"],
  ["100,000 matches that are not there"],
  ["a secret without its last byte"],
  ["the item vanishes between two messages"],
  ["the item is replaced between two messages"],
  ["the collection is locked between two messages"],
  ["the collection is deleted before a `set`", { set: "value" }],
  ["the collection stays locked after its prompt was answered"],
  ["a prompt that ends with nonsense"],
];

async function nothing() {}

async function restartKeyring(at) {
  at.keyring = await at.session.startKeyring();
}

async function restartAll(at) {
  await at.session.end(at.keyring);
  at.bus = await at.session.startBus();
  await restartKeyring(at);
}

async function replaceKeyring(at, password = "") {
  await at.session.end(at.keyring);
  at.keyring = await at.session.startKeyring({ password });
}

async function takeOver(at) {
  const other = at.session.start("gnome-keyring-daemon", [
    "--foreground",
    "--replace",
    "--unlock",
    "--components=secrets",
  ]);
  other.stdin.end("\n");
  await once(at.keyring, "exit");
  at.keyring = other;
  await at.session.waitForOwner();
}

async function neverAnswered(at) {
  await at.session.end(at.keyring);
  const prompter = await at.session.startPrompter();
  at.keyring = await at.session.startKeyring({ prompter });
  await prompter.expect("delay 3600000", "password right");
  await at.session.lock();
}

/** What a call comes to, and after how many milliseconds. */
async function timed(call) {
  const start = performance.now();
  let timer;
  const patience = new Promise((resolve) => {
    timer = setTimeout(resolve, PATIENCE, `no answer after ${PATIENCE / 1000} s`);
  });
  const told = call.then(
    (value) => (value === "value" ? "the value" : value === undefined ? "done" : JSON.stringify(value)),
    (error) => `\`${error.code.replace("ERR_SECRETS_", "")}\`: ${gist(error.message)}`,
  );
  const outcome = await Promise.race([told, patience]);
  clearTimeout(timer);
  return { outcome, time: performance.now() - start };
}

/** The beginning of a message, without the names that differ from run to run. */
function gist(message) {
  const text = message
    .replace(/unix:path=[^ ]*?bus/, "unix:path=…/bus")
    .replace(/The name :\d+\.\d+/, "The name :1.1");
  return text.length > 110 ? `${text.slice(0, 110)}…` : text;
}

async function measure([, provoke, undo, how = {}], [runtime, implementation]) {
  const session = await startSession({ bus: false });
  try {
    const at = { session };
    at.bus = await session.startBus("bus", how);
    if (!how.activates) at.keyring = await session.startKeyring();
    const start = () => secretsIn(session, runtime, implementation, { env: { DISPLAY: ":0" } });
    const first = start();
    await first.set({ ...key, value: "value" });
    await provoke(at);
    const client = how.after ? start() : first;
    const during = await timed(client.get({ ...key, timeout: how.timeout }));
    await undo(at);
    const after = await timed(client.get(key));
    return { during, after };
  } finally {
    await session.stop();
  }
}

async function measureScripted([fault, how = {}], [runtime, implementation]) {
  const session = await startSession({ keyring: false });
  try {
    const service = session.start(scriptedService, []);
    const answers = createInterface(service.stdout)[Symbol.asyncIterator]();
    await answers.next();
    const tell = async (command) => {
      service.stdin.write(`${command}\n`);
      await answers.next();
    };
    const start = () => secretsIn(session, runtime, implementation, { env: { DISPLAY: ":0" } });
    const first = start();
    await first.get(key);
    await tell(fault);
    const client = how.after ? start() : first;
    const during = await timed(how.set ? client.set({ ...key, value: how.set }) : client.get(key));
    await tell("heal");
    const after = await timed(client.get(key));
    return { during, after };
  } finally {
    await session.stop();
  }
}

function cell({ outcome, time }) {
  const shown = time < 1000 ? `${time.toFixed(0)} ms` : `${(time / 1000).toFixed(1)} s`;
  return `${outcome.replaceAll("|", "\\|")} (${shown})`;
}

async function table(measure, faults) {
  const chosen = process.argv.slice(2);
  console.log("| fault | os-secrets says | afterwards | Bun says | afterwards |");
  console.log("|---|---|---|---|---|");
  for (const fault of faults) {
    if (chosen.length > 0 && !chosen.some((part) => fault[0].includes(part))) continue;
    const ours = await measure(fault, [runtimes["Node 22"], "os-secrets"]);
    const theirs = await measure(fault, [[bun], "bun"]);
    const cells = [ours.during, ours.after, theirs.during, theirs.after].map(cell);
    console.log(`| ${fault[0]} | ${cells.join(" | ")} |`);
  }
}

provide("modules runtimes");
build();
run("cargo", ["build", "--release", "--locked", "--example", "scripted-service"]);
const scriptedService = join(targetDirectory(), "release", "examples", "scripted-service");

table(measure, faults).then(() => table(measureScripted, scripted));
